// Which of the phone's events a gate admits now.

const AROUND_MS = 12 * 3_600_000;

/** Return the events that a gate may be for now: those around this time, else all that are left. */
export function eventsToChoose(events, now) {
  const left = events.filter((event) => !event.cancelled && Date.parse(event.ends_at) + AROUND_MS > now);
  const around = left.filter((event) => Date.parse(event.starts_at) - AROUND_MS < now);
  return around.length > 0 ? around : left;
}

/**
 * Return the only event to admit, or null for all of the phone's events.
 *
 * `chosen` is the number that was chosen on this phone: undefined if nothing was, null for all.
 */
export function chooseEvent(events, chosen, now) {
  if (events.length < 2 || chosen === null) {
    return null;
  }
  const choice = eventsToChoose(events, now);
  const found = events.find((event) => event.number === chosen);
  return found ?? (choice.length === 1 ? choice[0] : null);
}

/** Return whether a person has to say which event the gate is for. */
export function needsChoice(events, chosen, now) {
  const isKnown = chosen === null || events.some((event) => event.number === chosen);
  return events.length > 1 && !isKnown && eventsToChoose(events, now).length !== 1;
}
