// The server's time. A phone's own clock may be wrong by hours.

let ahead = 0;

/** Return the moment by the server's clock, in milliseconds. */
export function now() {
  return Date.now() + ahead;
}

/** Set how far the server's clock is ahead of the phone's, in milliseconds. */
export function setAhead(milliseconds) {
  ahead = milliseconds;
}

/** Return how far the server is ahead: `sentAt` and `receivedAt` are by the phone's clock. */
export function measureAhead(serverTime, sentAt, receivedAt) {
  return Date.parse(serverTime) - (sentAt + receivedAt) / 2;
}
