// The screen before the first scan: what this phone is for, and one button.

import { now } from "./clock.js";
import { byId, make, showScreen } from "./dom.js";
import { chooseEvent, eventsToChoose, needsChoice } from "./events.js";
import { say, showDate, showTime } from "./words.js";

/** Show the screen until the button is pressed. The touch also allows the page to make sounds. */
export async function waitForStart(gate) {
  const show = () => showFacts(gate);
  const enable = () => {
    const isUnclear = needsChoice(gate.events, gate.choices.event, now());
    byId("start-go").disabled = isUnclear;
    byId("start-go").dataset.word = isUnclear ? "choose_first" : "start";
    byId("start-go").textContent = say(byId("start-go").dataset.word);
  };
  showScreen("start");
  show();
  showChoice(gate.events, gate.choices.event, async (event) => {
    await gate.choose({ event });
    show();
    enable();
  });
  enable();
  gate.addEventListener("changed", show);
  document.addEventListener("spoken", show);
  await new Promise((resolve) => {
    byId("start-go").onclick = resolve;
  });
  gate.removeEventListener("changed", show);
  document.removeEventListener("spoken", show);
}

function showFacts({ device, events, choices, bundle, isKept, zone }) {
  const chosen = choices.event;
  const event = events.length === 1 ? events[0] : chooseEvent(events, chosen, now());
  const facts = [];
  if (event) {
    facts.push(["your_event", event.name, showDate(event.starts_at, event.timezone)]);
  } else if (events.length === 0) {
    facts.push(["your_event", say("no_events")]);
  }
  if (device.gate) {
    facts.push(["your_gate", device.gate]);
  }
  const isReady = bundle !== null && isKept;
  facts.push([
    "without_network",
    "",
    isReady ? say("is_ready", { time: showTime(bundle.made_at, zone) }) : say("getting_ready"),
  ]);
  facts.push(["this_device", `${device.name} · ${say(device.isSupervisor ? "supervisor" : "steward")}`]);
  byId("start-facts").replaceChildren(
    ...facts.flatMap(([word, ...lines]) => [
      make("dt", {}, say(word)),
      ...lines.map((line) => make("dd", { hidden: line === "" }, line)),
    ]),
  );
}

function showChoice(events, chosen, choose) {
  const box = byId("start-events");
  box.hidden = !needsChoice(events, chosen, now());
  box.querySelectorAll("label").forEach((label) => label.remove());
  if (!box.hidden) {
    box.append(...eventChoices(events, chosen, choose));
  }
}

/** Return a radio button for each event that can be chosen, and one for all. */
export function eventChoices(events, chosen, choose) {
  const option = (number, ...texts) =>
    make(
      "label",
      { className: "choice" },
      make("input", { type: "radio", name: "event", checked: chosen === number, onchange: () => choose(number) }),
      make("span", {}, ...texts),
    );
  return [
    ...eventsToChoose(events, now()).map((event) =>
      option(event.number, event.name, make("small", {}, showDate(event.starts_at, event.timezone))),
    ),
    option(null, say("all_events")),
  ];
}
