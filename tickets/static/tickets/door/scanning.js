// One scan: the server decides it, or this phone if the server does not answer in time.

import { NoAnswer, Refused, call } from "./api.js";
import { now } from "./clock.js";
import { readCode, shortId } from "./code.js";
import { LETS_THROUGH, decide } from "./decide.js";
import { isGenuine } from "./signature.js";

// A guest waits for two seconds at most. Then the phone decides.
const PATIENCE_SECONDS = 2;
// The server takes no longer code.
const LONGEST_CODE = 300;

export class Scanning {
  /** `link` says whether the server can be reached, and is told when it cannot. */
  constructor({ store, link, device }) {
    this.store = store;
    this.link = link;
    this.device = device;
    this.direction = "entry";
    this.event = null;
  }

  /**
   * Check a code, and return the answer for the person at the gate:
   * `{result, offline, scanId, code, ticket, event, typeName, firstScan, details, party}`.
   *
   * Throws Unknown if the server does not know this phone any more.
   */
  async check(text) {
    const scan = { scan_id: crypto.randomUUID(), code: text, direction: this.direction };
    if (text.length > LONGEST_CODE) {
      return { result: "invalid_code", scanId: scan.scan_id, code: text, offline: false };
    }
    const code = readCode(text);
    const ours = code === null ? [] : await this.store.waitingOf(code.ticket);
    // The server does not know yet what this phone has decided about the ticket.
    if (this.link.isOnline && ours.length === 0) {
      try {
        return await this.#ask(scan, code);
      } catch (error) {
        if (!(error instanceof NoAnswer)) {
          throw error;
        }
        this.link.lose();
      }
    }
    return this.#decideHere(scan, code, ours);
  }

  /** Return what this phone by itself would decide about a code. Nothing is sent or stored. */
  async preview(text) {
    const code = readCode(text);
    const ours = code === null ? [] : await this.store.waitingOf(code.ticket);
    return this.#decide(code, ours);
  }

  async #ask(scan, code) {
    const sent = { scan_id: scan.scan_id, code: scan.code };
    if (this.event !== null) {
      sent.event = this.event.id;
    }
    if (scan.direction !== "entry") {
      sent.direction = scan.direction;
    }
    const answer = { scanId: scan.scan_id, code: scan.code, offline: false };
    try {
      const body = await call("/tickets/validate", {
        token: this.device.token,
        body: sent,
        seconds: PATIENCE_SECONDS,
      });
      await this.#note(shortId(body.ticket.id), body.result);
      return { ...answer, result: body.result, ticket: body.ticket, details: body, party: body.party };
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      return { ...answer, ...refusal(error), code: scan.code };
    }
  }

  async #decideHere(scan, code, ours) {
    const decision = await this.#decide(code, ours);
    const at = new Date(now()).toISOString();
    const letsThrough = LETS_THROUGH.has(decision.result);
    // A text that is no code of ours is told to nobody: it says nothing about a ticket.
    if (code !== null && decision.result !== "data_too_old") {
      await this.store.keepScan({
        ...scan,
        event: this.event?.id,
        scanned_at: at,
        decision: letsThrough ? "admitted" : "refused",
        ticket: code.ticket,
        result: decision.result,
      });
      this.link.noteWaiting();
    }
    return {
      ...decision,
      scanId: scan.scan_id,
      code: scan.code,
      offline: true,
      firstScan: decision.known?.at ? decision.known : null,
    };
  }

  async #decide(code, ours) {
    return decide({
      code,
      bundle: await this.store.read("bundle"),
      known: code === null ? null : await this.#known(code.ticket, ours),
      verify: isGenuine,
      chosenEvent: this.event?.number ?? null,
      direction: this.direction,
      now: now(),
    });
  }

  /** Return what is known of a ticket: by the server, and then by the scans of this phone. */
  async #known(ticket, ours) {
    const passages = ours.filter((each) => LETS_THROUGH.has(each.result));
    return passages.reduce(
      (known, { result, scanned_at: at }) => afterPassage({ ticket, known, result, at, by: this.device }),
      await this.store.ticket(ticket),
    );
  }

  async #note(ticket, result) {
    const known = await this.store.ticket(ticket);
    const at = new Date(now()).toISOString();
    await this.store.noteTickets([afterPassage({ ticket, known, result, at, by: this.device })]);
  }
}

/** Return what is known of a ticket after this phone has let its holder in or out. */
function afterPassage({ ticket, known, result, at, by }) {
  if (result === "exited") {
    return { ...known, id: ticket, status: "used", inside: false };
  }
  const entry = { at, enteredAt: Date.parse(at), gate: by.gate, device: by.name };
  return { id: ticket, status: "used", inside: true, ...entry };
}

/** Return the answer that a refusal of the server gives. */
function refusal(error) {
  const { ticket, first_scan: firstScan } = error.body;
  // The server refuses a body that cannot be a scan, such as one with control characters.
  const result = error.status === 400 || error.code === "invalid" ? "invalid_code" : error.code;
  return { result, ticket, firstScan: firstScan ?? null, details: error.body };
}
