// The menu: settings of this phone, its last scans, and signing it out.

import { mayUndo, undo } from "./acts_after.js";
import { make } from "./dom.js";
import { closeSheet, openSheet } from "./sheet.js";
import { eventChoices } from "./start_screen.js";
import { toneOf } from "./answer.js";
import { canSay, currentLanguage, languages, say, showNumber, showTime } from "./words.js";

/** Open the menu of a gate: the object that `gate.js` makes. */
export async function openMenu(gate) {
  const { device, choices } = gate;
  const cameras = await gate.camera.list();
  const parts = [
    acts(gate),
    toggle("sound", choices.sound, (isOn) => gate.choose({ sound: isOn })),
    toggle("vibration", choices.vibration, (isOn) => gate.choose({ vibration: isOn })),
    select("language", languages(), currentLanguage(), (code) => {
      gate.choose({ language: code });
      openMenu(gate);
    }),
  ];
  if (cameras.length > 1) {
    const named = cameras.map(({ deviceId, label }, index) => [deviceId, label || String(index + 1)]);
    parts.push(select("camera", named, gate.camera.id, (id) => gate.choose({ camera: id })));
  }
  if (gate.events.length > 1) {
    const chosen = choices.event ?? gate.event?.number ?? null;
    const options = eventChoices(gate.events, chosen, (number) => gate.choose({ event: number }));
    parts.push(make("fieldset", {}, make("legend", {}, say("event_setting")), ...options));
  }
  const role = say(device.isSupervisor ? "supervisor" : "steward");
  const facts = [device.name, device.gate, role, gate.organizer].filter(Boolean).join(" · ");
  parts.push(make("h3", {}, say("this_device")), make("p", {}, facts));
  parts.push(make("button", { type: "button", onclick: () => askToForget(gate) }, say("forget")));
  openSheet(say("menu"), parts);
}

function acts(gate) {
  const button = (word, act) => make("button", { type: "button", onclick: act }, say(word));
  return make(
    "div",
    { className: "menu-acts" },
    button("recent", () => openRecent(gate)),
    button("conflicts_title", () => gate.openConflicts()),
    ...(gate.device.isSupervisor ? [button("find_guest", () => gate.openGuests())] : []),
    ...(gate.installOffer ? [button("install", () => gate.installOffer.prompt())] : []),
  );
}

function openRecent(gate) {
  openSheet(say("recent"), [
    make("p", { hidden: gate.recent.length > 0 }, say("recent_none")),
    make("ul", { className: "rows" }, ...gate.recent.map((answer) => recentItem(answer, gate))),
  ]);
}

function recentItem(answer, gate) {
  const { result, at, ticket, typeName, isUndone } = answer;
  const word = isUndone ? "undone_scan" : canSay(result) ? result : "refused";
  const facts = [showTime(at, gate.zone), ticket?.ticket_type ?? typeName, ticket?.holder_name, ticket?.order_code];
  const item = make(
    "li",
    { className: `row-${isUndone ? "wait" : toneOf(result)}` },
    make("strong", {}, say(word)),
    make("span", {}, facts.filter(Boolean).join(" · ")),
  );
  if (mayUndo(answer, gate)) {
    const button = make("button", { type: "button" }, say("undo"));
    button.onclick = async () => {
      button.disabled = true;
      if (await undo(answer, gate)) {
        openRecent(gate);
      } else {
        button.replaceWith(make("span", {}, say("undo_failed")));
      }
    };
    item.append(button);
  }
  return item;
}

async function askToForget(gate) {
  const count = await gate.countWaiting();
  openSheet(say("forget"), [
    make("p", {}, say("forget_sure")),
    make("p", { className: "notice", hidden: count === 0 }, say("forget_loses", { count: showNumber(count) })),
    make("button", { type: "button", className: "danger", onclick: () => gate.forget() }, say("forget_yes")),
    make("button", { type: "button", onclick: closeSheet }, say("forget_no")),
  ]);
}

function toggle(word, isOn, change) {
  const box = make("input", { type: "checkbox", checked: isOn, onchange: () => change(box.checked) });
  return make("label", { className: "choice" }, box, make("span", {}, say(word)));
}

function select(word, options, chosen, change) {
  const field = make(
    "select",
    { onchange: () => change(field.value) },
    ...options.map(([value, text]) => make("option", { value, selected: value === chosen }, text)),
  );
  return make("label", { className: "choice" }, make("span", {}, say(word)), field);
}
