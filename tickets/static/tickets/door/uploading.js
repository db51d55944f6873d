// Sends the scans that were decided without the server, oldest first.

import { Refused, call } from "./api.js";

// As many as the server takes at once.
const BATCH = 200;
const SECONDS = 30;

/**
 * Send all scans that wait. `progress(sent, left)` is called after each batch.
 *
 * Return the scans on which the server disagrees: `{scan, result, first_scan}` each.
 * Throws NoAnswer if the connection is lost again, or Unknown. What was not sent stays.
 */
export async function uploadScans({ store, token, progress }) {
  const conflicts = [];
  let [size, sent] = [BATCH, 0];
  for (;;) {
    const scans = await store.oldestWaiting(size);
    if (scans.length === 0) {
      return conflicts;
    }
    const results = await send(scans, token);
    if (results === null && scans.length > 1) {
      // One scan spoils its batch: look for it, so that the others are not held up.
      size = Math.ceil(scans.length / 2);
      continue;
    }
    conflicts.push(...disagreements(scans, results ?? []));
    await store.noteTickets(scans.filter((each) => each.decision === "admitted").map(asKnown));
    await store.dropScans(scans.map((scan) => scan.scan_id));
    sent += scans.length;
    size = BATCH;
    progress(sent, await store.countWaiting());
  }
}

/** Return the results of a batch, or null if the server does not take it. */
async function send(scans, token) {
  const fields = ["scan_id", "code", "event", "scanned_at", "direction", "decision"];
  const pick = (scan) => Object.fromEntries(fields.map((name) => [name, scan[name]]));
  try {
    const body = { scans: scans.map(pick) };
    return (await call("/door/scans", { token, body, seconds: SECONDS })).results;
  } catch (error) {
    if (error instanceof Refused) {
      return null;
    }
    throw error;
  }
}

function disagreements(scans, results) {
  const byId = new Map(scans.map((scan) => [scan.scan_id, scan]));
  return results
    .filter((each) => each.conflict)
    .map((each) => ({ scan: byId.get(each.scan_id), ...each }));
}

function asKnown(scan) {
  const inside = scan.result === "admitted";
  return { id: scan.ticket, status: "used", inside, at: scan.scanned_at };
}
