// What can still be done about an admission: admit the guest's group, or undo it.

import { NoAnswer, Refused, Unknown, call } from "./api.js";
import { byId } from "./dom.js";
import { undoAdmission } from "./guests.js";
import { say } from "./words.js";

const SECONDS = 8;

/** Return the buttons of an answer, as `showAnswer` takes them. */
export function actsAfter(answer, gate) {
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
  // By a group or without the server there is no single admission that the server could undo.
  if (!answer.offline && !answer.count && gate.device.isSupervisor) {
    acts.push({ word: "undo", act: () => undo(answer, gate) });
  }
  return acts;
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

async function undo(answer, gate) {
  const isUndone = await undoAdmission(answer.ticket.id, gate.device.token, answer.scanId);
  byId("answer-acts").replaceChildren();
  if (isUndone) {
    byId("answer").dataset.tone = "ask";
    byId("answer-word").textContent = say("undone_word");
  }
  byId("answer-why").textContent = say(isUndone ? "undone" : "undo_failed");
  gate.link.hurry();
}
