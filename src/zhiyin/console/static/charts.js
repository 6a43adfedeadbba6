// Charts as SVG that we draw ourselves, each with a sentence of what it shows and the same data as a table.

import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { table } from "./table.js";

/**
 * A picture with its words and its table.
 * @param {{title: string, summary: string, rows: any[], columns: import("./table.js").Column[], file?: string}} how @param {Element} picture
 */
export function figure(how, picture) {
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${how.title}. ${how.summary}`);
  return h("figure", { class: "figure" }, picture, h("figcaption", { class: "soft" }, how.summary),
    h("details", { class: "twin" }, h("summary", null, t("frame.as_table")), table({ caption: how.title, columns: how.columns, rows: how.rows, file: how.file })));
}

/**
 * Steps one after the other, as wide as they took.
 * @param {{title: string, summary: string, steps: {name: string, ms: number, note?: string}[], file?: string}} how
 */
export function waterfall(how) {
  const whole = how.steps.reduce((sum, step) => sum + step.ms, 0) || 1;
  let begun = 0;
  const lines = how.steps.map((step) => {
    const left = begun / whole;
    begun += step.ms;
    return h("div", { class: "fall" }, h("span", { class: "fall-name" }, step.name),
      h("span", { class: "fall-track" }, h("span", { class: "fall-bar", style: { left: `${left * 100}%`, width: `${Math.max(0.4, (step.ms / whole) * 100)}%` } })),
      h("span", { class: "fall-ms" }, `${number(step.ms, 2)} ms`), step.note ? h("span", { class: "fall-note soft" }, step.note) : null);
  });
  return figure({ title: how.title, summary: how.summary, rows: how.steps, file: how.file, columns: [
    { name: "name", label: t("frame.step") }, { name: "ms", label: "ms", numeric: true, shown: (row) => number(row.ms, 3) }, { name: "note", label: t("frame.note") },
  ] }, h("div", { class: "falls" }, lines));
}

/**
 * A line over time or steps. `points` are [x, y]; `label` names an x.
 * @param {{title: string, summary: string, points: [number, number][], label: (x: number) => string, unit?: string, height?: number, file?: string, digits?: number}} how
 */
export function line(how) {
  const { points, height = 120 } = how;
  const width = 640;
  const xs = points.map(([x]) => x);
  const top = Math.max(...points.map(([, y]) => y), 1e-9);
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const place = ([x, y]) => [last > first ? ((x - first) / (last - first)) * width : width / 2, height - 6 - (y / top) * (height - 16)];
  const shown = points.map((point) => place(point).map((n) => n.toFixed(1)).join(",")).join(" ");
  const picture = h("svg", { class: "line-chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" },
    h("line", { class: "axis", x1: 0, x2: width, y1: height - 6, y2: height - 6 }),
    points.length ? h("polygon", { class: "area", points: `0,${height - 6} ${shown} ${width},${height - 6}` }) : null,
    h("polyline", { class: "stroke", points: shown, "vector-effect": "non-scaling-stroke" }));
  return figure({ title: how.title, summary: how.summary, file: how.file, rows: points.map(([x, y]) => ({ x: how.label(x), y })), columns: [
    { name: "x", label: t("frame.when") }, { name: "y", label: how.unit ?? t("frame.value"), numeric: true, shown: (row) => number(row.y, how.digits ?? 2) },
  ] }, picture);
}

/**
 * Bars beside their names. Negative values go to the left of the middle.
 * @param {{title: string, summary: string, rows: {name: string, value: number, note?: string}[], unit?: string, digits?: number, file?: string}} how
 */
export function bars(how) {
  const top = Math.max(...how.rows.map((row) => Math.abs(row.value)), 1e-9);
  const signed = how.rows.some((row) => row.value < 0);
  const lines = how.rows.map((row) => {
    const part = (Math.abs(row.value) / top) * (signed ? 50 : 100);
    const left = !signed ? 0 : row.value < 0 ? 50 - part : 50;
    return h("div", { class: ["fall", row.value < 0 ? "below" : ""] }, h("span", { class: "fall-name" }, row.name),
      h("span", { class: "fall-track" }, h("span", { class: "fall-bar", style: { left: `${left}%`, width: `${Math.max(0.4, part)}%` } })),
      h("span", { class: "fall-ms" }, number(row.value, how.digits ?? 2)), row.note ? h("span", { class: "fall-note soft" }, row.note) : null);
  });
  return figure({ title: how.title, summary: how.summary, rows: how.rows, file: how.file, columns: [
    { name: "name", label: t("frame.name") }, { name: "value", label: how.unit ?? t("frame.value"), numeric: true, shown: (row) => number(row.value, how.digits ?? 2) },
  ] }, h("div", { class: "falls" }, lines));
}
