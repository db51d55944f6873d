// The page's words, in the reader's language.

import { now } from "./clock.js";

const WORDS = JSON.parse(document.getElementById("words").textContent);
// The browser's own kind of a language knows how its country writes the time.
const TAGS = { "pt-br": "pt-BR", en: navigator.language.startsWith("en-") ? navigator.language : "en" };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let language = navigator.language.toLowerCase().startsWith("pt") ? "pt-br" : "en";

/** Return the word or sentence of this name, with values for what is in braces. */
export function say(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** Return whether there is a word of this name. */
export function canSay(name) {
  return name in WORDS[language];
}

export function currentLanguage() {
  return language;
}

/** Return all languages: code and own name. */
export function languages() {
  return [["pt-br", "Português"], ["en", "English"]];
}

/** Switch to a language, and show the words of the page's fixed parts in it. */
export function speak(code) {
  language = code in WORDS ? code : language;
  document.documentElement.lang = TAGS[language];
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
    element.title = say(element.dataset.label);
  }
}

/** Return a time of day, with the day if it is not today. `zone` is the event's time zone. */
export function showTime(moment, zone) {
  const options = { timeZone: zone, hour: "2-digit", minute: "2-digit" };
  const day = (each) => new Date(each).toLocaleDateString("en-CA", { timeZone: zone });
  if (day(moment) !== day(now())) {
    Object.assign(options, { day: "numeric", month: "short" });
  }
  return new Intl.DateTimeFormat(TAGS[language], options).format(new Date(moment));
}

/** Return the date and time of an event. */
export function showDate(moment, zone) {
  const options = { timeZone: zone, weekday: "short", day: "numeric", month: "short" };
  Object.assign(options, { hour: "2-digit", minute: "2-digit" });
  return new Intl.DateTimeFormat(TAGS[language], options).format(new Date(moment));
}

/** Return how long ago a moment was. */
export function showAgo(moment) {
  const passed = Math.max(0, now() - Date.parse(moment));
  if (passed < MINUTE_MS) {
    return say("just_now");
  }
  if (passed < HOUR_MS) {
    return say("minutes_ago", { count: Math.floor(passed / MINUTE_MS) });
  }
  if (passed < 2 * DAY_MS) {
    return say("hours_ago", { count: Math.floor(passed / HOUR_MS) });
  }
  return say("days_ago", { count: Math.floor(passed / DAY_MS) });
}

/** Return a number as the language writes it. */
export function showNumber(number) {
  return number.toLocaleString(TAGS[language]);
}
