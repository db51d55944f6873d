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

/** Return what a part of the event data tells of tickets that are used or revoked. */
export function changedTickets({ used, outside = [], entered = {}, revoked }) {
  const left = new Set(outside);
  return [
    ...used.map((id) => ({
      id,
      status: "used",
      inside: !left.has(id),
      // The server tells it where tickets enter once a day.
      enteredAt: id in entered ? entered[id] * 1000 : null,
    })),
    ...revoked.map((id) => ({ id, status: "revoked" })),
  ];
}
