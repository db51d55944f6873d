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

function changedTickets({ used, outside = [], revoked, made_at: madeAt }) {
  // Where tickets enter once a day, only those that have entered on this day are listed.
  const entry = { status: "used", enteredAt: Date.parse(madeAt) };
  return [
    ...used.map((id) => ({ id, ...entry, inside: true })),
    ...outside.map((id) => ({ id, ...entry, inside: false })),
    ...revoked.map((id) => ({ id, status: "revoked" })),
  ];
}
