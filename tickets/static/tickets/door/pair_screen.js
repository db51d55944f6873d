// The first screen: this phone becomes a door device.

import { NoAnswer } from "./api.js";
import { byId, showScreen, showText } from "./dom.js";
import { findPairingCode, pair } from "./pairing.js";
import { say } from "./words.js";

/**
 * Show the screen, and resolve to the device that this phone becomes.
 *
 * `code` is the pairing code of the address, or null. `earlier` is the device that the phone is, or
 * null: a link alone, which anybody may send, makes no other one of it. `scanOne` opens the camera
 * and resolves to the first text in front of it, or to null.
 */
export function becomeDevice({ code, earlier, scanOne }) {
  showScreen("pair");
  return new Promise((resolve) => {
    // One id for all attempts: a phone that lost the response gets the same token again.
    const attempt = crypto.randomUUID();
    const tryText = async (text) => {
      const found = findPairingCode(text);
      const device = found === null ? fail("pair_other_code") : await tryCode(found, attempt);
      if (device) {
        resolve(device);
      }
    };
    byId("pair-form").onsubmit = (event) => {
      event.preventDefault();
      tryText(byId("pair-code").value);
    };
    byId("pair-scan").onclick = async () => {
      const text = await scanOne();
      showScreen("pair");
      if (text !== null) {
        await tryText(text);
      }
    };
    if (code !== null) {
      byId("pair-code").value = code;
      if (earlier === null) {
        tryText(code);
      } else {
        showText(byId("pair-error"), say("pair_again", { name: earlier.name }));
      }
    }
  });
}

async function tryCode(code, attempt) {
  const button = byId("pair-form").querySelector("button");
  button.disabled = true;
  button.textContent = say("pairing");
  try {
    return (await pair(code, attempt)) ?? fail("pair_not_valid");
  } catch (error) {
    if (!(error instanceof NoAnswer)) {
      throw error;
    }
    return fail("pair_no_answer");
  } finally {
    button.disabled = false;
    button.textContent = say("pair_go");
  }
}

function fail(word) {
  showText(byId("pair-error"), say(word));
  return null;
}
