// Tables that can be sorted and taken along. A row is an object; a column says what it shows of it.

import { h } from "./dom.js";
import { saveCsv, saveJson } from "./export.js";
import { t } from "./i18n.js";
import { button } from "./parts.js";

/**
 * @typedef {object} Column
 * @property {string} name what the export calls it
 * @property {string} label its heading
 * @property {(row: any) => any} [value] for sorting and export; else `row[name]`
 * @property {(row: any) => import("./dom.js").Child | import("./dom.js").Child[]} [shown] else the value
 * @property {boolean} [numeric] to the right, in figures of one width
 */

/**
 * @param {{caption: string, columns: Column[], rows: any[], file?: string, empty?: string, sort?: string, descending?: boolean, limit?: number, captionSeen?: boolean}} how
 */
export function table(how) {
  const { columns, rows, limit = 500 } = how;
  let sorted = how.sort ?? "";
  let down = how.descending ?? false;
  const value = (/** @type {Column} */ column, /** @type {any} */ row) => (column.value ? column.value(row) : row[column.name]);
  const body = h("tbody");
  const heads = columns.map((column) => h("th", { scope: "col", class: column.numeric ? "number" : null },
    h("button", { type: "button", class: "sort", on: { click: () => sortBy(column.name) } }, column.label)));

  /** @param {string} name */
  function sortBy(name) {
    down = sorted === name ? !down : Boolean(columns.find((one) => one.name === name)?.numeric);
    sorted = name;
    draw();
  }

  function ordered() {
    const column = columns.find((one) => one.name === sorted);
    if (!column) return rows;
    const sign = down ? -1 : 1;
    return rows.toSorted((a, b) => sign * compare(value(column, a), value(column, b)));
  }

  function draw() {
    columns.forEach((column, place) => heads[place].setAttribute("aria-sort", column.name !== sorted ? "none" : down ? "descending" : "ascending"));
    const shown = ordered().slice(0, limit);
    body.replaceChildren(...shown.map((row) => h("tr", null, columns.map((column, place) => {
      const inner = column.shown ? column.shown(row) : value(column, row);
      return h(place ? "td" : "th", { class: column.numeric ? "number" : null, scope: place ? null : "row" }, inner);
    }))));
    if (!rows.length) body.append(h("tr", null, h("td", { colspan: columns.length, class: "soft" }, how.empty ?? t("frame.nothing"))));
  }

  const exported = () => ordered().map((row) => Object.fromEntries(columns.map((column) => [column.name, value(column, row) ?? null])));
  const names = columns.map((column) => column.name);
  const file = how.file ?? how.caption;
  draw();
  return h("div", { class: "table" },
    h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": how.caption },
      h("table", null, h("caption", { class: how.captionSeen ? null : "unseen" }, how.caption), h("thead", null, h("tr", null, heads)), body)),
    h("div", { class: "table-foot" },
      h("span", { class: "soft" }, rows.length > limit ? t("frame.rows_of", { shown: limit, n: rows.length }) : t("frame.rows", { n: rows.length })),
      h("span", { class: "row" },
        button("CSV", { icon: "download", kind: "quiet small", label: t("frame.csv", { name: how.caption }), on: () => saveCsv(file, names, exported()) }),
        button("JSON", { icon: "download", kind: "quiet small", label: t("frame.json", { name: how.caption }), on: () => saveJson(file, exported()) }))));
}

/** @param {any} a @param {any} b */
function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
