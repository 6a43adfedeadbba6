// What was inside of a decision: who proposed what, what the ranker saw, how stages moved the list.

import { bars } from "../charts.js";
import { h, named } from "../dom.js";
import { number, say, t } from "../i18n.js";
import { card } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";

/** Places of each line in the order of each source. @param {any[]} page @param {any} trace */
export function sourceMatrix(page, trace) {
  const sources = trace.stages.find((/** @type {any} */ stage) => stage.details?.sources)?.details.sources ?? [...new Set(page.flatMap((line) => Object.keys(line.sources)))];
  const score = (/** @type {any} */ line, /** @type {string} */ source) => trace.features[line.rank - 1]?.[`${source}.score`];
  return table({ caption: t("why.sources"), file: "sources", rows: page, columns: [
    { name: "title", label: t("why.item"), value: named, shown: (line) => [`${line.rank} `, h("a", { href: to("items", { id: line.id }) }, named(line))] },
    ...sources.map((/** @type {string} */ source) => ({
      name: source, label: say("source", source), numeric: true, value: (/** @type {any} */ line) => line.sources[source] ?? null,
      shown: (/** @type {any} */ line) => {
        const place = line.sources[source];
        if (!place) return h("span", { class: "soft" }, "·");
        return h("span", { class: ["heat", place <= 3 ? "first" : place <= 10 ? "high" : place <= 50 ? "middle" : ""], title: t("why.source_score", { score: number(score(line, source) ?? NaN, 3) }) }, `#${place}`);
      },
    })),
  ] });
}

/** What the learned ranker saw of one line, against the lines around it. @param {any} trace @param {any} line */
export function featureCard(trace, line) {
  const row = trace.features[line.rank - 1];
  if (!row) return card({ title: t("why.features") }, h("p", { class: "soft" }, t("why.no_features")));
  const names = Object.keys(row).filter((name) => row[name] !== null);
  const unusual = names.map((name) => {
    const column = trace.features.map((/** @type {any} */ other) => other[name]).filter((/** @type {any} */ value) => value !== null);
    const mean = column.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value, 0) / column.length;
    const deviation = Math.sqrt(column.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + (value - mean) ** 2, 0) / column.length);
    return { name: readable(name), value: deviation > 1e-9 ? (row[name] - mean) / deviation : 0, note: t("why.feature_value", { value: number(row[name], 3), mean: number(mean, 3) }) };
  }).filter((one) => one.value).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 7);
  return card({ title: t("why.features") }, h("p", { class: "soft" }, t("why.features_about")),
    unusual.length ? bars({ title: t("why.features"), summary: t("why.features_words", { n: names.length }), unit: t("why.deviations"), rows: unusual, file: `features-${line.id}` }) : null,
    h("details", { class: "twin" }, h("summary", null, t("why.all_features", { n: names.length })),
      table({ caption: t("why.features"), file: `all-features-${line.id}`, rows: Object.entries(row).map(([name, value]) => ({ name, value })), columns: [
        { name: "name", label: t("frame.name"), shown: (one) => readable(one.name) }, { name: "value", label: t("frame.value"), numeric: true, shown: (one) => (one.value === null ? "–" : number(one.value, 4)) }] })));
}

/** `ease.rank`, `kernel.decay_0.8` or `context.device.lift` in words. @param {string} name */
function readable(name) {
  const parts = name.split(/\.(?!\d)/);
  return parts.map((part, at) => (at === 0 && parts.length > 1 ? say("source", part) : at === parts.length - 1 ? feature(part) : part)).join(" · ");
}

/** What is looked at, such as `count` or, with a number, `last_2`. @param {string} name */
function feature(name) {
  const counted = /^(last|decay|days|first)_([\d.]+)$/.exec(name);
  return counted ? t(`feature.n.${counted[1]}`, { n: counted[2] }) : say("feature", name);
}

/**
 * How the order changed on its way: from the order of a source, or of a stage that tells its order, to the list as it was shown.
 * @param {any} trace @param {any[]} page
 */
export function stageMoves(trace, page) {
  const told = trace.stages.filter((/** @type {any} */ stage) => Array.isArray(stage.details?.before) && Array.isArray(stage.details?.after));
  const cards = told.map((/** @type {any} */ stage) => slope(t("why.stage_moves", { stage: say("stage", stage.name) }), stage.details.before, stage.details.after, titlesOf(trace)));
  const source = Object.keys(page[0]?.sources ?? {}).sort((a, b) => page.filter((line) => line.sources[b]).length - page.filter((line) => line.sources[a]).length)[0];
  if (!cards.length && source) {
    const order = page.filter((line) => line.sources[source]).sort((a, b) => a.sources[source] - b.sources[source]).map((line) => line.id);
    cards.push(slope(t("why.slope", { source: say("source", source) }), order, page.map((line) => line.id), titlesOf(trace)));
  }
  return cards;
}

/** @param {any} trace @returns {Map<string, string>} */
const titlesOf = (trace) => new Map(trace.shown.map((/** @type {any} */ line) => [line.id, named(line)]));

/** Two orders beside each other, joined by lines. @param {string} title @param {string[]} left @param {string[]} right @param {Map<string, string>} titles */
export function slope(title, left, right, titles) {
  const ids = [...new Set([...right, ...left])].slice(0, 14);
  const [before, after] = [left.filter((id) => ids.includes(id)), right.filter((id) => ids.includes(id))];
  const height = 30 * Math.max(before.length, after.length) + 10;
  const y = (/** @type {number} */ place) => 20 + 30 * place;
  const lines = ids.filter((id) => before.includes(id) && after.includes(id)).map((id) => {
    const [from, till] = [before.indexOf(id), after.indexOf(id)];
    return h("line", { class: till < from ? "up" : till > from ? "down" : "same", x1: 0, x2: 100, y1: y(from), y2: y(till), "vector-effect": "non-scaling-stroke" });
  });
  const rows = ids.map((id) => ({ title: titles.get(id) ?? id, before: before.indexOf(id) + 1 || null, after: after.indexOf(id) + 1 || null }));
  const moved = rows.filter((row) => row.before && row.after && row.before !== row.after).length;
  const names = (/** @type {string[]} */ order) => h("ol", { class: "slope-names", "aria-hidden": "true" }, order.map((id) => h("li", { title: titles.get(id) ?? id }, titles.get(id) ?? id)));
  return card({ title }, h("figure", { class: "figure" },
    h("div", { class: "slope" }, names(before), h("svg", { viewBox: `0 0 100 ${height}`, preserveAspectRatio: "none", style: { height: `${height}px` }, role: "img", "aria-label": `${title}. ${t("why.slope_words", { moved, n: rows.length })}` }, lines), names(after)),
    h("figcaption", { class: "soft" }, t("why.slope_words", { moved, n: rows.length })),
    h("details", { class: "twin" }, h("summary", null, t("frame.as_table")), table({ caption: title, rows, file: "order", columns: [
      { name: "title", label: t("why.item") }, { name: "before", label: t("why.before"), numeric: true, shown: (row) => row.before ?? "–" }, { name: "after", label: t("why.after"), numeric: true, shown: (row) => row.after ?? "–" }] }))));
}


