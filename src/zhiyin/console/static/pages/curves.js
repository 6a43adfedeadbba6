// Pictures of the pages Data, Quality and Compare: exposure curves, clouds of points, differences with whiskers.

import { figure } from "../charts.js";
import { h, plain } from "../dom.js";
import { number, percent, t } from "../i18n.js";

const DASHES = ["", "7 4", "2 3", "10 3 2 3"];

/** Shares of items against shares of events or exposure. @param {{title: string, summary: string, curves: {name: string, points: [number, number][]}[]}} how */
export function lorenzFigure({ title, summary, curves }) {
  const size = 260;
  const at = (/** @type {[number, number]} */ [x, y]) => `${(x * size).toFixed(1)},${((1 - y) * size).toFixed(1)}`;
  const picture = h("svg", { class: "curve-chart", viewBox: `0 0 ${size} ${size}` },
    h("line", { class: "axis", x1: 0, y1: size, x2: size, y2: size }), h("line", { class: "axis", x1: 0, y1: 0, x2: 0, y2: size }), h("line", { class: "even", x1: 0, y1: size, x2: size, y2: 0 }),
    curves.map((one, place) => h("polyline", { class: `curve c${place % 6}`, points: one.points.map(at).join(" "), "stroke-dasharray": DASHES[Math.floor(place / 6) % DASHES.length] })));
  const rows = curves.flatMap((one) => one.points.map(([items, share]) => ({ name: one.name, items, share })));
  return h("div", { class: "curve-figure" }, figure({ title, summary, rows, file: "exposure", columns: [
    { name: "name", label: t("frame.name") }, { name: "items", label: t("curves.items"), numeric: true, shown: (row) => percent(row.items) }, { name: "share", label: t("curves.share"), numeric: true, shown: (row) => percent(row.share) },
  ] }, picture), curves.length > 1 ? keys(curves.map((one) => one.name)) : null);
}

/** @param {string[]} names */
export const keys = (names) => h("ul", { class: "curve-keys" }, names.map((name, place) => h("li", null, h("span", { class: ["curve-dot", `c${place % 6}`], "aria-hidden": "true" }), plain(name))));

/** Points with names: better is up and to the right. @param {{title: string, summary: string, x: string, y: string, points: {name: string, x: number, y: number, marked?: boolean}[]}} how */
export function cloud({ title, summary, x, y, points }) {
  const [width, height, edge] = [640, 300, 44];
  const range = (/** @type {number[]} */ values) => { const [low, high] = [Math.min(...values), Math.max(...values)]; const room = (high - low || 1) * 0.12; return [low - room, high + room]; };
  const [x0, x1] = range(points.map((one) => one.x)), [y0, y1] = range(points.map((one) => one.y));
  const px = (/** @type {number} */ v) => edge + ((v - x0) / (x1 - x0)) * (width - edge - 90), py = (/** @type {number} */ v) => height - edge + 10 - ((v - y0) / (y1 - y0)) * (height - edge - 10);
  const best = points.filter((one) => !points.some((other) => other !== one && other.x >= one.x && other.y >= one.y && (other.x > one.x || other.y > one.y))).toSorted((a, b) => a.x - b.x);
  const picture = h("svg", { class: "cloud-chart", viewBox: `0 0 ${width} ${height}` },
    h("line", { class: "axis", x1: edge, y1: height - edge + 10, x2: width, y2: height - edge + 10 }), h("line", { class: "axis", x1: edge, y1: 0, x2: edge, y2: height - edge + 10 }),
    h("polyline", { class: "even", points: best.map((one) => `${px(one.x).toFixed(1)},${py(one.y).toFixed(1)}`).join(" ") }),
    points.map((one) => [h("circle", { class: one.marked ? "marked" : "dot", cx: px(one.x), cy: py(one.y), r: one.marked ? 7 : 5 }), h("text", { x: px(one.x) + 10, y: py(one.y) + 4 }, plain(one.name))]),
    h("text", { class: "axis-name", x: width - 4, y: height - 8, "text-anchor": "end" }, `${x} →`), h("text", { class: "axis-name", x: edge + 6, y: 12 }, `↑ ${y}`));
  return figure({ title, summary, rows: points, file: "trade-off", columns: [{ name: "name", label: t("frame.name") }, { name: "x", label: x, numeric: true, shown: (row) => number(row.x, 4) }, { name: "y", label: y, numeric: true, shown: (row) => number(row.y, 4) }] }, picture);
}

/** Differences with their intervals around zero. @param {{title: string, summary: string, rows: {name: string, value: number, low: number, high: number, n?: number, p?: number | null}[], file: string}} how */
export function whiskers({ title, summary, rows, file }) {
  const top = Math.max(...rows.flatMap((row) => [Math.abs(row.low), Math.abs(row.high), Math.abs(row.value)]), 1e-9);
  const at = (/** @type {number} */ value) => 50 + (value / top) * 48;
  const lines = rows.map((row) => h("div", { class: ["whisker", row.low > 0 ? "better" : row.high < 0 ? "worse" : ""] }, h("span", { class: "fall-name" }, plain(row.name)),
    h("span", { class: "whisker-track" }, h("span", { class: "whisker-zero" }), h("span", { class: "whisker-span", style: { left: `${at(row.low)}%`, width: `${Math.max(0.5, at(row.high) - at(row.low))}%` } }), h("span", { class: "whisker-dot", style: { left: `${at(row.value)}%` } })),
    h("span", { class: "fall-ms" }, `${row.value > 0 ? "+" : ""}${number(row.value, 4)}`)));
  return figure({ title, summary, rows, file, columns: [
    { name: "name", label: t("frame.name") }, { name: "value", label: t("curves.difference"), numeric: true, shown: (row) => number(row.value, 4) }, { name: "low", label: t("curves.low"), numeric: true, shown: (row) => number(row.low, 4) },
    { name: "high", label: t("curves.high"), numeric: true, shown: (row) => number(row.high, 4) }, { name: "n", label: t("curves.users"), numeric: true }, { name: "p", label: "p", numeric: true, shown: (row) => (row.p === null || row.p === undefined ? "–" : number(row.p, 4)) },
  ] }, h("div", { class: "falls" }, lines));
}
