// The text inside a ticket's QR code, and what it claims. `tickets/codes.py` writes it.

import { decodeBase45 } from "./base45.js";

const PREFIX = "T1:";
const LENGTH = 147;
const VERSION = 1;
const SIGNED_BYTES = 32;
const BYTES = 96;

/**
 * Return the claims of a code with its signed bytes and signature, or null if it is not one of ours.
 * Times are in milliseconds. Do not trust the claims before `isGenuine` has checked them.
 */
export function readCode(text) {
  if (text.length !== LENGTH || !text.startsWith(PREFIX)) {
    return null;
  }
  const bytes = decodeBase45(text.slice(PREFIX.length));
  if (bytes === null || bytes.length !== BYTES || bytes[0] !== VERSION) {
    return null;
  }
  const view = new DataView(bytes.buffer);
  return {
    keyId: view.getUint8(1),
    event: view.getUint32(2),
    type: view.getUint16(6),
    ticket: toBase64Url(bytes.slice(8, 24)),
    validFrom: view.getUint32(24) * 1000,
    validUntil: view.getUint32(28) * 1000,
    signed: bytes.slice(0, SIGNED_BYTES),
    signature: bytes.slice(SIGNED_BYTES),
  };
}

/** Return the short form of a ticket's id, which codes and the bundle have, of a UUID. */
export function shortId(uuid) {
  const digits = uuid.replaceAll("-", "").match(/../g);
  return toBase64Url(Uint8Array.from(digits, (pair) => parseInt(pair, 16)));
}

export function toBase64Url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
