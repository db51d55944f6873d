// What can be done about an answer: admit the guest's group, undo an admission, change the direction.

import { NoAnswer, Refused, Unknown, call } from "./api.js";
import { now } from "./clock.js";
import { byId } from "./dom.js";
import { undoAdmission } from "./guests.js";
import { say } from "./words.js";

const SECONDS = 8;
const UNDO_WITHIN_MS = 15 * 60_000;

/** Return the buttons of an answer, as `showAnswer` takes them. */
export function actsAfter(answer, gate) {
  if (answer.result === "not_inside") {
    return [{ word: "enter_instead", isMain: true, act: () => enterInstead(answer, gate) }];
  }
  if (answer.result !== "admitted") {
    return [];
  }
  const acts = [];
  const unused = answer.party?.unused ?? 0;
  if (unused > 0) {
    const word = unused === 1 ? "party_one" : "party_all";
    const act = () => admitParty(answer, gate);
    acts.push({ word, values: { count: unused }, isMain: true, act });
  }
  if (mayUndo(answer, gate)) {
    acts.push({ word: "undo", act: () => undoShown(answer, gate) });
  }
  return acts;
}

/** Return whether this phone may undo an admission. The server undoes none that is older. */
export function mayUndo(answer, { device }) {
  // By a group or without the server there is no single admission that the server could undo.
  const isSingle = answer.result === "admitted" && !answer.offline && !answer.count && !answer.isUndone;
  return device.isSupervisor && isSingle && now() - answer.at < UNDO_WITHIN_MS;
}

/** Undo an admission, and return whether the server did it. */
export async function undo(answer, gate) {
  answer.isUndone = await undoAdmission(answer.ticket.id, gate.device.token, answer.scanId);
  gate.link.hurry();
  return answer.isUndone;
}

/** Let in a guest whose ticket was scanned at a gate that somebody has set to leaving. */
function enterInstead(answer, gate) {
  gate.setDirection("entry");
  gate.take(answer.code);
}

async function admitParty(answer, gate) {
  const { unused } = answer.party;
  // The same ids at each attempt: a repeat admits nobody twice.
  answer.partyIds ??= Array.from({ length: unused }, () => crypto.randomUUID());
  gate.isBusy = true;
  try {
    const body = { code: answer.code, scan_ids: answer.partyIds };
    await call("/door/parties", { token: gate.device.token, body, seconds: SECONDS });
    gate.show({ ...answer, party: null, count: unused + 1 });
    gate.link.hurry();
  } catch (error) {
    if (error instanceof Unknown) {
      gate.ended();
    } else if (error.code === "party_changed") {
      // Somebody of the group has entered by another gate.
      gate.show({ ...answer, party: error.body.party, partyIds: undefined });
    } else if (error instanceof NoAnswer || error instanceof Refused) {
      byId("answer-next").textContent = say("party_failed");
    } else {
      throw error;
    }
  } finally {
    gate.isBusy = false;
  }
}

async function undoShown(answer, gate) {
  const isUndone = await undo(answer, gate);
  byId("answer-acts").replaceChildren();
  if (isUndone) {
    byId("answer").dataset.tone = "ask";
    byId("answer-word").textContent = say("undone_word");
  }
  byId("answer-why").textContent = say(isUndone ? "undone" : "undo_failed");
}
