// Why: one decision from top to bottom, as it was served, with the questions that one has then.

import { get, part, post } from "../api.js";
import { waterfall } from "../charts.js";
import { add, fill, h, named } from "../dom.js";
import { ago, language, millis, moment, number, say, t } from "../i18n.js";
import { card, chip, empty, facts, field, heading, linkButton, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";
import { failure } from "../toast.js";
import { featureCard, sourceMatrix, stageMoves } from "./why_inside.js";
import { otherwise, whyNot } from "./why_if.js";

/** @type {import("../pages.js").Page} */
export const page = { render };

/** @param {import("../pages.js").View} view */
function render(view) {
  return view.query.slate ? one(view, view.query.slate) : many(view);
}

/** The newest decisions. @param {import("../pages.js").View} view */
async function many(view) {
  const place = h("div", null, waiting(6));
  const user = view.query.user ?? "";
  fill(view.root, heading(t("nav.why"), t("why.about")),
    card({ title: t("why.recent") },
      field(t("why.of_user"), { kind: "search", value: user, placeholder: t("why.all_users"), enter: (text) => { view.set({ user: text.trim() }); draw(text.trim()); } }), place));
  await draw(user);

  /** @param {string} whose */
  async function draw(whose) {
    const { slates } = await get("/v1/slates", { user: whose, n: 100 }, view.signal);
    if (!slates.length) { fill(place, empty("why", t("why.none"), t("why.none_about"), linkButton(t("why.go_try"), to("try"), { kind: "primary" }))); return; }
    fill(place, table({ caption: t("why.recent"), file: "decisions", rows: slates, columns: [
      { name: "at", label: t("why.when"), shown: (row) => h("a", { href: to("why", { slate: row.slate_id }), title: moment(row.at) }, ago(row.at)) },
      { name: "user", label: t("why.user"), shown: (row) => (row.user ? h("a", { href: to("users", { id: row.user }) }, row.user) : h("span", { class: "soft" }, t("why.nobody"))) },
      { name: "titles", label: t("why.first"), shown: (row) => row.titles.join(" · ") },
      { name: "surface", label: t("why.surface") },
      { name: "n", label: t("why.n"), numeric: true },
      { name: "ms", label: "ms", numeric: true, shown: (row) => number(row.ms, 1) },
    ] }));
  }
}

/** One decision. @param {import("../pages.js").View} view @param {string} slate */
async function one(view, slate) {
  fill(view.root, heading(t("nav.why"), ""), waiting(8));
  const trace = await get(`/v1/trace/${part(slate)}`, {}, view.signal);
  const n = trace.request.n ?? Math.min(10, trace.shown.length);
  const page = trace.shown.slice(0, n);
  const whole = trace.stages.reduce((/** @type {number} */ sum, /** @type {any} */ stage) => sum + stage.ms, 0);
  const inspector = h("div", { class: "stack", "aria-live": "off" });
  const chosen = view.query.item && page.some((/** @type {any} */ line) => line.id === view.query.item) ? view.query.item : page[0]?.id;

  fill(view.root,
    heading(trace.user ? t("why.title_user", { user: trace.user }) : t("why.title_nobody"), `${moment(trace.at)} · ${ago(trace.at)}`,
      linkButton(t("why.all"), to("why", { user: trace.user }), { icon: "arrow" })),
    card({ label: t("why.summary") }, facts([
      [t("why.took"), millis(whole)], [t("why.candidates"), number(trace.stages.find((/** @type {any} */ stage) => stage.name === "retrieve")?.n_out ?? trace.shown.length)], [t("why.n"), number(n)],
      [t("why.surface"), trace.surface || "–"], [t("why.words"), trace.request.words || "–"], [t("why.history"), past(trace)],
      [t("why.version"), h("code", null, trace.version)], [t("why.id"), h("code", null, slate)],
    ]), trace.degraded.length ? h("p", { class: "note" }, t("why.degraded", { parts: trace.degraded.join(", ") })) : null),
    h("div", { class: "columns" },
      card({ title: t("why.list") }, h("ol", { class: "shown" }, page.map((/** @type {any} */ line) => row(line)))),
      inspector),
    card({ title: t("why.timings") }, waterfall({
      title: t("why.timings"), summary: t("why.timings_words", { ms: millis(whole), slowest: slowest(trace.stages) }), file: "timings",
      steps: trace.stages.map((/** @type {any} */ stage) => ({ name: say("stage", stage.name), ms: stage.ms, note: `${stage.n_in || "…"} → ${stage.n_out}${detail(stage)}` })),
    })),
    card({ title: t("why.sources") }, h("p", { class: "soft" }, t("why.sources_about")), sourceMatrix(page, trace)),
    stageMoves(trace, page),
    whyNot(view, trace, n), otherwise(view, trace, page));
  if (chosen) inspect(chosen);

  /** @param {any} line */
  function row(line) {
    return h("li", { data: { id: line.id } }, h("button", { type: "button", "aria-pressed": String(line.id === chosen), on: { click: () => inspect(line.id) } },
      h("span", { class: "rank" }, line.rank), h("span", { class: "shown-title" }, named(line)), h("span", { class: "soft" }, number(line.score, 2))));
  }

  /** Everything on one line of the list. @param {string} id */
  async function inspect(id) {
    view.set({ item: id });
    for (const item of view.root.querySelectorAll(".shown li")) item.querySelector("button")?.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (item).dataset.id === id));
    const line = page.find((/** @type {any} */ one) => one.id === id);
    const reasons = h("div", { class: "stack" }, waiting(2));
    fill(inspector, card({ title: named(line), actions: [linkButton(t("why.open_item"), to("items", { id }), { kind: "quiet small" })] },
      h("div", { class: "row" }, chip(t("why.place", { n: line.rank }), "accent"), Object.entries(line.sources).sort((a, b) => a[1] - b[1]).map(([name, place]) => chip(`${say("source", name)} #${place}`)),
        line.propensity < 1 ? chip(t("why.chance", { p: number(line.propensity, 2) }), "warn") : null),
      h("h3", null, t("why.reasons")), reasons), featureCard(trace, line));
    try {
      const { history, words } = trace.request;
      const found = await post("/v1/explain", { items: [id], user: history ? "" : trace.user, session: history ? "" : trace.session, history: history ?? undefined, words: words ?? "", locale: language() }, view.signal);
      fill(reasons, (found.items[0]?.reasons ?? []).map(reason));
      if (!found.items[0]?.reasons.length) add(reasons, [h("p", { class: "soft" }, t("why.no_reasons"))]);
    } catch (error) { if (!view.signal.aborted) fill(reasons, h("p", { class: "soft" }, failure(error).text)); }
  }

  /** A reason with its evidence. @param {any} found */
  function reason(found) {
    return h("div", { class: "because" }, h("p", null, found.text),
      h("p", { class: "row" }, chip(say("reason", found.kind)), h("span", { class: "soft" }, t("why.share", { share: Math.round(found.share * 100) })),
        found.items.map((/** @type {string} */ id) => h("a", { class: "chip accent", href: to("items", { id }) }, t("why.evidence", { id })))));
  }
}

/** @param {any[]} stages */
const slowest = (stages) => say("stage", stages.toSorted((a, b) => b.ms - a.ms)[0]?.name ?? "–");
/** @param {any} trace */
const past = (trace) => (trace.request.history ? t("why.history_given", { n: trace.request.history.length }) : trace.user || trace.session ? t("why.history_stored") : t("why.history_none"));

/** What a stage says of itself, whatever stage it is. @param {any} stage */
function detail(stage) {
  const said = Object.entries(stage.details ?? {}).filter(([, value]) => typeof value !== "object" || (Array.isArray(value) && value.length && value.every((one) => typeof one === "string")));
  return said.length ? ` · ${said.map(([name, value]) => `${say("detail", name)} ${Array.isArray(value) ? value.map((one) => say("source", one)).join(", ") : value}`).join(" · ")}` : "";
}
