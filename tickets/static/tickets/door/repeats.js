// Tells a new code in front of the camera from one that is still there.

// A phone that leaves the picture for less is the same guest, who has not put it away yet.
const GONE_AFTER_MS = 3000;

/** Times are in milliseconds of any steady clock. */
export class Repeats {
  #text = null;
  #seenAt = -Infinity;

  /** Return whether this text, seen now, is the one that was taken last and has not gone away. */
  isStill(text, at) {
    if (text !== this.#text || at - this.#seenAt >= GONE_AFTER_MS) {
      return false;
    }
    this.#seenAt = at;
    return true;
  }

  /** Note that this text is being checked. */
  take(text, at) {
    [this.#text, this.#seenAt] = [text, at];
  }
}
