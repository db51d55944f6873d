// A button with data-fills, data-from and data-hours suggests a value for one date-time field: the
// value of another field, plus so many hours. A click fills it in.
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
  // Local time of the venue, calculated as if it were UTC: its time zone does not matter here.
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
  // The admin's calendar fires no event when it writes into a field, but then focuses the field.
  for (const happening of ["input", "change", "focusin"]) {
    document.addEventListener(happening, offerAll);
  }
  offerAll();
});
