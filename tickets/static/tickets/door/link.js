// The connection to the server: notices when it is lost and when it is back, and catches up.

import { NoAnswer, Refused, Unknown, call } from "./api.js";
import { fetchBundle } from "./bundle.js";
import { measureAhead, setAhead } from "./clock.js";
import { uploadScans } from "./uploading.js";

const TICK_SECONDS = 15;
// Without a connection the phone asks more often, to be back soon.
const RETRY_SECONDS = 5;
const PATIENCE_SECONDS = 4;
const BUNDLE_SECONDS = 60;

/**
 * Tells its listeners of changes: `online`, `offline`, `state`, `waiting`, `conflicts` and `unknown`
 * events.
 */
export class Link extends EventTarget {
  constructor({ store, token }) {
    super();
    this.store = store;
    this.token = token;
    this.isOnline = navigator.onLine;
    this.state = null;
    this.waiting = 0;
    this.isSending = false;
    this.bundleAt = -Infinity;
    this.timer = null;
    this.running = null;
    this.isStopped = false;
  }

  async start() {
    setAhead((await this.store.read("clock")) ?? 0);
    this.state = await this.store.read("state");
    this.waiting = await this.store.countWaiting();
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.lose());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    await this.hurry();
  }

  /** Ask the server now instead of at the next turn. */
  hurry() {
    clearTimeout(this.timer);
    this.running ??= this.#turn().finally(() => {
      this.running = null;
      this.#wait();
    });
    return this.running;
  }

  /** The server did not answer: decide without it until it is back. */
  lose() {
    if (this.isOnline) {
      this.isOnline = false;
      this.#tell("offline");
    }
    if (this.running === null) {
      this.#wait();
    }
  }

  async noteWaiting() {
    this.waiting = await this.store.countWaiting();
    this.#tell("waiting");
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  #wait() {
    clearTimeout(this.timer);
    if (!this.isStopped) {
      const seconds = this.isOnline ? TICK_SECONDS : RETRY_SECONDS;
      this.timer = setTimeout(() => this.hurry(), seconds * 1000);
    }
  }

  async #turn() {
    try {
      await this.#readState();
      if (!this.isOnline) {
        this.isOnline = true;
        this.#tell("online");
      }
      await this.#sendWaiting();
      await this.#fetchBundle();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #readState() {
    const sentAt = Date.now();
    const state = await call("/door/state", { token: this.token, seconds: PATIENCE_SECONDS });
    const ahead = measureAhead(state.server_time, sentAt, Date.now());
    setAhead(ahead);
    this.state = state;
    await this.store.write("clock", ahead);
    await this.store.write("state", state);
    this.#tell("state");
  }

  async #sendWaiting() {
    if ((await this.store.countWaiting()) === 0) {
      return;
    }
    // The bundle must soon tell what the server has made of them.
    this.bundleAt = -Infinity;
    this.isSending = true;
    try {
      const conflicts = await uploadScans({
        store: this.store,
        token: this.token,
        progress: (left) => {
          this.waiting = left;
          this.#tell("waiting");
        },
      });
      if (conflicts > 0) {
        await this.#readState();
        this.#tell("conflicts");
      }
    } catch (error) {
      // The scans wait on, and the phone says so. All else must go on.
      if (!(error instanceof Refused)) {
        throw error;
      }
    } finally {
      this.isSending = false;
      this.#tell("waiting");
    }
  }

  async #fetchBundle() {
    if (performance.now() - this.bundleAt > BUNDLE_SECONDS * 1000) {
      await fetchBundle({ store: this.store, token: this.token });
      this.bundleAt = performance.now();
      this.#tell("state");
    }
  }

  #fail(error) {
    if (error instanceof Unknown) {
      this.stop();
      this.#tell("unknown");
    } else if (error instanceof NoAnswer) {
      this.lose();
    } else if (!(error instanceof Refused)) {
      throw error;
    }
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
