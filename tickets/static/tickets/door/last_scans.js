// What a phone has decided and not told yet, before it becomes another device.

import { NoAnswer, Refused, Unknown } from "./api.js";
import { uploadScans } from "./uploading.js";

/**
 * Send the scans that wait. `progress(left)` is called after each batch.
 *
 * Return null if none is left, else `{count, isRevoked}`: how many are, and whether the server takes no
 * scan of this device any more.
 */
export async function sendLastScans({ store, token, progress }) {
  try {
    await uploadScans({ store, token, progress });
    return null;
  } catch (error) {
    if (![NoAnswer, Refused, Unknown].some((kind) => error instanceof kind)) {
      throw error;
    }
    return { count: await store.countWaiting(), isRevoked: error instanceof Unknown };
  }
}
