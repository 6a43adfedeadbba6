// Words in two languages, switched without a reload; numbers and times as the language writes them.

import { plain } from "./dom.js";

/** @type {Record<string, Record<string, string>>} */
let words = { en: {}, zh: {} };
/** @type {"en" | "zh"} */
let spoken = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
/** @type {Set<() => void>} */
const heard = new Set();

/** Fetches all words of both languages once. */
export async function loadWords() {
  const answer = await fetch(new URL("./strings.json", import.meta.url));
  words = await answer.json();
}

/** The language now. */
export const language = () => spoken;

/** @param {"en" | "zh"} name */
export function speak(name) {
  spoken = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  try { localStorage.setItem("zhiyin.language", name); } catch { /* a private window forgets */ }
  for (const fn of heard) fn();
}

/** Calls `fn` after each switch. @param {() => void} fn */
export function onSpeak(fn) { heard.add(fn); }

/** Whether there is such a word. @param {string} key */
export const has = (key) => key in words[spoken];

/**
 * The words of a key, with `{name}` filled in, and `{name:word|words}` by whether it is one; a key without words
 * shows itself, which a test would find.
 * @param {string} key @param {Record<string, unknown>} [values]
 */
export function t(key, values = {}) {
  const text = words[spoken][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (whole, name, one, many) => {
    if (!(name in values)) return whole;
    const value = plain(values[name]);
    return one === undefined ? value : value === "1" ? one : many;
  });
}

/** Words of a part of the service, such as a stage or a kind of event; its own name where there are none. @param {string} group @param {string} name */
export const say = (group, name) => (has(`${group}.${name}`) ? t(`${group}.${name}`) : plain(name));

const locale = () => (spoken === "zh" ? "zh-CN" : "en-GB");

/** @param {number} value @param {number} [digits] */
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toLocaleString(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits && Math.abs(value) < 100 ? digits : 0 });
}

/** A share as per cent. @param {number} value */
export const percent = (value) => value.toLocaleString(locale(), { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 });

/** Milliseconds with a sensible precision. @param {number} ms */
export const millis = (ms) => `${number(ms, ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;

/** A moment in the reader's time zone. @param {number} seconds UTC */
export function moment(seconds) {
  if (!seconds) return "–";
  return new Date(seconds * 1000).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
}

/** How long ago, in words. @param {number} seconds UTC */
export function ago(seconds) {
  const past = seconds - Date.now() / 1000;
  const units = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
    ["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1],
  ]);
  const [unit, size] = units.find(([, length]) => Math.abs(past) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(Math.round(past / size), unit);
}
