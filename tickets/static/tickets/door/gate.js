// The gate: codes come in from the camera or a keyboard, and answers go to the person who stands there.

import { actsAfter } from "./acts_after.js";
import { Unknown } from "./api.js";
import { askToAdmit, hideAnswer, isAnswerShown, showAnswer, showChecking, toneOf } from "./answer.js";
import { showConflictBar, showCounts, showLink, showPlace } from "./bar.js";
import { now } from "./clock.js";
import { readCode } from "./code.js";
import { openConflicts } from "./conflicts.js";
import { byId } from "./dom.js";
import { chooseEvent } from "./events.js";
import { openGuests } from "./guests.js";
import { Repeats } from "./repeats.js";
import { Scanning } from "./scanning.js";
import { closeSheet, isSheetOpen } from "./sheet.js";
import { signal } from "./signals.js";
import { showAim, startCamera } from "./viewfinder.js";
import { say, speak } from "./words.js";

// An admission goes away by itself. A refusal stays until somebody taps or shows another code.
const ADMITTED_FOR_MS = 2500;
// Nobody could read an answer that the next code replaces sooner.
const SHOWN_AT_LEAST_MS = 800;
const CHECKING_AFTER_MS = 250;
// Somebody who comes back sooner with the same code has most often just shown it twice.
const JUST_NOW_MS = 2 * 60_000;
const RECENT = 30;

/** Dispatches `changed` when what it shows about itself may be another. */
export class Gate extends EventTarget {
  constructor({ store, link, device, camera, choices, ended }) {
    super();
    Object.assign(this, { store, link, device, camera, choices, ended });
    this.scanning = new Scanning({ store, link, device });
    this.repeats = new Repeats();
    this.recent = [];
    this.seenConflicts = new Set(choices.seenConflicts);
    this.isBusy = false;
    this.shownAt = -Infinity;
    this.bundle = null;
    // Whether the browser has kept the page itself.
    this.isKept = false;
  }

  get events() {
    return this.link.state?.events ?? this.bundle?.events ?? [];
  }

  get event() {
    return this.events.length === 1 ? this.events[0] : this.scanning.event;
  }

  get zone() {
    return (this.event ?? this.events[0])?.timezone;
  }

  get organizer() {
    return this.link.state?.organizer?.name;
  }

  async start() {
    for (const name of ["online", "offline", "state", "waiting"]) {
      this.link.addEventListener(name, () => this.refresh());
    }
    this.link.addEventListener("conflicts", () => signal("bad", this.choices));
    byId("answer").onclick = () => this.dismiss();
    byId("conflict-bar").onclick = () => this.openConflicts();
    for (const button of byId("directions").children) {
      button.onclick = () => this.setDirection(button.dataset.direction);
    }
    // A gate for leaving stays one when its page is loaded again.
    this.setDirection(sessionStorage.getItem("direction") ?? "entry");
    navigator.serviceWorker?.ready.then(() => {
      this.isKept = true;
      this.refresh();
    });
    await this.refresh();
  }

