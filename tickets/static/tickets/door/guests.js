// A supervisor's search for a guest without a code, with admission by hand and its undo.

import { NoAnswer, Refused, call } from "./api.js";
import { make } from "./dom.js";
import { openSheet } from "./sheet.js";
import { canSay, say, showTime } from "./words.js";

const SECONDS = 8;
const SHORTEST_WORDS = 2;
// As the server names them.
const REASONS = ["phone_is_out", "code_is_unreadable", "no_ticket_at_hand", "scanner_is_out", "entered_before"];

/**
 * Open the search among the guests of an event: the first of `events`, or the chosen one.
 *
 * `changed` is called after each admission and undo, with whether it was an admission. `text` is searched for at once.
 */
export function openGuests({ token, events, zone, changed, handleUnknown, text = "" }) {
  const options = events.map(({ id, name }) => make("option", { value: id }, name));
  const event = make("select", { hidden: events.length < 2, ariaLabel: say("event_setting") }, ...options);
  const words = make("input", { type: "search", id: "guest-words", autocomplete: "off", maxLength: 200 });
  words.value = text;
  const [status, found] = [make("p", { role: "status" }), make("ul", { className: "rows" })];
  const ask = async () => {
    if (words.value.trim().length < SHORTEST_WORDS) {
      return;
    }
    status.textContent = say("finding");
    // As a body: an address would get into the logs of proxies.
    const body = { event: event.value, q: words.value.trim() };
    const guests = await attempt(status, handleUnknown, () => call("/door/guests", { token, body, seconds: SECONDS }));
    if (guests !== null) {
      const list = guests.guests;
      status.textContent = list.length === 0 ? say("nobody_found") : "";
      found.replaceChildren(...list.map((guest) => guestItem(guest, context)));
    }
  };
  const context = { token, zone, changed, handleUnknown, ask };
  const form = make(
    "form",
    { onsubmit: (submit) => (submit.preventDefault(), ask()) },
    make("label", { htmlFor: "guest-words" }, say("find_by")),
    words,
    event,
    make("button", { type: "submit", className: "main-button" }, say("find")),
  );
  openSheet(say("find_guest"), [form, status, found]);
  words.focus();
  ask();
}

/**
 * Undo an entry, within 15 minutes: the one of this scan, or the latest one. Return whether the
 * server did it.
 */
export async function undoAdmission(ticketId, token, scanId) {
  const body = scanId ? { scan_id: scanId } : {};
  try {
    await call(`/tickets/${ticketId}/checkin/undo`, { token, body, seconds: SECONDS });
    return true;
  } catch (error) {
    if (error instanceof Refused || error instanceof NoAnswer) {
      return false;
    }
    throw error;
  }
}

function guestItem(guest, context) {
  const line = [guest.ticket_type, guest.code_short ?? guest.order_code].filter(Boolean).join(" · ");
  const isIn = guest.status === "used";
  const note = make("span", { role: "status", className: isIn ? "is-in" : "" }, presence(guest, context.zone));
  const item = make("li", {}, make("strong", {}, guest.holder_name), make("span", {}, line), note);
  if (guest.status === "valid") {
    item.append(byHand(guest, context, note));
  } else if (guest.status === "used") {
    item.append(undoButton(guest, context, note));
  }
  return item;
}

function presence({ status, used_at: usedAt }, zone) {
  if (status === "used") {
    return usedAt ? say("is_inside", { time: showTime(usedAt, zone) }) : say("has_used");
  }
  return say(status === "valid" ? "may_enter" : "is_revoked");
}

function byHand(guest, { token, changed, handleUnknown, ask }, note) {
  // One id for all attempts: a repeat after a lost response admits nobody twice.
  const scanId = crypto.randomUUID();
  const admit = async (reason) => {
    const body = { reason, scan_id: scanId };
    const path = `/door/guests/${guest.id}/admit`;
    const admitted = await attempt(note, handleUnknown, () => call(path, { token, body, seconds: SECONDS }));
    if (admitted !== null) {
      changed(true);
      await ask();
    }
  };
  return make(
    "details",
    {},
    make("summary", {}, say("admit_by_hand")),
    make("p", {}, say("why_by_hand")),
    ...REASONS.map((reason) => make("button", { type: "button", onclick: () => admit(reason) }, say(reason))),
  );
}

function undoButton(guest, { token, changed, ask }, note) {
  const undo = async () => {
    if (await undoAdmission(guest.id, token)) {
      changed(false);
      await ask();
    } else {
      note.textContent = say("undo_failed");
    }
  };
  return make("button", { type: "button", onclick: undo }, say("undo"));
}

/** Return the response, or null after telling in `status` why there is none. */
async function attempt(status, handleUnknown, act) {
  try {
    return await act();
  } catch (error) {
    if (error instanceof NoAnswer) {
      status.textContent = say("needs_network");
    } else if (error instanceof Refused) {
      status.textContent = say(canSay(error.code) ? error.code : "refused");
    } else {
      handleUnknown(error);
    }
    return null;
  }
}
