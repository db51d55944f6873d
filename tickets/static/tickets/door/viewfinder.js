// The picture of the camera with what stands on it: where to point, the light, and why there is none.

import { byId, make, showScreen, showText } from "./dom.js";
import { findPairingCode } from "./pairing.js";
import { say } from "./words.js";

const CAMERA_PROBLEMS = {
  NotAllowedError: "camera_refused",
  NotFoundError: "camera_missing",
  NotReadableError: "camera_busy",
};

let isPairing = false;

/** Start the camera that was chosen on this phone, or show why it does not start. */
export async function startCamera(camera, choices) {
  // Another app may take the camera away, and a cable may come loose.
  camera.ended = () => startCamera(camera, choices);
  camera.darkened = () => showAim(camera);
  try {
    await camera.start(choices.camera);
    byId("no-camera").hidden = true;
    byId("other-camera").hidden = (await camera.list()).length < 2;
    await setLight(camera, isLightOn());
  } catch (error) {
    const word = window.isSecureContext ? (CAMERA_PROBLEMS[error.name] ?? "camera_other") : "camera_insecure";
    showText(byId("no-camera-why"), say(word));
    byId("no-camera").hidden = false;
  }
}

/** Use the next camera of the phone. `choose` remembers it and starts it. */
export async function switchCamera(camera, choose) {
  const ids = (await camera.list()).map((each) => each.deviceId);
  const next = ids[(ids.indexOf(camera.id) + 1) % ids.length];
  await choose({ camera: next });
}

export function switchLight(camera) {
  return setLight(camera, !isLightOn());
}

/** Say where to point: at whose code, and what helps if it is too dark. */
export function showAim(camera) {
  if (isPairing) {
    return;
  }
  const word = document.body.dataset.direction === "exit" ? "aim_exit" : "aim";
  const inTheDark = camera.hasLight && !isLightOn() ? "aim_dark_light" : "aim_dark";
  showAimWord(camera.isDark ? inTheDark : word);
}

/** Open the camera for one pairing code, and return its text, or null if somebody went back. */
export function scanPairingCode(camera, choices) {
  isPairing = true;
  showScreen("scan");
  const back = make("button", { type: "button", className: "back" }, say("back"));
  byId("tools").hidden = true;
  byId("tools").after(back);
  return new Promise((resolve) => {
    const finish = (text) => {
      camera.found = () => undefined;
      camera.stop();
      isPairing = false;
      back.remove();
      byId("tools").hidden = false;
      resolve(text);
    };
    camera.found = (text) => {
      if (text !== null && findPairingCode(text) !== null) {
        finish(text);
      } else {
        showAimWord(text === null ? "aim_pairing" : "pair_other_code");
      }
    };
    back.onclick = () => finish(null);
    byId("camera-again").onclick = () => startCamera(camera, choices);
    showAimWord("aim_pairing");
    startCamera(camera, choices);
  });
}

function isLightOn() {
  return byId("light").getAttribute("aria-pressed") === "true";
}

/** Set the light, which a camera that starts has off. */
async function setLight(camera, isWanted) {
  const button = byId("light");
  const isOn = isWanted && camera.hasLight;
  button.hidden = !camera.hasLight;
  if (isOn || isLightOn()) {
    await camera.setLight(isOn);
  }
  button.setAttribute("aria-pressed", String(isOn));
  button.querySelector("span").textContent = say(isOn ? "light_off" : "light_on");
  showAim(camera);
}

function showAimWord(word) {
  const aim = byId("aim");
  if (aim.dataset.word !== word) {
    aim.dataset.word = word;
    aim.textContent = say(word);
  }
}
