// How good the lists are, measured on held-out events: reports with intervals, ablations, trade-offs, exposure.

import { may } from "../api.js";
import { bars } from "../charts.js";
import { fill, h, plain } from "../dom.js";
import { moment, number, t } from "../i18n.js";
import { button, card, chip, choice, empty, field, heading, segmented, waiting } from "../parts.js";
import { table } from "../table.js";
import { fail } from "../toast.js";
import { made, newest, resultOf, work } from "../work.js";
import { cloud, lorenzFigure, whiskers } from "./curves.js";

/** @typedef {import("../pages.js").View} View */

const SHOWN = ["ndcg@10", "recall@10", "hit_rate@10", "mrr@10", "coverage@10", "gini@10", "novelty@10", "diversity@10"];

class QualityPage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = view.query.tab === "ablation" ? "ablation" : "report";
    this.questions = 500;
    this.body = h("div", { class: "stack" });
  }

  async draw() {
    fill(this.view.root, heading(t("nav.quality"), t("quality.about")),
      segmented(t("nav.quality"), { value: this.tab, options: [["report", t("quality.report")], ["ablation", t("quality.ablation")]], on: (tab) => { this.tab = tab; this.view.set({ tab: tab === "report" ? "" : tab, run: "" }, { push: true }); this.show().catch(fail); } }), this.body);
    await this.show();
  }

  async show() {
    const { signal, query } = this.view;
    const kind = this.tab === "ablation" ? "ablate" : "evaluate";
    fill(this.body, card({ label: t("nav.quality") }, waiting(5)));
    const found = await newest(kind, signal);
    let { job, result } = found;
    if (query.run && query.run !== job?.id) { const other = found.jobs.find((/** @type {any} */ one) => one.id === query.run && one.state === "done"); if (other) { job = other; result = await resultOf(other.id, signal); } }
    const progress = h("div");
    const go = (/** @type {any} */ request) => work(progress, request, signal).then((done) => { if (done) { this.view.set({ run: "" }); this.view.query.run = ""; this.show().catch(fail); } });
    const start = h("div", { class: "row low" }, field(t("quality.questions"), { kind: "number", value: String(this.questions), min: 10, max: 20000, on: (value) => { this.questions = Number(value) || 500; } }), button(t("quality.run"), { kind: "primary", on: () => go({ kind, max_questions: this.questions }) }));
    const past = found.jobs.filter((/** @type {any} */ one) => one.state === "done");
    const runs = past.length > 1 ? choice(t("quality.runs"), { value: job?.id ?? "", options: past.map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.id, moment(one.at)])), on: (id) => { this.view.query.run = id; this.view.set({ run: id }); this.show().catch(fail); } }) : null;
    const head = card({ title: t(`quality.${this.tab}`), actions: [job ? h("span", { class: "soft" }, made(job)) : null] }, h("p", { class: "soft" }, t(`quality.${this.tab}_about`)), h("div", { class: "fields" }, runs), start, progress);
    if (found.running) go(found.running);
    if (!result) { fill(this.body, head, card({ label: t("nav.quality") }, empty("quality", t("quality.none"), t("quality.none_about")))); return; }
    fill(this.body, head, this.tab === "ablation" ? this.ablation(result) : this.report(result));
  }

  /** @param {any} one */
  report(one) {
    const names = Object.keys(one.rows[0].metrics);
    const metrics = [...SHOWN.filter((name) => names.includes(name)), ...names.filter((name) => name.endsWith("@10") && !SHOWN.includes(name))].slice(0, 6);
    const main = metrics[0], second = names.find((name) => name.startsWith("coverage@10")) ?? metrics[1];
    const cell = (/** @type {any} */ row, /** @type {string} */ name) => { const m = row.metrics[name]; return m ? h("span", { title: m.low === null ? null : `${number(m.low, 4)} – ${number(m.high, 4)}` }, number(m.value, 4), m.low === null ? null : h("span", { class: "soft small" }, ` ±${number((m.high - m.low) / 2, 3)}`)) : "–"; };
    const against = Object.entries(one.comparisons).map(([name, c]) => ({ name: `${name} − ${one.reference}`, value: c.difference.value, low: c.difference.low, high: c.difference.high, n: c.n, p: c.p_holm ?? c.p }));
    const mine = one.by ?? {};
    return [
      card({ title: t("quality.table") }, h("p", { class: "soft small" }, t("quality.protocol", { split: one.protocol.split, regime: one.protocol.regime, n: number(one.n_questions), data: one.data.name ?? "" })),
        table({ caption: t("quality.table"), file: "quality", sort: main, descending: true, rows: one.rows, columns: [
          { name: "name", label: t("frame.name"), shown: (row) => [h("strong", null, plain(row.name)), " ", row.floor ? chip(t("quality.floor")) : null] },
          ...metrics.map((name) => ({ name, label: name, numeric: true, value: (/** @type {any} */ row) => row.metrics[name]?.value ?? null, shown: (/** @type {any} */ row) => cell(row, name) })),
          { name: "ms", label: t("quality.ms"), numeric: true, value: (row) => row.timing.p50_ms, shown: (row) => number(row.timing.p50_ms, 1) },
        ] })),
      h("div", { class: "columns" },
        card({ title: t("quality.trade") }, cloud({ title: t("quality.trade"), summary: t("quality.trade_said"), x: second, y: main, points: one.rows.filter((/** @type {any} */ row) => row.metrics[second] && row.metrics[main]).map((/** @type {any} */ row) => ({ name: row.name, x: row.metrics[second].value, y: row.metrics[main].value, marked: !row.floor })) })),
        card({ title: t("quality.exposure") }, lorenzFigure({ title: t("quality.exposure"), summary: t("quality.exposure_said"), curves: one.rows.filter((/** @type {any} */ row) => row.lorenz.length).toSorted((/** @type {any} */ a, /** @type {any} */ b) => Number(a.floor) - Number(b.floor)).slice(0, 6).map((/** @type {any} */ row) => ({ name: row.name, points: thin(row.lorenz) })) }))),
      card({ title: t("quality.against", { name: one.reference }) }, whiskers({ title: t("quality.against", { name: one.reference }), summary: t("quality.against_said"), rows: against, file: "against" })),
      Object.keys(mine).length ? h("div", { class: "columns" }, Object.entries(mine).map(([kind, groups]) => card({ title: t(`quality.by_${kind}`) }, whiskers({ title: t(`quality.by_${kind}`), summary: t("quality.by_said", { name: one.reference }), file: `by-${kind}`, rows: Object.entries(/** @type {Record<string, any>} */ (groups)).map(([name, c]) => ({ name, value: c.difference.value, low: c.difference.low, high: c.difference.high, n: c.n, p: c.p_holm ?? c.p })) })))) : null,
    ];
  }

  /** @param {any} one */
  ablation(one) {
    const rows = Object.entries(one.losses).map(([name, c]) => ({ name, value: c.difference.value, low: c.difference.low, high: c.difference.high, n: c.n, p: c.p_holm ?? c.p })).toSorted((a, b) => b.value - a.value);
    const weights = Object.entries(one.importances).toSorted(([, a], [, b]) => b - a).slice(0, 20).map(([name, value]) => ({ name, value: Number(value) }));
    return [card({ title: t("quality.without") }, whiskers({ title: t("quality.without"), summary: t("quality.without_said"), rows, file: "ablation" })),
      weights.length ? card({ title: t("quality.weights") }, bars({ title: t("quality.weights"), summary: t("quality.weights_said"), rows: weights, digits: 3, file: "features" })) : null];
  }
}

/** @param {[number, number][]} points @returns {[number, number][]} */
const thin = (points) => { const every = Math.max(1, Math.ceil(points.length / 120)); return points.filter((_, place) => place % every === 0 || place === points.length - 1); };

export const page = {
  /** @param {View} view */
  async render(view) {
    if (!may("admin")) { fill(view.root, heading(t("nav.quality"), ""), card({ label: t("nav.quality") }, empty("shield", t("work.admin"), ""))); return; }
    await new QualityPage(view).draw();
  },
};
