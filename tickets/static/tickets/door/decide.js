// Decides a scan on the phone, as the server would. It changes nothing.

// As `GRACE_AFTER_THE_END` of the codes, in case the event runs late.
const GRACE_MS = 12 * 3_600_000;

/** The results with which a guest goes through. */
export const LETS_THROUGH = new Set(["admitted", "exited"]);

/**
 * Return the decision about a code without the server: `{result, event, typeName, known, gates}`.
 *
 * `gates` are the names of those that are for the ticket's type, among others that are for each type.
 *
 * - `code`: what `readCode` returned
 * - `bundle`: the event data that the server sent last, or null
 * - `known`: what this phone knows of the ticket, or null: `{status, inside, enteredAt}`, and `at` and
 *   `gate` if this phone has let the guest in
 * - `verify`: says whether a key signed the code
 * - `chosenEvent`: the number of the only event to admit, or null
 * - `now`: milliseconds, by the server's clock
 */
export async function decide({ code, bundle, known, verify, chosenEvent, direction, now }) {
  if (bundle === null || Date.parse(bundle.expires_at) <= now) {
    return { result: "data_too_old" };
  }
  if (code === null) {
    return { result: "invalid_code" };
  }
  const event = bundle.events.find((each) => each.number === code.event);
  if (event === undefined || (chosenEvent !== null && chosenEvent !== code.event)) {
    return { result: "wrong_event" };
  }
  const key = bundle.keys.find((each) => each.event === code.event && each.key_id === code.keyId);
  if (key === undefined || !(await verify(code, key.public_key))) {
    return { result: "invalid_code" };
  }
  const typeName = event.types.find((each) => each.number === code.type)?.name ?? "";
  // A phone may still have the event data that an earlier release of the server has sent.
  const gates = event.gates?.filter((each) => each.types.includes(code.type)).map((each) => each.name);
  return { result: judge(code, event, known, direction, now), event, typeName, known, gates };
}

function judge(code, event, known, direction, now) {
  if (known?.status === "revoked") {
    return "revoked";
  }
  if (direction === "exit") {
    // Guests may always leave, by any gate.
    return known?.status === "used" && known.inside !== false ? "exited" : "not_inside";
  }
  if (event.cancelled) {
    return "event_cancelled";
  }
  if (known?.status === "used" && !mayEnterAgain(event, known, now)) {
    return "already_used";
  }
  if (event.gate_types && !event.gate_types.includes(code.type)) {
    return "wrong_gate";
  }
  return outOfHours(code, event, now) ?? "admitted";
}

function mayEnterAgain(event, known, now) {
  if (event.reentry === "always") {
    return known.inside === false;
  }
  if (event.reentry === "once_a_day") {
    // An unknown entry, from when the event had another rule, counts as of this day.
    return dayOf(known.enteredAt ?? now, event) !== dayOf(now, event);
  }
  return false;
}

function outOfHours(code, event, now) {
  if (now < code.validFrom || now < (Date.parse(event.checkin_starts_at) || 0)) {
    return "not_yet_open";
  }
  // The codes of an event that was postponed end by its first date: its new one counts.
  const end = Math.max(code.validUntil, Date.parse(event.ends_at) + GRACE_MS);
  return now >= Math.min(end, Date.parse(event.checkin_ends_at) || end) ? "closed" : null;
}

function dayOf(moment, event) {
  return new Date(moment).toLocaleDateString("en-CA", { timeZone: event.timezone });
}
