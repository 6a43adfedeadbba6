// The controls of Try it: who is asking, and at which moment.

import { get, may } from "../api.js";
import { combobox } from "../combobox.js";
import { h, named } from "../dom.js";
import { t } from "../i18n.js";
import { icon } from "../icons.js";
import { dial, field } from "../parts.js";

/** @typedef {import("./try_state.js").State} State */
/**
 * What the controls need of the page.
 * @typedef {{state: State, titles: Map<string, string>, change: (change: Partial<State>) => unknown, later: () => void, dice: () => void, userInput: any}} Trial
 */

/** @param {Trial} trial */
export function userBox(trial) {
  return h("div", { class: "row with-button" }, combobox(t("try.user"), {
    placeholder: t("try.user_hint"), value: trial.state.user, free: true, keep: true, atOnce: true, ref: (input) => { trial.userInput = input; },
    find: async (words, signal) => (may("admin") ? (await get("/v1/users", { prefix: words, limit: 8 }, signal)).users.map((/** @type {any} */ user) => ({ id: user.id, label: user.id, note: few(user.attributes) })) : []),
    take: (option) => trial.change({ user: option.id, past: [], without: [] }),
  }), h("button", { type: "button", class: "icon-button die", title: t("try.dice"), "aria-label": t("try.dice"), on: { click: () => trial.dice() } }, icon("dice", 20)));
}

/** @param {Trial} trial */
export function itemBox(trial) {
  return combobox(t("try.item"), {
    placeholder: t("try.item_hint"),
    find: async (words, signal) => (words ? (await get("/v1/search", { words, n: 8 }, signal)).items.map((/** @type {any} */ item) => ({ id: item.id, label: named(item) })) : []),
    take: (option) => { trial.titles.set(option.id, option.label); trial.change({ past: [...trial.state.past, { item: option.id, kind: "like" }] }); },
  });
}

/** @param {Trial} trial */
export function wishBox(trial) {
  return field(t("try.wish"), { kind: "textarea", value: trial.state.words, placeholder: t("try.wish_hint"), maxlength: 2000, on: (words) => { trial.state.words = words; trial.later(); } });
}

/** @param {Trial} trial */
export function moment(trial) {
  const { state } = trial;
  const later = (/** @type {Partial<State>} */ change) => { Object.assign(trial.state, change); trial.later(); };
  return h("div", { class: "stack" },
    dial(t("try.diversity"), { value: state.diversity, min: 0, max: 100, step: 5, on: (value) => later({ diversity: value }), shown: (value) => `${value} %`, ends: [t("try.alike"), t("try.mixed")] }),
    dial(t("try.explore"), { value: state.explore, min: 0, max: 5, step: 1, on: (value) => later({ explore: value }), shown: (value) => t("try.places", { n: value }) }),
    state.who === "wish" ? null : field(t("try.words"), { kind: "search", value: state.words, placeholder: t("try.words_hint"), maxlength: 2000, on: (words) => later({ words }) }),
    h("div", { class: "fields" },
      field(t("try.at"), { kind: "datetime-local", value: state.at, on: (at) => later({ at }) }),
      field(t("try.place"), { value: state.place, placeholder: t("try.place_hint"), maxlength: 100, on: (place) => later({ place }) })));
}

/** @param {Record<string, any>} attributes */
const few = (attributes) => Object.values(attributes ?? {}).flat().slice(0, 3).join(", ");
