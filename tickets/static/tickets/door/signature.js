// Checks Ed25519 signatures: with the browser's own code if it has it, else with a small library.

import { fromBase64Url } from "./code.js";

const NAME = "Ed25519";
let chosen = null;

/**
 * Return whether the key with this public half, as base64url, has signed a code that was read.
 *
 * `verifier` is what `chooseVerifier` or `loadLibrary` returned. Without it: the first of them.
 */
export async function isGenuine(code, publicKey, verifier) {
  const verify = verifier ?? (await (chosen ??= chooseVerifier()));
  try {
    return await verify(code.signature, code.signed, fromBase64Url(publicKey));
  } catch {
    // A key or a signature that is no point of the curve.
    return false;
  }
}

/** Return the check by the browser, or the library's where the browser does not know Ed25519. */
export async function chooseVerifier() {
  try {
    await crypto.subtle.generateKey(NAME, false, ["verify", "sign"]);
    return verifyInBrowser;
  } catch {
    return loadLibrary();
  }
}

/** Return the check by the library, which is slower. */
export async function loadLibrary() {
  const { verifyAsync } = await import("./vendor/noble/index.js");
  // As the server's: RFC 8032, without the more lenient rules of ZIP 215.
  return (signature, message, key) => verifyAsync(signature, message, key, { zip215: false });
}

const importedKeys = new Map();

async function verifyInBrowser(signature, message, key) {
  const name = key.join();
  if (!importedKeys.has(name)) {
    importedKeys.set(name, crypto.subtle.importKey("raw", key, NAME, false, ["verify"]));
  }
  return crypto.subtle.verify(NAME, await importedKeys.get(name), signature, message);
}
