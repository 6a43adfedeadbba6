// Two versions side by side: their settings on the same held-out users, their lists as they stand, and a blind judgement.

import { get, may, part, post, who } from "../api.js";
import { bars } from "../charts.js";
import { composing, fill, h, named, plain } from "../dom.js";
import { ago, number, percent, say, t } from "../i18n.js";
import { button, card, chip, choice, empty, facts, field, heading, segmented, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";
import { announce, fail } from "../toast.js";
import { made, newest, resultOf, work } from "../work.js";
import { compareDays } from "./compare_days.js";
import { whiskers } from "./curves.js";
import { sideBySide } from "./settings.js";

/** @typedef {import("../pages.js").View} View */

/** Metrics that go from 0 to 1 and share a scale; the table has all. */
const WHISKERED = /^(ndcg|recall|hit|mrr|map|precision)@/;

class ComparePage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = ["lists", "judge"].includes(view.query.tab) ? view.query.tab : "metrics";
    this.a = view.query.a ?? "";
    this.b = view.query.b ?? "";
    this.questions = 500;
    this.judge = view.query.judge ?? who().name.replace(/^console: /, "").slice(0, 60);
    this.body = h("div", { class: "stack" });
  }

  async draw() {
    const { query } = this.view;
    const of = query.of === "days" ? "days" : "versions";
    const place = h("div", { class: "stack" });
    fill(this.view.root, heading(t("nav.compare"), t("compare.about")),
      segmented(t("compare.of"), { value: of, options: [["versions", t("compare.of_versions")], ["days", t("compare.days")]], on: (value) => {
        Object.assign(query, { of: value === "days" ? value : "", a: "", b: "" });
        this.view.set({ of: query.of, a: "", b: "" });
        this.a = this.b = "";
        this.draw().catch(fail);
      } }), place);
    await (of === "days" ? compareDays(this.view, place) : this.versions(place));
  }

  /** @param {HTMLElement} root */
  async versions(root) {
    const { signal, query } = this.view;
    fill(root, card({ label: t("nav.compare") }, waiting(5)));
    const [{ artefacts }, found] = await Promise.all([get("/v1/artefacts", {}, signal), newest("compare", signal)]);
    const usable = artefacts.filter((/** @type {any} */ one) => one.state !== "refused");
    if (usable.length < 2) { fill(root, card({ label: t("nav.compare") }, empty("compare", t("compare.one"), t("compare.one_about"), h("a", { class: "button primary", href: to("settings") }, t("compare.to_settings"))))); return; }
    let { job, result } = found;
    if (query.run && query.run !== job?.id) { const other = found.jobs.find((/** @type {any} */ one) => one.id === query.run && one.state === "done"); if (other) { job = other; result = await resultOf(other.id, signal); } }
    this.a ||= result?.artefacts[0].version ?? usable[1].version;
    this.b ||= result?.artefacts[1].version ?? usable[0].version;
    const options = usable.map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.version, `${one.version} · ${say("settings.state", one.state)} · ${ago(one.at)}`]));
    const progress = h("div");
    const go = (/** @type {any} */ request) => work(progress, request, signal).then((done) => { if (done) { this.view.query.run = ""; this.view.set({ run: "" }); this.draw().catch(fail); } });
    fill(root,
      card({ label: t("compare.which") }, h("div", { class: "fields" },
        choice("A", { value: this.a, options, on: (value) => { this.a = value; this.view.set({ a: value }); } }), choice("B", { value: this.b, options, on: (value) => { this.b = value; this.view.set({ b: value }); } }),
        field(t("quality.questions"), { kind: "number", value: String(this.questions), min: 10, max: 20000, on: (value) => { this.questions = Number(value) || 500; } })),
      h("div", { class: "row" }, button(t("compare.run"), { kind: "primary", on: () => go({ kind: "compare", artefacts: [this.a, this.b], max_questions: this.questions }) }), job ? h("span", { class: "soft" }, made(job)) : null), progress),
      result ? segmented(t("nav.compare"), { value: this.tab, options: [["metrics", t("compare.metrics")], ["lists", t("compare.lists")], ["judge", t("compare.judge")]], on: (tab) => { this.tab = tab; this.view.set({ tab: tab === "metrics" ? "" : tab }, { push: true }); this.show(job, result).catch(fail); } }) : null,
      this.body);
    if (found.running) go(found.running);
    if (result) await this.show(job, result);
    else fill(this.body, card({ label: t("nav.compare") }, empty("compare", t("compare.none"), t("compare.none_about"))));
  }

  /** @param {any} job @param {any} result */
  async show(job, result) {
    if (this.tab === "judge") return this.judging(job, result);
    fill(this.body, this.tab === "lists" ? this.lists(result) : this.metrics(result));
  }

  /** @param {any} result */
  which(result) { return facts(result.artefacts.map((/** @type {any} */ one, /** @type {number} */ place) => [place ? "B" : "A", [h("code", null, one.version), h("span", { class: "soft" }, ` ${say("settings.state", one.state)} · ${t("compare.events", { n: number(one.events) })}`)]])); }

  /** @param {any} result */
  metrics(result) {
    const found = result.measured;
    if (!found) return card({ title: t("compare.metrics") }, this.which(result), empty("compare", t(result.same_settings ? "compare.same_settings" : "compare.no_events"), t("compare.same_about")));
    const rows = Object.entries(found.differences).map(([name, c]) => ({ name, value: c.difference.value, low: c.difference.low, high: c.difference.high, n: c.n, p: c.p, a: c.mean_a, b: c.mean_b, wins: c.wins, losses: c.losses, ties: c.ties }));
    const main = rows.find((row) => row.name === found.main) ?? rows[0];
    const lines = diff(result.artefacts[0].toml, result.artefacts[1].toml);
    return [
      card({ title: t("compare.metrics") }, this.which(result),
        h("p", null, t(main.low > 0 ? "compare.b_better" : main.high < 0 ? "compare.a_better" : "compare.even", { metric: found.main, value: number(Math.abs(main.value), 4) })),
        h("p", { class: "soft small" }, t("quality.protocol", { split: found.protocol.split, regime: found.protocol.regime, n: number(found.n_questions), data: found.data.name ?? "" })),
        whiskers({ title: t("compare.differences"), summary: t("compare.differences_said"), rows: rows.filter((row) => WHISKERED.test(row.name) && row.name.endsWith(`@${found.main.split("@")[1]}`)), file: "differences" }),
        table({ caption: t("compare.by_metric"), captionSeen: true, file: "metrics", rows, columns: [{ name: "name", label: t("compare.metric") }, { name: "a", label: "A", numeric: true, value: (row) => row.b, shown: (row) => number(row.b, 4) }, { name: "b", label: "B", numeric: true, value: (row) => row.a, shown: (row) => number(row.a, 4) }, { name: "value", label: "B − A", numeric: true, shown: (row) => number(row.value, 4) }, { name: "p", label: "p", numeric: true, shown: (row) => number(row.p, 4) }, { name: "wins", label: t("compare.wins"), numeric: true }, { name: "losses", label: t("compare.losses"), numeric: true }, { name: "ties", label: t("compare.ties"), numeric: true }] })),
      h("div", { class: "columns" }, Object.entries(found.by).map(([kind, groups]) => card({ title: t(`quality.by_${kind}`) }, whiskers({ title: t(`quality.by_${kind}`), summary: t("compare.differences_said"), file: `by-${kind}`, rows: Object.entries(/** @type {Record<string, any>} */ (groups)).map(([name, c]) => ({ name, value: c.difference.value, low: c.difference.low, high: c.difference.high, n: c.n, p: c.p_holm ?? c.p })) })))),
      card({ title: t("compare.users") }, table({ caption: t("compare.users"), file: "users", limit: 25, rows: found.per_user, columns: [{ name: "user", label: t("compare.user"), shown: (row) => h("a", { href: to("users", { id: row.user }) }, plain(row.user)) }, { name: "events", label: t("compare.history"), numeric: true }, { name: "a", label: "A", numeric: true, shown: (row) => number(row.a, 3) }, { name: "b", label: "B", numeric: true, shown: (row) => number(row.b, 3) }, { name: "difference", label: "B − A", numeric: true, value: (row) => row.b - row.a, shown: (row) => number(row.b - row.a, 3) }] })),
      card({ title: t("compare.settings") }, lines.length ? h("pre", { class: "diff", tabindex: "0", "aria-label": t("compare.settings") }, lines.map(([mark, text]) => h("span", { class: mark === "+" ? "added" : "taken" }, `${mark} ${plain(text)}\n`))) : h("p", { class: "soft" }, t("compare.same_settings"))),
    ];
  }

  /** @param {any} result */
  lists(result) {
    const { shifts } = result;
    return [card({ title: t("compare.shifts") }, facts([[t("compare.overlap"), percent(result.overlap)], [t("compare.pairs"), number(result.lists.length)]]),
      bars({ title: t("compare.shifts"), summary: t("compare.shifts_said"), digits: 0, file: "shifts", rows: ["same", "up", "down", "left"].map((name) => ({ name: t(`compare.shift_${name}`), value: shifts[name] })) })),
    card({ title: t("compare.lists") }, h("p", { class: "hint" }, t("compare.lists_about")), result.lists.slice(0, 20).map((/** @type {any} */ one) => sideBySide(one, ["A", "B"])))];
  }

  /** @param {any} job @param {any} result */
  async judging(job, result) {
    const { signal } = this.view, path = `/v1/jobs/${part(job.id)}/judgements`;
    /** @type {number[]} */
    const before = [];
    const box = h("div", { class: "judging" });
    let state = await get(path, { judge: this.judge }, signal);
    let telling = false;
    const say_ = async (/** @type {string} */ chosen) => {
      const number_ = chosen === "undo" ? before.at(-1) : state.pair?.number;
      if (telling || number_ === undefined) return;
      telling = true;
      try {
        state = await post(path, { number: number_, choice: chosen, judge: this.judge }, signal);
      } finally { telling = false; }
      if (chosen === "undo") before.pop();
      else before.push(number_);
      draw();
      announce(t("compare.judged", { done: state.done, of: state.of }));
    };
    const draw = () => {
      const list = (/** @type {string} */ side, /** @type {string[]} */ titles) => h("section", { class: "side-card", "aria-label": t(`compare.${side}`) }, h("h3", null, t(`compare.${side}`)), h("ol", { class: "pair-list" }, titles.map((title) => h("li", null, named({ title })))));
      fill(box, h("p", { class: "row" }, chip(t("compare.judged", { done: state.done, of: state.of }), "accent"), h("span", { class: "soft" }, t("compare.keys"))), state.pair ? [
        h("p", { class: "soft" }, t("compare.past"), ": ", state.pair.history.map((/** @type {string} */ title) => plain(title)).join(" · ")),
        h("div", { class: "pair-lists" }, list("left", state.pair.left), list("right", state.pair.right)),
        h("div", { class: "choices" }, button(`1 · ${t("compare.left")}`, { on: () => say_("left").catch(fail) }), button(`0 · ${t("compare.equal")}`, { on: () => say_("same").catch(fail) }), button(`2 · ${t("compare.right")}`, { on: () => say_("right").catch(fail) }), button(t("compare.undo"), { kind: "quiet", icon: "undo", disabled: !before.length, on: () => say_("undo").catch(fail) })),
      ] : this.tally(state, result));
    };
    document.addEventListener("keydown", (event) => {
      const writing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      const chosen = { 1: "left", 2: "right", 0: "same", u: "undo" }[event.key];
      if (composing(event) || writing || !chosen || !box.isConnected || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      say_(chosen).catch(fail);
    }, { signal });
    draw();
    fill(this.body, card({ title: t("compare.judge") }, h("p", { class: "soft" }, t("compare.judge_about")), field(t("compare.name"), { value: this.judge, maxlength: 60, enter: (value) => { this.judge = value; this.view.set({ judge: value }); this.judging(job, result).catch(fail); } }), box));
  }

  /** @param {any} state @param {any} result */
  tally(state, result) {
    const tally = state.tally ?? { a: 0, b: 0, same: 0, share_b: null, judges: 0, twice: 0, agreement: null };
    return [h("p", { class: "empty-title" }, t("compare.all_judged")), this.which(result), facts([
      [t("compare.for_a"), number(tally.a)], [t("compare.for_b"), number(tally.b)], [t("compare.equal"), number(tally.same)],
      [t("compare.share_b"), tally.share_b === null ? "–" : `${percent(tally.share_b)} (${percent(tally.low)} – ${percent(tally.high)})`], [t("compare.judges"), number(tally.judges)],
      [t("compare.agreement"), tally.agreement === null ? t("compare.no_agreement") : `${percent(tally.agreement)} (${t("compare.pairs_n", { n: tally.twice })})`],
    ])];
  }
}

/** Lines that are in one text only. @param {string} a @param {string} b @returns {[string, string][]} */
export function diff(a, b) {
  const [before, after] = [a.split("\n"), b.split("\n")];
  const common = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) for (let j = after.length - 1; j >= 0; j--) common[i][j] = before[i] === after[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  /** @type {[string, string][]} */
  const found = [];
  for (let i = 0, j = 0; i < before.length || j < after.length;) {
    if (i < before.length && j < after.length && before[i] === after[j]) { i++; j++; }
    else if (j >= after.length || (i < before.length && common[i + 1][j] >= common[i][j + 1])) found.push(["−", before[i++]]);
    else found.push(["+", after[j++]]);
  }
  return found.filter(([, text]) => text.trim());
}

export const page = {
  /** @param {View} view */
  async render(view) {
    if (!may("admin")) { fill(view.root, heading(t("nav.compare"), ""), card({ label: t("nav.compare") }, empty("shield", t("work.admin"), ""))); return; }
    await new ComparePage(view).draw();
  },
};