  /** Show what has changed: the connection, the event, the counts, the conflicts. */
  async refresh() {
    this.bundle = await this.store.read("bundle");
    this.scanning.event = chooseEvent(this.events, this.choices.event, now());
    this.#takeName(this.link.state?.device);
    const { isOnline, waiting, isSending } = this.link;
    showLink({ isOnline, waiting, isSending, bundle: this.bundle, zone: this.zone });
    showPlace(this.event, this.device.gate);
    showCounts(isOnline ? this.event : null);
    showConflictBar(this.#newConflicts().length);
    byId("directions").hidden = !this.events.some((event) => event.reentry === "always");
    byId("find-open").hidden = !this.device.isSupervisor;
    this.dispatchEvent(new Event("changed"));
  }

  /** Take a text that the camera sees, or null if it sees none. */
  see(text) {
    const at = performance.now();
    // First of all: a code that stays in view while its answer is awaited or read is no new one.
    if (text === null || this.repeats.isStill(text, at)) {
      return;
    }
    const isTooSoon = isAnswerShown() && at - this.shownAt < SHOWN_AT_LEAST_MS;
    if (!this.isBusy && !isTooSoon && !isSheetOpen()) {
      this.repeats.take(text, at);
      this.take(text);
    }
  }

  /** Take a code from the camera or a keyboard: check it, or ask first. */
  async take(text) {
    if (this.isBusy) {
      return;
    }
    this.isBusy = true;
    clearTimeout(this.timer);
    try {
      if (await this.#asksFirst(text)) {
        return;
      }
      await this.#check(text);
    } catch (error) {
      if (!(error instanceof Unknown)) {
        throw error;
      }
      this.ended();
    } finally {
      this.isBusy = false;
    }
  }

  setDirection(direction) {
    this.scanning.direction = direction;
    document.body.dataset.direction = direction;
    sessionStorage.setItem("direction", direction);
    showAim(this.camera);
    for (const button of byId("directions").children) {
      button.setAttribute("aria-pressed", String(button.dataset.direction === direction));
    }
  }

  dismiss() {
    clearTimeout(this.timer);
    hideAnswer();
  }

  /** Change choices of this phone, and remember them. */
  async choose(changes) {
    Object.assign(this.choices, changes);
    await this.store.write("choices", { ...this.choices, seenConflicts: [...this.seenConflicts] });
    if (changes.language) {
      speak(changes.language);
    }
    if (changes.camera) {
      await startCamera(this.camera, this.choices);
    }
    await this.refresh();
  }

  openGuests(text) {
    openGuests({
      text,
      token: this.device.token,
      events: this.event ? [this.event] : this.events,
      zone: this.zone,
      changed: (isAdmitted) => {
        if (isAdmitted) {
          signal("good", this.choices);
        }
        this.link.hurry();
      },
      handleUnknown: (error) => (error instanceof Unknown ? this.ended() : Promise.reject(error)),
    });
  }

  async openConflicts() {
    const conflicts = this.link.state?.conflicts ?? [];
    conflicts.forEach((each) => this.seenConflicts.add(each.id));
    openConflicts(conflicts, { zone: this.zone, isSupervisor: this.device.isSupervisor });
    await this.choose({});
  }

  /** Ask the server again because somebody wants it, and say so. */
  async reconnect() {
    byId("link-text").textContent = say("connecting");
    await this.link.hurry();
    await this.refresh();
  }

  countWaiting() {
    return this.store.countWaiting();
  }

  forget() {
    closeSheet();
    this.ended({ isWanted: true });
  }

  /** Take the name, the gate and the rights that an organizer has given the device since. */
  #takeName(device) {
    if (device) {
      const { name, gate, is_supervisor: isSupervisor } = device;
      Object.assign(this.device, { name, gate, isSupervisor });
    }
  }

  #newConflicts() {
    return (this.link.state?.conflicts ?? []).filter((each) => !this.seenConflicts.has(each.id));
  }

  /** Return the event that a code claims to be for, if it is one of this phone's. */
  #eventOf(text) {
    const number = readCode(text)?.event;
    return this.events.find((each) => each.number === number);
  }

  #hasJustAdmitted(text) {
    const isSame = ({ code, result, at }) => code === text && result === "admitted" && now() - at < JUST_NOW_MS;
    return this.recent.some(isSame);
  }

  /** Ask before admitting, if the code's event wants that and the ticket seems valid. */
  async #asksFirst(text) {
    if (!this.#eventOf(text)?.confirm_first) {
      return false;
    }
    const preview = await this.scanning.preview(text);
    if (preview.result !== "admitted" && preview.result !== "exited") {
      return false;
    }
    const admit = () => {
      this.isBusy = true;
      this.#check(text).finally(() => {
        this.isBusy = false;
      });
    };
    const word = this.scanning.direction === "exit" ? "let_out" : "admit";
    askToAdmit(preview, [
      { word, act: admit, isMain: true },
      { word: "do_not_admit", act: () => this.dismiss() },
    ]);
    this.shownAt = performance.now();
    return true;
  }

  async #check(text) {
    // A fast answer must not flicker.
    const waiting = setTimeout(showChecking, CHECKING_AFTER_MS);
    try {
      const answer = await this.scanning.check(text);
      clearTimeout(waiting);
      this.show(answer);
    } catch (error) {
      hideAnswer();
      throw error;
    } finally {
      clearTimeout(waiting);
    }
  }

  /** Show an answer, with its signal, and remember it among the last ones. */
  show(answer) {
    const tone = toneOf(answer.result);
    answer.at = now();
    answer.event ??= this.#eventOf(answer.code);
    answer.isRepeat = this.#hasJustAdmitted(answer.code);
    showAnswer(answer, { zone: answer.event?.timezone ?? this.zone, acts: actsAfter(answer, this) });
    signal(tone, this.choices);
    this.shownAt = performance.now();
    this.recent = [answer, ...this.recent].slice(0, RECENT);
    // With something to choose the answer waits for it.
    if (tone === "good" && !answer.party?.unused) {
      this.timer = setTimeout(hideAnswer, ADMITTED_FOR_MS);
    }
  }
}
