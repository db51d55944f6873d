// Sends the scans that were decided without the server, oldest first.

import { call } from "./api.js";

// As many as the server takes at once.
const BATCH = 200;
const SECONDS = 30;
const SENT = ["scan_id", "code", "event", "scanned_at", "direction", "decision"];

/**
 * Send all scans that wait. `progress(left)` is called after each batch.
 *
 * Return how many the server counts as conflicts: the phone has let somebody in, against the rules.
 * Throws NoAnswer, Unknown or Refused. What was not sent waits on.
 */
export async function uploadScans({ store, token, progress }) {
  let conflicts = 0;
  for (;;) {
    const scans = await store.oldestWaiting(BATCH);
    if (scans.length === 0) {
      return conflicts;
    }
    const body = { scans: scans.map(asSent) };
    const { results } = await call("/door/scans", { token, body, seconds: SECONDS });
    conflicts += results.filter((each) => each.conflict).length;
    // The ticket first: in between, the next scan of the same ticket must not find it unused.
    await store.noteTickets(scans.filter((each) => each.decision === "admitted").map(asKnown));
    await store.dropScans(scans.map((scan) => scan.scan_id));
    progress(await store.countWaiting());
  }
}

function asSent(scan) {
  return Object.fromEntries(SENT.map((name) => [name, scan[name]]));
}

function asKnown({ ticket: id, scanned_at: at, result }) {
  return { id, status: "used", inside: result === "admitted", at, enteredAt: Date.parse(at) };
}
