// Users: what one person did, what is known and shown, and the rights that go with it.

import { del, get, may, part, patch, post } from "../api.js";
import { combobox } from "../combobox.js";
import { confirm } from "../dialog.js";
import { fill, h, named } from "../dom.js";
import { saveJson } from "../export.js";
import { ago, language, moment, number, say, t } from "../i18n.js";
import { bar, button, card, chip, empty, facts, field, heading, linkButton, toggle, waiting } from "../parts.js";
import { go, to } from "../router.js";
import { table } from "../table.js";
import { fail, toast } from "../toast.js";
import { interests } from "./users_profile.js";

/** @type {import("../pages.js").Page} */
export const page = { render: (view) => (view.query.id ? one(view, view.query.id) : many(view)) };

/** @param {(id: string) => void} take @param {string} value */
const finder = (take, value = "") => combobox(t("users.find"), {
  placeholder: t("users.find_hint"), free: true, keep: true, value, atOnce: true,
  find: async (words, signal) => (may("admin") ? (await get("/v1/users", { prefix: words, limit: 8 }, signal)).users.map((/** @type {any} */ user) => ({ id: user.id, label: user.id, note: words_(user.attributes) })) : []),
  take: (option) => take(option.id),
});

/** @param {import("../pages.js").View} view */
async function many(view) {
  fill(view.root, heading(t("nav.users"), t("users.about")), card({ label: t("users.find") }, finder((id) => go(to("users", { id })))));
  if (!may("admin")) { view.root.append(empty("users", t("users.by_id"), t("users.by_id_about"))); return; }
  const place = h("div", null, waiting(6));
  const pages = h("div", { class: "row end" });
  view.root.append(card({ title: t("users.all") }, place, pages));
  const { users, next } = await get("/v1/users", { after: view.query.after, limit: 50 }, view.signal);
  if (!users.length) { fill(place, empty("users", t("users.none"), t("users.none_about"), linkButton(t("nav.try"), to("try"), { kind: "primary" }))); return; }
  fill(place, table({ caption: t("users.all"), file: "users", rows: users, columns: [
    { name: "id", label: t("users.id"), shown: (user) => h("a", { href: to("users", { id: user.id }) }, user.id) },
    { name: "attributes", label: t("users.attributes"), value: (user) => words_(user.attributes) },
    { name: "personalise", label: t("users.personal"), value: (user) => user.personalise !== false, shown: (user) => (user.personalise === false ? chip(t("users.opted_out"), "warn") : t("users.yes")) },
  ] }));
  fill(pages, view.query.after ? linkButton(t("users.first"), to("users")) : null, next ? linkButton(t("users.next"), to("users", { after: next })) : null);
}

/** @param {import("../pages.js").View} view @param {string} id */
async function one(view, id) {
  fill(view.root, heading(id, ""), waiting(8));
  const [record, history, slates] = await Promise.all([
    get(`/v1/users/${part(id)}`, {}, view.signal).catch((error) => (error.status === 404 ? null : Promise.reject(error))),
    get(`/v1/users/${part(id)}/history`, { n: 300 }, view.signal), get("/v1/slates", { user: id, n: 50 }, view.signal)]);
  const { events } = history;
  const out = record?.personalise === false;
  const now = lists(view, id);
  fill(view.root,
    heading(t("users.title", { id }), record ? words_(record.attributes) : t("users.unknown"), linkButton(t("users.try"), to("try", { user: id }), { icon: "try", kind: "primary" })),
    card({ label: t("users.find") }, finder((other) => go(to("users", { id: other })), id)),
    out ? h("p", { class: "note" }, t("users.out_note")) : null,
    card({ label: t("users.summary") }, facts([
      [t("users.events"), number(events.length) + (events.length === 300 ? "+" : "")], [t("users.last"), events[0] ? ago(events[0].at) : "–"],
      [t("users.decisions"), number(slates.slates.length) + (slates.slates.length === 50 ? "+" : "")], [t("users.personal"), out ? t("users.opted_out") : t("users.yes")],
      ...Object.entries(record?.attributes ?? {}).map(([name, value]) => /** @type {[string, any]} */ ([name, String(value)]))])),
    h("div", { class: "columns" },
      h("div", { class: "stack" }, card({ title: t("users.timeline") }, timeline(events)), interests(view, id, () => now.again())),
      h("div", { class: "stack" }, now.card, rights(view, id, out))),
    card({ title: t("users.decisions") }, table({ caption: t("users.decisions"), file: `decisions-${id}`, rows: slates.slates, empty: t("users.no_decisions"), columns: [
      { name: "at", label: t("why.when"), shown: (row) => h("a", { href: to("why", { slate: row.slate_id }), title: moment(row.at) }, ago(row.at)) },
      { name: "surface", label: t("why.surface") }, { name: "titles", label: t("why.first"), shown: (row) => row.titles.join(" · ") },
      { name: "ms", label: "ms", numeric: true, shown: (row) => number(row.ms, 1) }] })));
}

