// Beside a decision: what if the past or the moment were another, and why an item is not there.

import { get, part, post } from "../api.js";
import { combobox } from "../combobox.js";
import { fill, h, named } from "../dom.js";
import { language, say, t } from "../i18n.js";
import { card, chip, field } from "../parts.js";
import { fail } from "../toast.js";
import { slope } from "./why_inside.js";

/** The question of a decision once more, without writing. @param {any} trace */
function asked(trace) {
  const { cursor: _, dry_run: __, what_if: ___, ...request } = trace.request;
  return { ...request, locale: language(), reasons: false };
}

/** @param {import("../pages.js").View} view @param {any} trace @param {any[]} page */
export function otherwise(view, trace, page) {
  const out = new Set((view.query.without ?? "").split(",").filter(Boolean).map(decodeURIComponent));
  let at = view.query.at ?? "";
  const events = h("div", { class: "row" });
  const result = h("div", { class: "stack" });
  load().catch(fail);
  return card({ title: t("why.if") }, h("p", { class: "soft" }, t("why.if_about")), h("div", { class: "columns" },
    h("div", { class: "stack" }, events, field(t("why.if_time"), { kind: "datetime-local", value: at, on: (text) => { at = text; ask(); } })), result));

  async function load() {
    const given = trace.request.history;
    const found = given ? await titled(given.slice(-14).toReversed())
      : trace.user ? (await get(`/v1/users/${part(trace.user)}/history`, { n: 14 }, view.signal)).events : [];
    const past = found.filter((/** @type {any} */ event) => event.item);
    fill(events, past.length ? past.map((/** @type {any} */ event) => h("button", { type: "button", class: "button small", "aria-pressed": String(out.has(event.item)), on: { click: (/** @type {any} */ click) => {
      if (out.has(event.item)) out.delete(event.item); else out.add(event.item);
      click.currentTarget.setAttribute("aria-pressed", String(out.has(event.item)));
      ask();
    } } }, t("why.without", { title: named(event) }))) : h("p", { class: "hint" }, t("why.if_none")));
    if (out.size || at) await ask();
  }

  /** @param {any[]} history */
  function titled(history) {
    return Promise.all(history.map(async (event) => {
      const item = typeof event === "string" ? event : event.item;
      return { item, title: (await get(`/v1/items/${part(item)}`, {}, view.signal).catch(() => ({ title: item }))).title };
    }));
  }

  async function ask() {
    view.set({ without: [...out].map(encodeURIComponent).join(","), at });
    if (!out.size && !at) { fill(result); return; }
    try {
      const seconds = at ? new Date(at).getTime() / 1000 : NaN;
      const answer = await post("/v1/recommend", { ...asked(trace), what_if: { remove: [...out], ...(Number.isFinite(seconds) ? { at: seconds } : {}) } }, view.signal);
      const titles = new Map([...page, ...answer.items].map((line) => [line.id, named(line)]));
      const fresh = answer.items.filter((/** @type {any} */ line) => !page.some((one) => one.id === line.id)).length;
      fill(result, h("p", { role: "status" }, t("why.if_result", { fresh })), slope(t("why.if_slope"), page.map((line) => line.id), answer.items.map((/** @type {any} */ line) => line.id), titles));
    } catch (error) { fail(error); }
  }
}

/** @param {import("../pages.js").View} view @param {any} trace @param {number} n */
export function whyNot(view, trace, n) {
  const said = h("div", { class: "stack", role: "status" });
  const ask = async (/** @type {string} */ item) => {
    view.set({ missing: item });
    try {
      const found = await post("/v1/why-not", { ...asked(trace), n, item }, view.signal);
      fill(said, h("h3", null, named(found)), h("p", null, found.text),
        h("p", { class: "row" }, chip(say("absence", found.stage), found.stage === "listed" ? "good" : "warn"), found.place ? chip(t("why.place", { n: found.place })) : null,
          Object.entries(found.sources).map(([name, place]) => chip(`${say("source", name)} #${place}`))),
        found.changes.length ? [h("h3", null, t("why.changes")), h("ul", { class: "bullets" }, found.changes.map((/** @type {string} */ text) => h("li", null, text)))] : null);
    } catch (error) { fail(error); }
  };
  if (view.query.missing) ask(view.query.missing);
  return card({ title: t("why.not") }, h("p", { class: "soft" }, t("why.not_about")), combobox(t("why.not_item"), {
    placeholder: t("why.not_hint"), keep: true, find: async (words, signal) => (words ? (await get("/v1/search", { words, n: 8 }, signal)).items.map((/** @type {any} */ item) => ({ id: item.id, label: named(item) })) : []),
    take: (option) => ask(option.id),
  }), said);
}
