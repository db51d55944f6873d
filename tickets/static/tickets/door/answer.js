// The answer to a scan, as large as the screen: a color, a shape, a word, and why.

import { byId, make, showText } from "./dom.js";
import { canSay, say, showAgo, showDate, showTime } from "./words.js";

// The tone of each result, and the word for it.
const LOOKS = {
  admitted: ["good", "go_in"],
  exited: ["good", "go_out"],
  already_used: ["bad", "stop"],
  revoked: ["bad", "stop"],
  invalid_code: ["bad", "stop"],
  unknown_ticket: ["bad", "stop"],
  event_cancelled: ["bad", "stop"],
  wrong_event: ["wait", "other_event"],
  wrong_gate: ["wait", "other_gate"],
  not_yet_open: ["wait", "wait"],
  closed: ["wait", "stop"],
  not_inside: ["wait", "stop"],
  data_too_old: ["wait", "stop"],
};
const OTHER = ["bad", "stop"];
// By the event's rule of re-entry.
const EXITED = { always: "exited_always", once_a_day: "exited_once_a_day", never: "exited_never" };

/** Return "good", "bad" or "wait" for a result. */
export function toneOf(result) {
  return (LOOKS[result] ?? OTHER)[0];
}

/** Show an answer. `acts` are buttons: `{word, values, act, isMain}` each. */
export function showAnswer(answer, { zone, acts = [] }) {
  const [tone, word] = LOOKS[answer.result] ?? OTHER;
  byId("answer").dataset.tone = tone;
  byId("answer-word").textContent = say(word);
  showText(byId("answer-why"), why(answer));
  showText(byId("answer-type"), answer.ticket?.ticket_type ?? answer.typeName);
  showText(byId("answer-who"), who(answer.ticket));
  showText(byId("answer-first"), moment(answer, zone));
  showText(byId("answer-do"), advice(answer));
  byId("answer-offline").hidden = !answer.offline;
  showActs(acts);
  showText(byId("answer-next"), say("next_hint"));
  byId("answer").hidden = false;
}

/** Ask whether to admit a ticket that is valid. */
export function askToAdmit(preview, acts) {
  byId("answer").dataset.tone = "ask";
  byId("answer-word").textContent = say("admit_question");
  showText(byId("answer-why"), say("confirm_hint"));
  showText(byId("answer-type"), preview.typeName);
  showText(byId("answer-who"), "");
  showText(byId("answer-first"), "");
  showText(byId("answer-do"), "");
  byId("answer-offline").hidden = true;
  showActs(acts);
  showText(byId("answer-next"), "");
  byId("answer").hidden = false;
}

export function showChecking() {
  byId("answer").dataset.tone = "ask";
  byId("answer-word").textContent = say("checking");
  for (const part of ["why", "type", "who", "first", "do", "offline", "next"]) {
    byId(`answer-${part}`).hidden = true;
  }
  showActs([]);
  byId("answer").hidden = false;
}

export function hideAnswer() {
  byId("answer").hidden = true;
}

export function isAnswerShown() {
  return !byId("answer").hidden;
}

function showActs(acts) {
  const buttons = acts.map(({ word, values, act, isMain }) =>
    make("button", {
      type: "button",
      className: isMain ? "main-button" : "",
      textContent: say(word, values),
      onclick: (event) => {
        event.stopPropagation();
        act(event.currentTarget);
      },
    }),
  );
  byId("answer-acts").replaceChildren(...buttons);
}

function why(answer) {
  if (answer.count > 1) {
    return say("admitted_many", { count: answer.count });
  }
  if (answer.result === "admitted" && answer.details?.again) {
    return say("admitted_again");
  }
  if (answer.result === "exited" && answer.event) {
    return say(EXITED[answer.event.reentry]);
  }
  return say(canSay(answer.result) ? answer.result : "refused");
}

function advice({ result, isRepeat }) {
  const word = result === "already_used" && isRepeat ? "shown_twice_do" : `${result}_do`;
  return canSay(word) ? say(word) : "";
}

function who(ticket) {
  return [ticket?.holder_name, ticket?.order_code].filter(Boolean).join(" · ");
}

function moment(answer, zone) {
  const { result, firstScan, details, event } = answer;
  if (result === "already_used") {
    return showEarlier(details?.last_entry ?? firstScan, zone);
  }
  if (result === "wrong_event") {
    return event ? `${event.name} · ${showDate(event.starts_at, event.timezone)}` : "";
  }
  if (result === "wrong_gate") {
    const gates = details?.gates ?? answer.gates;
    if (gates === undefined) {
      return "";
    }
    return gates.length > 0 ? say("right_gates", { gates: gates.join(", ") }) : say("common_gates");
  }
  if (result === "not_yet_open") {
    const at = details?.checkin_starts_at ?? event?.checkin_starts_at;
    return at ? say("opens_at", { time: showTime(at, zone) }) : "";
  }
  if (result === "closed") {
    const at = details?.checkin_ends_at ?? event?.checkin_ends_at;
    return at ? say("closed_at", { time: showTime(at, zone) }) : "";
  }
  return "";
}

/** Return when and where a ticket was used before. */
function showEarlier(scan, zone) {
  if (!scan) {
    return say("used_unknown");
  }
  const values = { time: showTime(scan.at, zone), ago: showAgo(scan.at) };
  const where = [scan.gate, scan.device].filter(Boolean).join(" · ");
  return where ? say("used_at_gate", { ...values, where }) : say("used_at", values);
}
