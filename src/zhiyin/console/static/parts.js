// The few pieces that every page is made of.

import { composing, h } from "./dom.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

/** @typedef {import("./dom.js").Child} Child */

let ids = 0;
/** An id that nothing else on the page has. @param {string} [word] */
export const unique = (word = "id") => `${word}-${++ids}`;

/** The head of a page. @param {string} title @param {string} about @param {...Child} actions */
export function heading(title, about, ...actions) {
  return h("header", { class: "page-head" },
    h("div", null, h("h1", { tabindex: "-1" }, title), about ? h("p", { class: "lead" }, about) : null),
    actions.length ? h("div", { class: "row" }, actions) : null);
}

/** A card with an optional title. @param {{title?: Child, class?: string, actions?: Child[], label?: string}} how @param {...(Child | Child[])} children */
export function card(how, ...children) {
  const id = unique("card");
  return h("section", { class: ["card", how.class], "aria-labelledby": how.title ? id : null, "aria-label": how.title ? null : how.label },
    how.title ? h("div", { class: "card-head" }, h("h2", { id }, how.title), how.actions ? h("div", { class: "row" }, how.actions) : null) : null,
    children);
}

/** What stands where nothing is yet: what it is, and what to do. @param {string} name @param {string} title @param {string} words @param {...Child} actions */
export function empty(name, title, words, ...actions) {
  return h("div", { class: "empty" }, h("div", { class: "empty-mark" }, icon(name, 28)), h("p", { class: "empty-title" }, title),
    h("p", { class: "soft" }, words), actions.length ? h("div", { class: "row centred" }, actions) : null);
}

/** Grey lines while something is on its way. @param {number} [n] */
export const waiting = (n = 3) => h("div", { class: "waiting", "aria-label": t("frame.loading"), role: "img" }, Array.from({ length: n }, () => h("span")));

/** @param {Child} label @param {{icon?: string, kind?: string, on?: () => void, title?: string, disabled?: boolean, label?: string, pressed?: boolean, ref?: (e: any) => void}} how */
export function button(label, how = {}) {
  return h("button", {
    type: "button", class: ["button", how.kind], disabled: how.disabled ?? false, title: how.title, "aria-label": how.label, ref: how.ref,
    "aria-pressed": how.pressed === undefined ? null : String(how.pressed), on: how.on ? { click: how.on } : {},
  }, how.icon ? icon(how.icon, 16) : null, label);
}

/** A button that only shows an icon. @param {string} name @param {string} label @param {() => void} run @param {string} [kind] */
export const iconButton = (name, label, run, kind = "") =>
  h("button", { type: "button", class: ["icon-button", kind], "aria-label": label, title: label, on: { click: run } }, icon(name));

/** A link that looks like a button. @param {Child} label @param {string} href @param {{icon?: string, kind?: string}} [how] */
export const linkButton = (label, href, how = {}) => h("a", { class: ["button", how.kind], href }, how.icon ? icon(how.icon, 16) : null, label);

/** A word in a rounded frame. @param {Child} text @param {string} [kind] @param {string} [title] */
export const chip = (text, kind = "", title = undefined) => h("span", { class: ["chip", kind], title }, text);

/**
 * A labelled field. `kind`: text, number, search, datetime-local, password, textarea. Enter during the composition of an
 * input method never submits.
 * @param {string} label @param {{value?: any, kind?: string, hint?: string, on?: (value: string) => void, enter?: (value: string) => void, name?: string, placeholder?: string, ref?: (e: any) => void, [more: string]: any}} how
 */
export function field(label, how = {}) {
  const { kind = "text", value = "", hint, on, enter, ref, wide, ...more } = how;
  const id = unique("field");
  const input = h(kind === "textarea" ? "textarea" : "input", {
    id, type: kind === "textarea" ? null : kind, autocomplete: "off", ...more, "aria-describedby": hint ? `${id}-hint` : null,
    on: {
      input: () => on?.(input.value),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter" || composing(event) || kind === "textarea" || !enter) return;
        event.preventDefault();
        enter(input.value);
      },
    },
  });
  input.value = value;
  ref?.(input);
  return h("div", { class: ["field", wide ? "wide" : ""] }, h("label", { for: id }, label), input, hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
}

/** A choice of a few. @param {string} label @param {{value: string, options: [string, string][], on: (value: string) => void}} how */
export function choice(label, how) {
  const id = unique("choice");
  return h("div", { class: "field" }, h("label", { for: id }, label),
    h("select", { id, on: { change: (/** @type {any} */ event) => how.on(event.target.value) } },
      how.options.map(([value, text]) => h("option", { value, selected: value === how.value }, text))));
}

/** One of a few, all of them seen: arrow keys move. @param {string} label @param {{value: string, options: [string, string][], on: (value: string) => void}} how */
export function segmented(label, how) {
  const name = unique("segment");
  return h("fieldset", { class: "segmented" }, h("legend", { class: "unseen" }, label),
    how.options.map(([value, text]) => h("label", null,
      h("input", { type: "radio", name, value, checked: value === how.value, on: { change: () => how.on(value) } }), h("span", null, text))));
}

/** A dial from low to high. @param {string} label @param {{value: number, min: number, max: number, step: number, on: (value: number) => void, shown?: (value: number) => string, ends?: [string, string]}} how */
export function dial(label, how) {
  const id = unique("dial");
  const shown = how.shown ?? String;
  const output = h("output", { for: id }, shown(how.value));
  const input = h("input", {
    type: "range", id, min: how.min, max: how.max, step: how.step,
    on: { input: () => { fillTo(); output.textContent = shown(Number(input.value)); how.on(Number(input.value)); } },
  });
  input.value = String(how.value);
  const fillTo = () => input.style.setProperty("--part", `${(100 * (Number(input.value) - how.min)) / (how.max - how.min)}%`);
  fillTo();
  return h("div", { class: "field dial" }, h("div", { class: "dial-head" }, h("label", { for: id }, label), output), input,
    how.ends ? h("div", { class: "ends", "aria-hidden": "true" }, h("span", null, how.ends[0]), h("span", null, how.ends[1])) : null);
}

/** On or off. @param {string} label @param {boolean} on @param {(on: boolean) => void} run @param {string} [hint] */
export function toggle(label, on, run, hint = "") {
  const id = unique("toggle");
  return h("div", { class: "toggle" },
    h("input", { type: "checkbox", role: "switch", id, checked: on, "aria-describedby": hint ? `${id}-hint` : null, on: { change: (/** @type {any} */ event) => run(event.target.checked) } }),
    h("div", null, h("label", { for: id }, label), hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null));
}

/** Names and what they are. @param {[string, Child | Child[]][]} pairs */
export const facts = (pairs) => h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));

/** A thin bar from 0 to 1; what it shows stands beside it in words. @param {number} share */
export const bar = (share) => h("span", { class: "bar", "aria-hidden": "true" }, h("span", { style: { width: `${Math.max(0, Math.min(1, share)) * 100}%` } }));
