// Tells a new code in front of the camera from one that is still there.

// A phone that leaves the picture for less is the same guest, who has not put it away yet.
const GONE_AFTER_MS = 3000;

export class Repeats {
  #text = null;
  #seenAt = -Infinity;

  /** Return whether this text is to be checked: `at` is in milliseconds of any steady clock. */
  isNew(text, at) {
    const isSame = text === this.#text && at - this.#seenAt < GONE_AFTER_MS;
    [this.#text, this.#seenAt] = [text, at];
    return !isSame;
  }
}
