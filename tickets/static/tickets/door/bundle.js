// Fetches the event data that a phone needs to decide without the server.

import { call } from "./api.js";

const SECONDS = 20;

/** Fetch what has changed since the last time, or everything. Throws NoAnswer or Unknown. */
export async function fetchBundle({ store, token }) {
  let cursor = await store.read("cursor");
  for (;;) {
    const query = cursor === null ? "" : `?since=${encodeURIComponent(cursor)}`;
    const part = await call(`/door/bundle${query}`, { token, seconds: SECONDS });
    const { made_at, expires_at, keys, events } = part;
    await store.takeBundle({
      bundle: { made_at, expires_at, keys, events },
      cursor: part.cursor,
      tickets: changedTickets(part),
      freed: part.freed,
      isWhole: part.reset,
    });
    if (part.complete) {
      return;
    }
    cursor = part.cursor;
  }
}

function changedTickets(part) {
  const outside = new Set(part.outside ?? []);
  const entered = part.entered ?? {};
  const used = part.used.map((id) => ({
    id,
    status: "used",
    inside: !outside.has(id),
    enteredAt: id in entered ? entered[id] * 1000 : undefined,
  }));
  const revoked = part.revoked.map((id) => ({ id, status: "revoked" }));
  return [...used, ...revoked];
}
