// Items: what one is, what stands near it, and an editor that shows the new neighbours at once.

import { get, may, part, patch, put } from "../api.js";
import { combobox } from "../combobox.js";
import { line } from "../charts.js";
import { fill, h, named, plain } from "../dom.js";
import { ago, moment, number, percent, say, t } from "../i18n.js";
import { bar, button, card, chip, empty, facts, field, heading, linkButton, toggle, waiting } from "../parts.js";
import { PAGES } from "../pages.js";
import { go, to } from "../router.js";
import { table } from "../table.js";
import { announce, fail, failure, toast } from "../toast.js";

const NEAR = 12;
/** The service takes an edited item within a second; so long is looked for it. */
const TRIES = 12;

/** @type {import("../pages.js").Page} */
export const page = { render: (view) => (view.query.id ? one(view, view.query.id) : many(view)) };

const finder = (value = "") => combobox(t("items.find"), {
  placeholder: t("items.find_hint"), keep: true, value,
  find: async (words, signal) => (words ? (await get("/v1/search", { words, n: 10 }, signal)).items.map((/** @type {any} */ item) => ({ id: item.id, label: named(item), note: item.id })) : []),
  take: (option) => go(to("items", { id: option.id })),
});

/** @param {import("../pages.js").View} view */
async function many(view) {
  const place = h("div", null, waiting(8));
  const pages = h("div", { class: "row end" });
  fill(view.root, heading(t("nav.items"), t("items.about")), card({ label: t("items.find") }, finder()), card({ title: t("items.all") }, place, pages));
  const { items, next } = await get("/v1/items", { after: view.query.after, limit: 50 }, view.signal);
  if (!items.length) { fill(place, empty("items", t("items.none"), t("items.none_about"))); return; }
  fill(place, table({ caption: t("items.all"), file: "items", rows: items, columns: [
    { name: "title", label: t("items.title"), value: named, shown: (item) => h("a", { href: to("items", { id: item.id }) }, named(item)) },
    { name: "id", label: t("items.id") },
    { name: "attributes", label: t("items.attributes"), value: (item) => Object.values(item.attributes ?? {}).flat().join(" · ") },
    { name: "available", label: t("items.state"), value: (item) => item.available !== false, shown: (item) => (item.available === false ? chip(t("items.away"), "warn") : t("items.there")) },
    { name: "updated_at", label: t("items.updated"), shown: (item) => ago(item.updated_at) },
  ] }));
  fill(pages, view.query.after ? linkButton(t("users.first"), to("items")) : null, next ? linkButton(t("users.next"), to("items", { after: next })) : null);
}

