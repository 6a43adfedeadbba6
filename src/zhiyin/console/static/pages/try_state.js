// What the page Try it is asked: who, with which past, at which moment. All of it stands in the address.

import { get, part, post } from "../api.js";
import { language } from "../i18n.js";

/** @typedef {{item: string, kind: string}} Deed an event that was only played */
/**
 * @typedef {object} State
 * @property {"user" | "new" | "wish"} who
 * @property {string} user
 * @property {Deed[]} past played events, oldest first
 * @property {string[]} without items whose stored events are taken out
 * @property {string} words
 * @property {number} n @property {number} diversity @property {number} explore
 * @property {string} at local time as the field writes it; empty = now
 * @property {string} place
 * @property {boolean} live events are written
 */

export const DEEDS = ["click", "like", "purchase", "hide"];
/** Events of a history that a question may bring along. */
const MOST = 200;

/** @param {Record<string, string>} query @returns {State} */
export function read(query) {
  const who = query.who === "new" || query.who === "wish" ? query.who : "user";
  const whole = (/** @type {string} */ text, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ otherwise) => {
    const value = Number.parseInt(text ?? "", 10);
    return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;
  };
  return {
    who, user: query.user ?? "", words: (query.words ?? "").slice(0, 2000), place: query.place ?? "", at: query.at ?? "",
    past: split(query.past).map((text) => text.split("~")).filter(([kind, item]) => item && [...DEEDS, "view"].includes(kind)).map(([kind, item]) => ({ kind, item: decode(item) })),
    without: split(query.without).map(decode),
    n: whole(query.n, 3, 30, 10), diversity: whole(query.diversity, 0, 100, 0), explore: whole(query.explore, 0, 5, 0), live: query.live === "1" && who === "user",
  };
}

/** What of it goes into the address. @param {State} state */
export function written(state) {
  return {
    who: state.who === "user" ? "" : state.who, user: state.who === "user" ? state.user : "", words: state.words, place: state.place, at: state.at,
    past: state.past.map((deed) => `${deed.kind}~${encodeURIComponent(deed.item)}`).join(","), without: state.without.map(encodeURIComponent).join(","),
    n: state.n === 10 ? "" : state.n, diversity: state.diversity || "", explore: state.explore || "", live: state.live,
  };
}

/** @param {string | undefined} text */
const split = (text) => (text ? text.split(",").filter(Boolean).slice(0, MOST) : []);
/** @param {string} text */
function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** Seconds of the moment that was chosen; null = now. @param {State} state */
export function moment(state) {
  const at = state.at ? new Date(state.at).getTime() / 1000 : NaN;
  return Number.isFinite(at) ? at : null;
}

/** The parts of the question that are the same however the past is said. @param {State} state */
function common(state) {
  const context = { ...(state.place ? { place: state.place } : {}), time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  return {
    n: state.n, locale: language(), words: state.words.trim(), context, surface: "console", diversity: state.diversity / 100,
    ...(state.explore ? { exploration: { method: "thompson", slots: state.explore }, seed: 1 } : {}),
  };
}

/** The question of this state. A played one writes nothing and keeps no slate. @param {State} state */
export function question(state) {
  const at = moment(state);
  const asked = common(state);
  if (state.live && at === null) return { ...asked, user: state.user };
  const what_if = { add: state.live ? [] : state.past, remove: state.live ? [] : state.without, ...(at === null ? {} : { at }) };
  if (state.who === "user" && state.user) return { ...asked, user: state.user, what_if };
  return { ...asked, history: state.past, what_if: at === null ? { add: [] } : { add: [], at } };
}

/**
 * Asks once more and keeps the decision, so that it can be looked into: the past comes along as it was supposed.
 * @param {State} state @returns {Promise<string>} its id
 */
export async function kept(state) {
  let history = state.past.map((deed) => /** @type {any} */ ({ ...deed }));
  if (state.who === "user" && state.user) {
    const stored = (await get(`/v1/users/${part(state.user)}/history`, { n: MOST })).events.toReversed();
    const before = stored.filter((/** @type {any} */ event) => event.item && !state.without.includes(event.item))
      .map((/** @type {any} */ { item, kind, value, at }) => ({ item, kind, value, at }));
    const last = before.at(-1)?.at ?? null;
    history = [...before, ...state.past.map((deed, place) => ({ ...deed, ...(last === null ? {} : { at: Math.max(last, Date.now() / 1000) + place })}))];
  }
  const answer = await post("/v1/recommend", { ...common(state), history: history.slice(-MOST) });
  return answer.meta.slate_id;
}
