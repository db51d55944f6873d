// Starts the page: pair the phone, then scan.

import { Camera } from "./camera.js";
import { byId, make, showScreen, showText } from "./dom.js";
import { Gate } from "./gate.js";
import { listenToKeyboard } from "./keyboard.js";
import { sendLastScans } from "./last_scans.js";
import { Link } from "./link.js";
import { openMenu } from "./menu.js";
import { becomeDevice } from "./pair_screen.js";
import { takeCodeFromAddress } from "./pairing.js";
import { closeSheet, openSheet, prepareSheet } from "./sheet.js";
import { keepAwake, unlockSound } from "./signals.js";
import { waitForStart } from "./start_screen.js";
import { openStore } from "./store.js";
import { scanPairingCode, startCamera, switchCamera, switchLight } from "./viewfinder.js";
import { say, showNumber, speak } from "./words.js";

const CHOICES = { sound: true, vibration: true, language: "", camera: "", seenConflicts: [] };

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
      scanOne: () => scanPairingCode(camera, choices),
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
  byId("link").onclick = () => gate.reconnect();
  byId("find-open").onclick = () => gate.openGuests();
  byId("type-open").onclick = () => openTyping(gate);
  byId("other-camera").onclick = () => switchCamera(gate.camera, (choice) => gate.choose(choice));
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

function openTyping(gate) {
  const { isSupervisor } = gate.device;
  const field = make("input", { type: "text", id: "typed", autocomplete: "off", maxLength: 300 });
  field.autocapitalize = "characters";
  field.spellcheck = false;
  const complaint = make("p", { className: "notice", hidden: true });
  complaint.role = "alert";
  const form = make(
    "form",
    {},
    make("label", { htmlFor: "typed" }, say(isSupervisor ? "any_code" : "the_code")),
    field,
    complaint,
    make("button", { type: "submit", className: "main-button" }, say("check")),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text.startsWith("T1:")) {
      closeSheet();
      gate.take(text);
    } else if (text && isSupervisor) {
      gate.openGuests(text);
    } else if (text) {
      // A red answer would call the guest a forger, who has shown the short code of a good ticket.
      showText(complaint, say("short_code"));
    }
  };
  openSheet(say("type_code"), [form]);
  field.focus();
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