/** @param {import("../pages.js").View} view @param {string} id */
async function one(view, id) {
  fill(view.root, heading(t("nav.items"), ""), waiting(8));
  const item = await get(`/v1/items/${part(id)}`, {}, view.signal);
  const near = h("div", null, waiting(6));
  const words = h("div", { class: "stack" });
  const tags = h("div", { class: "stack" });
  const shown = h("div", { class: "stack" }, waiting(4));
  describe(item);
  if (may("admin")) get(`/v1/items/${part(id)}/exposure`, {}, view.signal).then(exposed, (error) => { if (!view.signal.aborted) fill(shown, h("p", { class: "soft" }, failure(error).text)); });
  get(`/v1/items/${part(id)}/tags`, {}, view.signal).then(tagged, () => {});
  fill(view.root,
    heading(named(item), `${t("items.id")} ${id}`, linkButton(t("items.try"), to("try", { who: "new", past: `like~${encodeURIComponent(id)}` }), { icon: "try", kind: "primary" })),
    card({ label: t("items.find") }, finder()),
    item.available === false ? h("p", { class: "note" }, t("items.away_note")) : null,
    h("div", { class: "columns" }, h("div", { class: "stack" }, card({ title: t("items.what") }, words), may("ingest") ? editor(item) : null),
      card({ title: t("items.near"), actions: PAGES.some((other) => other.name === "map") ? [linkButton(t("items.map"), to("map", { item: id }), { kind: "quiet small" })] : [] }, h("p", { class: "soft" }, t("items.near_about")), near)),
    may("admin") ? card({ title: t("items.exposure") }, shown) : null);
  await neighbours(null);

  /** @param {any} now */
  function describe(now) {
    fill(words, now.text ? h("p", { class: "text" }, now.text) : h("p", { class: "soft" }, t("items.no_text")),
      facts(Object.entries(now.attributes ?? {}).map(([name, value]) => [name, [value].flat().map((one) => (typeof one === "number" ? number(one, Number.isInteger(one) ? 0 : 2).replace(/,(?=\d{3}$)/, "") : chip(one)))])),
      tags, h("p", { class: "hint" }, t("items.updated_words", { when: ago(now.updated_at) })));
  }

  /** What it is about: found by rules or a language model, or said by an editor, whose words stand. @param {any} found */
  function tagged(found) {
    let said = found.tags.join(", ");
    let line = found.line;
    const save = async () => {
      try { tagged(await put(`/v1/items/${part(id)}/tags`, { tags: said.split(/[,，、]/).map((text) => text.trim()).filter(Boolean).slice(0, 30), line })); toast(t("items.tags_saved"), { kind: "good" }); } catch (error) { fail(error); }
    };
    fill(tags, h("h3", null, t("items.tags")), found.line ? h("p", null, found.line) : null,
      h("p", { class: "row" }, found.tags.map((/** @type {string} */ tag) => chip(tag, "accent")), found.tags.length ? null : h("span", { class: "soft" }, t("items.no_tags")), chip(say("by", found.source))),
      may("ingest") ? h("details", { class: "twin" }, h("summary", null, t("items.tags_edit")), h("div", { class: "stack" },
        field(t("items.tags"), { value: said, hint: t("items.tags_hint"), on: (value) => { said = value; }, enter: save }), field(t("items.line"), { value: line, maxlength: 300, on: (value) => { line = value; }, enter: save }),
        h("div", { class: "row" }, button(t("items.save"), { icon: "edit", on: save })))) : null);
  }

  /** How often it was shown and what followed, day by day, and to whom lately. @param {any} found */
  function exposed(found) {
    const day = (/** @type {number} */ at) => found.days[at].day;
    const chart = (/** @type {string} */ what) => line({
      title: t(`items.${what}`), summary: t("items.by_day", { what: t(`items.${what}`), first: day(0), last: day(found.days.length - 1), n: number(found[what] ?? found.days.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one[what], 0)) }), file: `item-${what}`,
      points: found.days.map((/** @type {any} */ one, /** @type {number} */ at) => [at, one[what]]), label: day, unit: t(`items.${what}`), digits: 0, height: 120,
    });
    const share = found.rate === null ? "–" : `${percent(found.rate)}${found.low === null ? "" : ` [${percent(found.low)}, ${percent(found.high)}]`}`;
    fill(shown,
      facts([[t("items.shown"), number(found.shown)], [t("items.followed"), number(found.followed)], [t("items.rate"), share],
        [t("items.kinds"), Object.entries(found.kinds).map(([kind, n]) => `${say("kind", kind)} ${number(/** @type {number} */ (n))}`).join(" · ") || "–"],
        [t("items.listed"), t("items.listed_of", { n: number(found.listed), of: number(found.lists) })]]),
      h("p", { class: "hint" }, t("items.exposure_about", { n: number(found.events) })),
      found.days.length ? h("div", { class: "columns" }, chart("shown"), chart("chosen")) : null,
      found.stood_in.length ? table({ caption: t("items.stood_in"), file: "item-lists", rows: found.stood_in, columns: [
        { name: "at", label: t("frame.when"), shown: (/** @type {any} */ row) => h("a", { href: to("why", { slate: row.slate_id }) }, moment(row.at)) },
        { name: "user", label: t("items.who"), value: (/** @type {any} */ row) => row.user || row.session, shown: (/** @type {any} */ row) => (row.user ? h("a", { href: to("users", { id: row.user }) }, plain(row.user)) : plain(row.session) || t("items.visitor")) },
        { name: "rank", label: t("items.rank"), numeric: true },
      ] }) : h("p", { class: "soft" }, t("items.stood_nowhere")));
  }

  /** What goes with it; `before`: the order before an edit, so that changes show. @param {string[] | null} before @returns {Promise<string[]>} */
  async function neighbours(before) {
    try {
      const { items } = await get(`/v1/similar/${part(id)}`, { n: NEAR }, view.signal);
      const top = Math.max(...items.map((/** @type {any} */ line) => line.score ?? 0), 1e-9);
      const ids = items.map((/** @type {any} */ line) => line.id);
      fill(near, items.length ? h("ol", { class: "plain-list" }, items.map((/** @type {any} */ line) => {
        const old = before ? before.indexOf(line.id) : -1;
        return h("li", null, h("span", { class: "rank" }, line.rank), h("div", null, h("p", { class: "row" }, h("a", { href: to("items", { id: line.id }) }, named(line)),
          before && old < 0 ? chip(t("try.new"), "accent") : null, before && old >= 0 && old + 1 !== line.rank ? chip(`${old + 1} → ${line.rank}`) : null),
          bar((line.score ?? 0) / top), h("p", { class: "row soft" }, Object.entries(line.sources).map(([name, place]) => chip(`${say("source", name)} #${place}`)))));
      })) : empty("items", t("items.alone"), t("items.alone_about")));
      return ids;
    } catch (error) {
      if (!view.signal.aborted) fill(near, empty("items", t("items.alone"), error instanceof Error ? error.message : ""));
      return [];
    }
  }

  /** @param {any} old */
  function editor(old) {
    let [title, text, available] = [old.title ?? "", old.text ?? "", old.available !== false];
    let attributes = JSON.stringify(old.attributes ?? {}, null, 1);
    const saved = async () => {
      let given;
      try { given = JSON.parse(attributes); } catch (error) { toast(t("items.not_json"), { kind: "bad", detail: String(error) }); return; }
      const dropped = Object.fromEntries(Object.keys(old.attributes ?? {}).filter((name) => !(name in given)).map((name) => [name, null]));
      try {
        const before = (await get(`/v1/similar/${part(id)}`, { n: NEAR }).catch(() => ({ items: [] }))).items.map((/** @type {any} */ line) => line.id);
        await patch(`/v1/items/${part(id)}`, { title, text, attributes: { ...dropped, ...given }, available });
        toast(t("items.saved"), { kind: "good" });
        const now = await get(`/v1/items/${part(id)}`);
        describe(now);
        view.root.querySelector("h1").textContent = named(now);
        let after = before;
        for (let tries = 0; tries < TRIES && after.join() === before.join() && !view.signal.aborted; tries++) {
          await new Promise((resolve) => setTimeout(resolve, 250));
          after = await neighbours(before);
        }
        announce(after.join() === before.join() ? t("items.same_near") : t("items.new_near"));
      } catch (error) { fail(error); }
    };
    return card({ title: t("items.edit"), class: "editor-card" },
      field(t("items.title"), { value: title, on: (value) => { title = value; } }),
      field(t("items.text"), { kind: "textarea", value: text, on: (value) => { text = value; } }),
      field(t("items.attributes"), { kind: "textarea", value: attributes, spellcheck: "false", hint: t("items.attributes_hint"), on: (value) => { attributes = value; } }),
      toggle(t("items.available"), available, (on) => { available = on; }, t("items.available_about")),
      h("div", { class: "row" }, button(t("items.save"), { kind: "primary", icon: "edit", on: saved })));
  }
}
