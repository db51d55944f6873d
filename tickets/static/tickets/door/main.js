// Starts the page: pair the phone, then scan.

import { Camera } from "./camera.js";
import { byId, make, showScreen, showText } from "./dom.js";
import { Gate } from "./gate.js";
import { listenToKeyboard } from "./keyboard.js";
import { sendLastScans } from "./last_scans.js";
import { Link } from "./link.js";
import { openMenu } from "./menu.js";
import { becomeDevice } from "./pair_screen.js";
import { findPairingCode, takeCodeFromAddress } from "./pairing.js";
import { closeSheet, openSheet, prepareSheet } from "./sheet.js";
import { keepAwake, unlockSound } from "./signals.js";
import { waitForStart } from "./start_screen.js";
import { openStore } from "./store.js";
import { say, showNumber, speak } from "./words.js";

const CHOICES = { sound: true, vibration: true, language: "", camera: "", seenConflicts: [] };
const CAMERA_PROBLEMS = {
  NotAllowedError: "camera_refused",
  NotFoundError: "camera_missing",
  NotReadableError: "camera_busy",
};

// Taken before anything is awaited, so that it is gone from the address at once.
const codeOfAddress = takeCodeFromAddress();

async function main() {
  const store = await openStore();
  const choices = { ...CHOICES, ...(await store.read("choices")) };
  speak(choices.language);
  prepareSheet();
  prepareLanguages(store, choices);
  showEnd();
  serveOffline();
  addEventListener("unhandledrejection", () => showText(byId("aim"), say("something_wrong")));
  const camera = new Camera({ video: byId("video"), workerAddress: "/door/decoder.js", found: () => undefined });
  let device = await store.read("device");
  if (device === null || codeOfAddress !== null) {
    const earlier = device;
    device = await becomeDevice({
      code: codeOfAddress,
      earlier,
      scanOne: () => scanOne(camera, choices),
      sendLast: (progress) => sendLastScans({ store, token: earlier.token, progress }),
    });
    if (earlier?.id !== device.id) {
      // Nothing of another device may stay here.
      await store.forget();
    }
    await store.write("device", device);
    await store.write("choices", choices);
    // A phone that is short of space must not drop scans that wait.
    await navigator.storage?.persist?.();
  }
  await run({ store, device, camera, choices });
}

async function run({ store, device, camera, choices }) {
  const link = new Link({ store, token: device.token });
  let isOver = false;
  const ended = async ({ isWanted = false } = {}) => {
    if (!isOver) {
      isOver = true;
      link.stop();
      camera.stop();
      const lost = await store.countWaiting();
      await store.forget();
      if (!isWanted) {
        sessionStorage.setItem("ended", lost);
      }
      location.reload();
    }
  };
  link.addEventListener("unknown", () => ended());
  const started = link.start();
  if (link.state === null) {
    await started;
  }
  const gate = new Gate({ store, link, device, camera, choices, ended });
  keepInstallOffer(gate);
  await gate.start();
  await waitForStart(gate);
  unlockSound();
  keepAwake();
  openGate(gate);
}

function openGate(gate) {
  byId("bar").hidden = false;
  showScreen("scan");
  gate.camera.found = (text) => gate.see(text);
  listenToKeyboard((text) => gate.take(text));
  byId("menu-open").onclick = () => openMenu(gate);
  byId("link").onclick = () => gate.link.hurry();
  byId("find-open").onclick = () => gate.openGuests();
  byId("type-open").onclick = () => openTyping(gate);
  byId("other-camera").onclick = () => switchCamera(gate);
  byId("light").onclick = () => switchLight(gate.camera);
  byId("camera-again").onclick = () => startCamera(gate.camera, gate.choices);
  // A phone in a pocket needs no camera.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      gate.camera.stop();
    } else {
      startCamera(gate.camera, gate.choices);
    }
  });
  startCamera(gate.camera, gate.choices);
}

async function startCamera(camera, choices) {
  try {
    await camera.start(choices.camera);
    byId("no-camera").hidden = true;
    byId("light").hidden = !camera.hasLight;
    byId("other-camera").hidden = (await camera.list()).length < 2;
  } catch (error) {
    const word = window.isSecureContext ? CAMERA_PROBLEMS[error.name] : "camera_insecure";
    showText(byId("no-camera-why"), word ? say(word) : "");
    byId("no-camera").hidden = false;
  }
}

async function switchCamera(gate) {
  const ids = (await gate.camera.list()).map((each) => each.deviceId);
  const next = ids[(ids.indexOf(gate.camera.id) + 1) % ids.length];
  await gate.choose({ camera: next });
}

async function switchLight(camera) {
  const button = byId("light");
  const isOn = button.getAttribute("aria-pressed") !== "true";
  await camera.setLight(isOn);
  button.setAttribute("aria-pressed", String(isOn));
  button.querySelector("span").textContent = say(isOn ? "light_off" : "light_on");
}

function openTyping(gate) {
  const field = make("input", { type: "text", id: "typed", autocomplete: "off", maxLength: 300 });
  field.autocapitalize = "characters";
  field.spellcheck = false;
  const form = make(
    "form",
    {},
    make("label", { htmlFor: "typed" }, say("the_code")),
    field,
    make("button", { type: "submit", className: "main-button" }, say("check")),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (gate.device.isSupervisor && text && !text.startsWith("T1:")) {
      // An order's code or a name, which only a supervisor's phone may search for.
      gate.openGuests(text);
    } else if (text) {
      closeSheet();
      gate.take(text);
    }
  };
  openSheet(say("type_code"), [form]);
  field.focus();
}

/** Open the camera for one pairing code, and return its text, or null if there is no camera. */
function scanOne(camera, choices) {
  showScreen("scan");
  return new Promise((resolve) => {
    const finish = (text) => {
      camera.found = () => undefined;
      camera.stop();
      resolve(text);
    };
    camera.found = (text) => text !== null && findPairingCode(text) !== null && finish(text);
    byId("type-open").onclick = () => finish(null);
    startCamera(camera, choices);
  });
}

function prepareLanguages(store, choices) {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.onclick = async () => {
      choices.language = button.dataset.language;
      speak(choices.language);
      await store.write("choices", choices);
      document.dispatchEvent(new Event("spoken"));
    };
  }
}

/** Say that the organizer has ended the use of this phone, and how many scans could not be sent. */
function showEnd() {
  const lost = sessionStorage.getItem("ended");
  if (lost !== null) {
    sessionStorage.removeItem("ended");
    byId("ended").hidden = false;
    const show = () => showText(byId("ended-lost"), lost === "0" ? "" : say("ended_lost", { count: showNumber(Number(lost)) }));
    document.addEventListener("spoken", show);
    show();
  }
}

/** Keep the browser's offer to install the page for the menu, which asks at a better moment. */
function keepInstallOffer(gate) {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    gate.installOffer = event;
  });
}

function serveOffline() {
  // A private window refuses. The page then works as long as it is not reloaded offline.
  navigator.serviceWorker?.register("/door/sw.js", { scope: "/door" }).catch(() => undefined);
}

main().catch((error) => {
  showText(byId("aim"), say("something_wrong"));
  throw error;
});
