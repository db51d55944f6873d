// A button with data-fills and data-from offers a moment so many hours from another field's.
"use strict";

const inputsOf = (name) => [0, 1].map((part) => document.getElementById(`id_${name}_${part}`));
const pad = (number) => String(number).padStart(2, "0");

function read(name) {
  const [date, time] = inputsOf(name).map((input) => input.value.match(/\d+/g) || []);
  const order = get_format("DATE_INPUT_FORMATS")[0].match(/%[dmY]/g);
  if (date.length !== 3 || time.length < 2) {
    return null;
  }
  const of = Object.fromEntries(order.map((sign, place) => [sign, Number(date[place])]));
  // The wall clock of the venue, whose zone the browser need not know.
  return new Date(Date.UTC(of["%Y"], of["%m"] - 1, of["%d"], time[0], time[1]));
}

function write(moment) {
  const parts = {
    "%Y": moment.getUTCFullYear(),
    "%m": pad(moment.getUTCMonth() + 1),
    "%d": pad(moment.getUTCDate()),
  };
  const date = get_format("DATE_INPUT_FORMATS")[0].replace(/%[dmY]/g, (sign) => parts[sign]);
  return [date, `${pad(moment.getUTCHours())}:${pad(moment.getUTCMinutes())}`];
}

function offer(button) {
  const { fills, from, hours, words } = button.dataset;
  const start = read(from);
  button.hidden = start === null;
  if (start === null) {
    return;
  }
  const moment = write(new Date(start.getTime() + Number(hours) * 3600 * 1000));
  button.textContent = words.replace("{moment}", moment.join(" "));
  button.onclick = () => {
    inputsOf(fills).forEach((input, part) => {
      input.value = moment[part];
    });
  };
}

document.addEventListener("DOMContentLoaded", () => {
  const buttons = document.querySelectorAll("button[data-fills]");
  const offerAll = () => buttons.forEach(offer);
  // The calendar writes into a field without an event of its own, then gives it the focus.
  for (const happening of ["input", "change", "focusin"]) {
    document.addEventListener(happening, offerAll);
  }
  offerAll();
});
