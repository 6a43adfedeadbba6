// Files into the store, step by step; and how healthy the data is that is there.

import { get, may, part } from "../api.js";
import { bars, line } from "../charts.js";
import { composing, fill, h, named, plain } from "../dom.js";
import { number, percent, say, t } from "../i18n.js";
import { button, card, chip, choice, empty, facts, heading, segmented, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";
import { announce, fail } from "../toast.js";
import { made, newest, sendFile, work } from "../work.js";
import { lorenzFigure } from "./curves.js";

/** @typedef {import("../pages.js").View} View */

const KINDS = ["click", "view", "like", "purchase", "cart", "rating", "play", "share", "follow", "hide"];

class DataPage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = view.query.tab === "health" ? "health" : "import";
    this.body = h("div", { class: "stack" });
    /** @type {any} */
    this.seen = null;
    this.holds = "events";
    /** @type {Record<string, string | null>} */
    this.mapping = {};
    this.kind = "";
    this.errors = "drop";
    /** What cells should have said, by row and column. @type {Map<string, {row: number, column: string, value: string}>} */
    this.fixes = new Map();
  }

  async draw() {
    fill(this.view.root, heading(t("nav.data"), t("data.about")),
      segmented(t("nav.data"), { value: this.tab, options: [["import", t("data.import")], ["health", t("data.health")]], on: (tab) => { this.tab = tab; this.view.set({ tab: tab === "import" ? "" : tab, file: "" }, { push: true }); this.show().catch(fail); } }), this.body);
    await this.show();
  }

  async show() {
    if (this.tab === "health") return this.health();
    if (this.view.query.file && !this.seen) {
      try { await this.look(this.view.query.file); return; } catch { this.view.set({ file: "" }); }
    }
    if (this.seen) this.columns();
    else this.drop();
  }

  // -- import ----------------------------------------------------------------------------------------

  drop() {
    const input = h("input", { type: "file", id: "file", class: "unseen", accept: ".csv,.tsv,.txt,.jsonl,.ndjson,.parquet", on: { change: () => { if (input.files?.[0]) this.send(input.files[0]).catch(fail); } } });
    const bar = h("progress", { max: 1, hidden: true, "aria-label": t("data.sending") });
    this.sending = bar;
    const zone = h("label", { class: "drop", for: "file",
      on: {
        dragover: (/** @type {DragEvent} */ event) => { event.preventDefault(); zone.classList.add("over"); }, dragleave: () => zone.classList.remove("over"),
        drop: (/** @type {DragEvent} */ event) => { event.preventDefault(); zone.classList.remove("over"); const file = event.dataTransfer?.files[0]; if (file) this.send(file).catch(fail); },
      } }, h("strong", null, t("data.drop")), h("span", { class: "soft" }, t("data.kinds")));
    fill(this.body, card({ title: t("data.step", { n: 1, words: t("data.choose") }) }, input, zone, bar,
      h("p", { class: "hint" }, t("data.choose_about"))));
  }

  /** @param {File} file */
  async send(file) {
    if (this.sending) this.sending.hidden = false;
    const id = await sendFile(file, this.view.signal, (share) => { if (this.sending) this.sending.value = share; });
    await this.look(id);
  }

  /** @param {string} id */
  async look(id) {
    this.fixes.clear();
    this.seen = await get(`/v1/uploads/${part(id)}`, {}, this.view.signal);
    this.view.set({ file: id });
    const eventful = "user" in this.seen.events && "item" in this.seen.events;
    this.holds = eventful ? "events" : "items";
    this.mapping = { ...(eventful ? this.seen.events : this.seen.items) };
    this.kind = this.seen.kind;
    this.columns();
    announce(t("data.step", { n: 2, words: t("data.map") }));
  }

  columns() {
    const { seen } = this;
    const again = () => { this.seen = null; this.view.set({ file: "" }); this.drop(); };
    if (seen.fault) { fill(this.body, card({ title: plain(seen.name) }, h("p", { class: "note", role: "alert" }, plain(seen.fault)), h("div", { class: "row" }, button(t("data.other"), { on: again })))); return; }
    const roles = this.holds === "events" ? seen.roles.events : seen.roles.items;
    const options = /** @type {[string, string][]} */ ([["", t("data.no_column")], ...seen.columns.map((/** @type {string} */ name) => [name, plain(name)])]);
    this.progress = h("div");
    this.report = h("div", { class: "stack" });
    fill(this.body,
      card({ title: t("data.step", { n: 2, words: t("data.map") }), actions: [chip(plain(seen.name)), chip(`${number(seen.size / 1e6, 2)} MB`), button(t("data.other"), { kind: "small quiet", on: again })] },
        segmented(t("data.holds"), { value: this.holds, options: [["events", t("data.events")], ["items", t("data.items")]], on: (value) => { this.holds = value; this.mapping = { ...(value === "events" ? seen.events : seen.items) }; this.columns(); } }),
        seen.notes.length ? h("ul", { class: "hint" }, seen.notes.map((/** @type {string} */ note) => h("li", null, plain(note)))) : null,
        h("div", { class: "fields" }, roles.map((/** @type {string} */ role) => choice(`${say("data.role", role)}${["user", "item"].includes(role) && (this.holds === "events" || role === "item") ? " *" : ""}`, { value: this.mapping[role] ?? "", options, on: (value) => { this.mapping[role] = value || null; fill(this.report); } }))),
        this.holds === "events" ? h("div", { class: "fields" },
          choice(t("data.kind"), { value: this.kind, options: KINDS.map((kind) => /** @type {[string, string]} */ ([kind, say("kind", kind)])), on: (value) => { this.kind = value; } }),
          choice(t("data.errors"), { value: this.errors, options: [["drop", t("data.errors_drop")], ["raise", t("data.errors_stop")]], on: (value) => { this.errors = value; } })) : null,
        table({ caption: t("data.first_rows"), captionSeen: true, file: "first-rows", rows: seen.rows.map((/** @type {string[]} */ row) => Object.fromEntries(row.map((cell, place) => [seen.columns[place], plain(cell)]))), columns: seen.columns.map((/** @type {string} */ name) => ({ name, label: plain(name) })) }),
        h("div", { class: "row" }, button(t("data.try"), { kind: "primary", on: () => this.load(true).catch(fail) })), this.progress),
      this.report);
  }

  /** @param {boolean} dry */
  async load(dry) {
    const mapping = Object.fromEntries(Object.entries(this.mapping).filter(([role, column]) => column || role in (this.holds === "events" ? this.seen.events : this.seen.items)));
    const done = await work(/** @type {HTMLElement} */ (this.progress), { kind: "import", upload: this.seen.id, holds: this.holds, mapping, event_kind: this.holds === "events" ? this.kind : "", errors: this.errors, fixes: [...this.fixes.values()], dry_run: dry }, this.view.signal);
    if (!done) return;
    const { result } = done, { report } = result;
    if (!dry) { this.loaded(result); return; }
    const rows = report.findings.flatMap((/** @type {any} */ one) => one.rows.map((/** @type {any} */ row) => ({ reason: one.reason, why: one.why, ...row })));
    fill(/** @type {HTMLElement} */ (this.report), card({ title: t("data.step", { n: 3, words: t("data.checked") }) },
      h("p", { class: "row" }, chip(t("data.read", { n: number(report.n_read) })), chip(t("data.kept", { n: number(report.n_kept) }), "good"), report.n_dropped ? chip(t("data.dropped", { n: number(report.n_dropped) }), "warn") : null),
      report.notes.length ? h("ul", { class: "hint" }, report.notes.map((/** @type {string} */ note) => h("li", null, plain(note)))) : null,
      report.findings.length ? table({ caption: t("data.findings"), captionSeen: true, file: "findings", rows: report.findings, columns: [{ name: "reason", label: t("data.reason"), shown: (row) => plain(row.reason) }, { name: "action", label: t("data.action"), shown: (row) => say("data.action", row.action) }, { name: "n", label: t("data.n"), numeric: true }, { name: "why", label: t("data.why"), shown: (row) => plain(row.why) }] }) : null,
      rows.length ? table({ caption: t("data.bad_rows"), captionSeen: true, file: "bad-rows", rows, columns: [{ name: "row", label: t("data.row"), numeric: true }, { name: "column", label: t("data.column"), shown: (row) => plain(row.column ?? "") }, { name: "value", label: t("frame.value"), shown: (row) => plain(row.value ?? "") }, { name: "fix", label: t("data.fix_cell"), value: (row) => this.fixes.get(`${row.row} ${row.column}`)?.value ?? "", shown: (row) => (row.column ? this.fixBox(row) : null) }, { name: "reason", label: t("data.reason"), shown: (row) => plain(row.reason) }, { name: "why", label: t("data.why"), shown: (row) => plain(row.why) }] }) : h("p", { class: "row" }, chip(t("data.no_faults"), "good")),
      table({ caption: t("data.as_stored"), captionSeen: true, file: "as-stored", rows: result.sample, columns: Object.keys(result.sample[0] ?? { id: "" }).map((name) => ({ name, label: name, shown: (row) => plain(typeof row[name] === "object" && row[name] ? JSON.stringify(row[name]) : row[name] ?? "") })) }),
      h("div", { class: "row" }, rows.length ? button(t("data.try_fixes"), { on: () => this.load(true).catch(fail) }) : null, button(t("data.load", { n: number(report.n_kept) }), { kind: "primary", on: () => this.load(false).catch(fail) }))));
    this.report?.scrollIntoView({ block: "nearest" });
  }

  /** What a cell should have said; empty takes it as it stands. @param {{row: number, column: string, value: string | null}} cell */
  fixBox({ row, column }) {
    const key = `${row} ${column}`;
    return h("div", { class: "field" }, h("input", { type: "text", class: "fix", maxlength: 4096, value: this.fixes.get(key)?.value ?? "", "aria-label": t("data.fix_of", { row, column: plain(column) }), on: {
      input: (/** @type {any} */ event) => { if (event.target.value) this.fixes.set(key, { row, column, value: event.target.value }); else this.fixes.delete(key); },
      keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && !composing(event)) { event.preventDefault(); this.load(true).catch(fail); } },
    } }));
  }

  /** @param {any} result */
  loaded(result) {
    this.seen = null;
    this.view.set({ file: "" });
    const n = (result.accepted ?? 0) + (result.written ?? 0);
    fill(this.body, card({ title: t("data.step", { n: 4, words: t("data.done") }) }, h("p", { class: "row" }, chip(t("data.written", { n: number(n) }), "good"), result.duplicate ? chip(t("data.duplicate", { n: number(result.duplicate) })) : null, result.rejected ? chip(t("data.rejected", { n: number(result.rejected) }), "bad") : null),
      h("p", { class: "soft" }, t("data.done_about")), h("div", { class: "row" }, button(t("data.other"), { on: () => this.drop() }), h("a", { class: "button primary", href: to("settings", { tab: "artefacts" }) }, t("data.fit")))));
    announce(t("data.written", { n }));
  }

  // -- health ----------------------------------------------------------------------------------------

  async health() {
    const { signal } = this.view;
    fill(this.body, card({ label: t("data.health") }, waiting(5)));
    const found = await newest("health", signal);
    const progress = h("div");
    const look = (/** @type {any} */ request) => work(progress, request, signal).then((done) => { if (done) this.health().catch(fail); });
    const again = button(found.result ? t("data.again") : t("data.look"), { kind: found.result ? "" : "primary", on: () => look({ kind: "health" }) });
    if (!found.result || !found.job) { fill(this.body, card({ label: t("data.health") }, empty("data", t("data.no_health"), t("data.no_health_about"), again), progress)); if (found.running) look(found.running); return; }
    const one = found.result;
    const day = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
    const step = one.days.width_days * 86400;
    const points = /** @type {[number, number][]} */ (one.days.events.map((/** @type {number} */ n, /** @type {number} */ place) => [one.days.first + place * step, n]));
    fill(this.body,
      card({ title: t("data.size"), actions: [h("span", { class: "soft" }, made(found.job)), again] }, progress, facts([
        [t("data.n_events"), number(one.interactions)], [t("data.n_users"), number(one.users)], [t("data.n_items"), number(one.items)], [t("data.density"), percent(one.density)],
        [t("data.same"), number(one.duplicates.same)], [t("data.again_pairs"), number(one.duplicates.again)], [t("data.never"), number(one.items_never_used)], [t("data.cold", { n: one.cold.below }), number(one.cold.items)],
        [t("data.untitled"), number(one.without_title)], [t("data.textless"), number(one.without_text)], [t("data.tail"), percent(one.tail_share)], ["Gini", one.gini === null ? "–" : number(one.gini, 3)],
      ])),
      h("div", { class: "columns" },
        card({ title: t("data.by_day") }, points.length ? line({ title: t("data.by_day"), summary: t("data.by_day_said", { first: day(points[0][0]), last: day(points[points.length - 1][0]), top: number(Math.max(...points.map(([, n]) => n))), days: one.days.width_days }), points, label: day, unit: t("data.events"), digits: 0, file: "events-by-day" }) : h("p", { class: "soft" }, t("data.no_clock")),
          one.days.gaps.length ? table({ caption: t("data.gaps"), captionSeen: true, file: "gaps", rows: one.days.gaps, columns: [{ name: "from", label: t("data.from"), shown: (row) => day(row.from) }, { name: "days", label: t("data.days"), numeric: true }] }) : h("p", { class: "row" }, chip(t("data.no_gaps"), "good"))),
        card({ title: t("data.long_tail") }, lorenzFigure({ title: t("data.long_tail"), curves: [{ name: t("data.n_events"), points: one.lorenz }], summary: t("data.long_tail_said", { gini: one.gini === null ? "–" : number(one.gini, 2), share: percent(one.tail_share) }) }))),
      h("div", { class: "columns" },
        card({ title: t("data.histories") }, bars({ title: t("data.histories"), summary: t("data.histories_said", { n: number(one.median_history) }), unit: t("data.n_users"), digits: 0, file: "histories", rows: one.history.map((/** @type {any} */ row) => ({ name: row.to > 1e15 ? `≥ ${row.from}` : row.from === row.to ? String(row.from) : `${row.from}–${row.to}`, value: row.users })) })),
        card({ title: t("data.attributes") }, table({ caption: t("data.attributes"), file: "attributes", rows: one.filled, columns: [{ name: "name", label: t("frame.name"), shown: (row) => plain(row.name) }, { name: "kind", label: t("data.what"), shown: (row) => t(`data.${row.kind}`) }, { name: "values", label: t("data.values"), numeric: true, shown: (row) => number(row.values) }, { name: "share", label: t("data.filled"), numeric: true, shown: (row) => percent(row.share) }] }))),
      card({ title: t("data.cold_items") }, table({ caption: t("data.cold_items"), file: "cold-items", rows: one.cold.first, limit: 50, columns: [{ name: "title", label: t("data.title"), shown: (row) => h("a", { href: to("items", { id: row.id }) }, named(row)) }, { name: "id", label: "id" }, { name: "events", label: t("data.n_events"), numeric: true }] })));
  }
}

export const page = {
  /** @param {View} view */
  async render(view) {
    if (!may("admin")) { fill(view.root, heading(t("nav.data"), ""), card({ label: t("nav.data") }, empty("shield", t("work.admin"), ""))); return; }
    await new DataPage(view).draw();
  },
};
