// The line at the top: the connection, the event and the gate, and a warning about conflicts.

import { byId, make, showText } from "./dom.js";
import { say, showNumber, showTime } from "./words.js";

/** Show how the phone is connected, and since when its data is if it is not. */
export function showLink({ isOnline, waiting, isSending, bundle, zone }) {
  byId("link").dataset.link = isOnline ? "online" : "offline";
  byId("link-text").textContent = say(isOnline ? "online" : "offline");
  const parts = [];
  if (!isOnline) {
    parts.push(say("phone_decides"));
    parts.push(bundle ? say("data_age", { time: showTime(bundle.made_at, zone) }) : say("no_data_yet"));
  }
  if (isSending && waiting > 0) {
    parts.push(say("sending", { left: showNumber(waiting) }));
  } else if (waiting > 0) {
    parts.push(waiting === 1 ? say("waiting_one") : say("waiting_many", { count: showNumber(waiting) }));
  }
  const more = byId("link-more");
  more.replaceChildren(...parts.map((part) => make("span", {}, part)));
  more.hidden = parts.length === 0;
}

/** Show what this phone is for. */
export function showPlace(event, gate) {
  byId("place").textContent = [gate, event?.name].filter(Boolean).join(" · ");
}

/** Show how many are inside, if the server has told. */
export function showCounts(event) {
  const counts = event?.counts;
  const parts = counts
    ? [
        say("inside_now", { count: showNumber(counts.inside) }),
        say("admitted_of", { admitted: showNumber(counts.admitted), sold: showNumber(counts.sold) }),
      ]
    : [];
  showText(byId("counts"), parts.join(" · "));
}

/** Show a warning about tickets that were let in twice. `count` is of those not looked at yet. */
export function showConflictBar(count) {
  const text = count === 1 ? say("conflict_one") : say("conflict_many", { count });
  showText(byId("conflict-bar"), count > 0 ? text : "");
}
