// Makes this phone a door device, by the code that an organizer shows as a QR code.

import { Refused, call } from "./api.js";

const SECONDS = 15;
const CODE = /^pair_[A-Za-z0-9_-]+$/;

/** Return the pairing code in a text: the address that the organizer's QR code has, or the code. */
export function findPairingCode(text) {
  const fragment = text.includes("#") ? text.slice(text.indexOf("#") + 1) : "";
  const code = new URLSearchParams(fragment).get("pair") ?? text.trim();
  return CODE.test(code) ? code : null;
}

/** Take the pairing code out of the address bar, so that no reload or bookmark has it. */
export function takeCodeFromAddress() {
  const code = findPairingCode(location.hash);
  if (location.hash) {
    history.replaceState(null, "", location.pathname);
  }
  return code;
}

/**
 * Return the device that this phone is now, or null if the code does not work any more.
 * Throws NoAnswer. The same `attempt` may be tried again: the code works for one phone.
 */
export async function pair(code, attempt) {
  try {
    const device = await call("/devices/pair", {
      body: { pairing_code: code },
      key: attempt,
      seconds: SECONDS,
    });
    const { token, id, name, gate } = device;
    return { token, id, name, gate, isSupervisor: device.is_supervisor };
  } catch (error) {
    if (error instanceof Refused) {
      return null;
    }
    throw error;
  }
}