/** What was done, by day. @param {any[]} events */
function timeline(events) {
  if (!events.length) return empty("clock", t("users.no_events"), t("users.no_events_about"));
  /** @type {Map<string, any[]>} */
  const days = new Map();
  for (const event of events.slice(0, 60)) {
    const day = new Date(event.at * 1000).toLocaleDateString(language() === "zh" ? "zh-CN" : "en-GB", { dateStyle: "long" });
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return h("div", { class: "stack" },
    h("ol", { class: "timeline" }, [...days].map(([day, done]) => h("li", null, h("h3", null, day), h("ul", null, done.map((event) =>
      h("li", null, chip(say("kind", event.kind), event.kind === "hide" ? "bad" : ""), event.item ? h("a", { href: to("items", { id: event.item }) }, named(event)) : h("span", { class: "soft" }, "–"),
        event.value === null ? null : h("span", { class: "soft" }, number(event.value, 1)))))))),
    h("details", { class: "twin" }, h("summary", null, t("frame.as_table")), table({ caption: t("users.timeline"), file: "events", rows: events, columns: [
      { name: "at", label: t("frame.when"), shown: (event) => moment(event.at) }, { name: "kind", label: t("users.kind"), shown: (event) => say("kind", event.kind) },
      { name: "title", label: t("why.item"), value: named }, { name: "value", label: t("frame.value"), numeric: true }] })));
}

/** What would be shown now, at each place. @param {import("../pages.js").View} view @param {string} id */
function lists(view, id) {
  const place = h("div", null, waiting(5));
  const ask = async (/** @type {string} */ surface) => {
    try {
      const { items } = await post("/v1/recommend", { user: id, n: 8, surface, locale: language(), dry_run: true }, view.signal);
      const top = Math.max(...items.map((/** @type {any} */ line) => line.score ?? 0), 1e-9);
      fill(place, items.length ? h("ol", { class: "plain-list" }, items.map((/** @type {any} */ line) => h("li", null, h("span", { class: "rank" }, line.rank),
        h("div", null, h("a", { href: to("items", { id: line.id }) }, named(line)), line.reasons[0] ? h("p", { class: "soft" }, line.reasons[0].text) : null, bar(Math.max(0, line.score ?? 0) / top))))) : empty("try", t("try.empty"), t("try.empty_about")));
    } catch (error) { if (!view.signal.aborted) fail(error); }
  };
  ask(view.query.surface ?? "");
  const shown = card({ title: t("users.now") }, field(t("users.surface"), { value: view.query.surface ?? "", placeholder: t("users.surface_hint"), enter: (surface) => { view.set({ surface: surface.trim() }); ask(surface.trim()); } }), place);
  return { card: shown, again: () => ask(view.query.surface ?? "") };
}

/** Opt-out, export, erasure. @param {import("../pages.js").View} view @param {string} id @param {boolean} out */
function rights(view, id, out) {
  const save = async () => { try { saveJson(`user-${id}`, await get(`/v1/users/${part(id)}/export`)); } catch (error) { fail(error); } };
  const opt = async (/** @type {boolean} */ on) => {
    try { await patch(`/v1/users/${part(id)}`, { personalise: on }); toast(t(on ? "users.opted_in_now" : "users.opted_out_now"), { kind: "good" }); await one(view, id); } catch (error) { fail(error); }
  };
  const erase = async () => {
    if (!(await confirm({ title: t("users.erase_title"), words: t("users.erase_words"), action: t("users.erase"), typed: id, label: t("users.erase_type", { id }) }))) return;
    try {
      const receipt = await del(`/v1/users/${part(id)}`);
      toast(t("users.erased", { events: receipt.events, slates: receipt.slates }), { kind: "good", detail: t("users.receipt", { id: receipt.id }), action: { label: t("users.save_receipt"), run: () => saveJson(`receipt-${receipt.id}`, receipt) } });
      go(to("users"));
    } catch (error) { fail(error); }
  };
  return card({ title: t("users.rights"), class: "rights-card" },
    may("ingest") ? toggle(t("users.personalise"), !out, opt, t("users.personalise_about")) : null,
    h("div", { class: "row" }, may("admin") ? button(t("users.export"), { icon: "download", on: save }) : null, may("erase") ? button(t("users.erase"), { icon: "trash", kind: "danger", on: erase }) : null),
    h("p", { class: "hint" }, t("users.rights_about")));
}

/** @param {Record<string, any> | undefined} attributes */
const words_ = (attributes) => Object.values(attributes ?? {}).flat().join(" · ");
