// The first screen: this phone becomes a door device.

import { NoAnswer } from "./api.js";
import { byId, showScreen, showText } from "./dom.js";
import { findPairingCode, pair } from "./pairing.js";
import { say, showNumber } from "./words.js";

/**
 * Show the screen, and resolve to the device that this phone becomes.
 *
 * `code` is the pairing code of the address, or null. `earlier` is the device that the phone is, or
 * null: a link alone, which anybody may send, makes no other one of it. `scanOne` opens the camera
 * and resolves to the first text in front of it, or to null. `sendLast` sends the scans of `earlier`
 * and returns what `sendLastScans` does: a code is not used up before they are sent.
 */
export function becomeDevice({ code, earlier, scanOne, sendLast }) {
  showScreen("pair");
  return new Promise((resolve) => {
    // One id for all attempts: a phone that lost the response gets the same token again.
    const attempt = crypto.randomUUID();
    let isWarned = false;
    const findObstacle = async () => {
      const left = earlier === null ? null : await sendLast(showSending);
      // Nobody can send the scans of a revoked device. Then a warning is all that helps.
      if (left === null || (left.isRevoked && isWarned)) {
        return null;
      }
      isWarned = left.isRevoked;
      return [left.isRevoked ? "pair_loses" : "pair_waits", { name: earlier.name, count: showNumber(left.count) }];
    };
    const tryText = async (text) => {
      const found = findPairingCode(text);
      const device = found === null ? fail("pair_other_code") : await tryCode(found, attempt, findObstacle);
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

async function tryCode(code, attempt, findObstacle) {
  const button = byId("pair-form").querySelector("button");
  button.disabled = true;
  button.textContent = say("pairing");
  try {
    const obstacle = await findObstacle();
    return obstacle ? fail(...obstacle) : ((await pair(code, attempt)) ?? fail("pair_not_valid"));
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

function showSending(left) {
  byId("pair-form").querySelector("button").textContent = say("sending", { left: showNumber(left) });
}

function fail(word, values) {
  showText(byId("pair-error"), say(word, values));
  return null;
}
