// Tickets that two gates let in, or that were let in though they were not valid.

import { make } from "./dom.js";
import { openSheet } from "./sheet.js";
import { say, showTime } from "./words.js";

/** Show the conflicts that the server has told, newest first, and whom to tell of them. */
export function openConflicts(conflicts, { zone, isSupervisor }) {
  const items = conflicts.map((each) => conflictItem(each, zone));
  openSheet(say("conflicts_title"), [
    make("p", {}, items.length > 0 ? say("conflicts_how") : say("no_conflicts")),
    make("p", { hidden: items.length === 0 }, say(isSupervisor ? "conflicts_organizer" : "conflicts_supervisor")),
    make("ul", { className: "rows" }, ...items),
  ]);
}

function conflictItem({ at, gate, device, order_code, code_hint, ticket_type, event, other }, zone) {
  const where = (each) => [each.gate, each.device].filter(Boolean).join(" · ") || "?";
  const lines = [
    make("strong", {}, [ticket_type, order_code ?? code_hint].filter(Boolean).join(" · ")),
    make("span", {}, say("conflict_here", { time: showTime(at, zone), where: where({ gate, device }) })),
  ];
  if (other) {
    const values = { time: showTime(other.at, zone), where: where(other) };
    lines.push(make("span", {}, say("conflict_other", values)));
  }
  const name = event?.name ?? event;
  if (name) {
    lines.push(make("small", {}, name));
  }
  return make("li", {}, ...lines);
}
