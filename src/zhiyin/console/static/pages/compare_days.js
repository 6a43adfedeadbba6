// Two days of the log side by side: rates with their intervals, and the items that moved.

import { get } from "../api.js";
import { fill, h, named } from "../dom.js";
import { number, percent, say, t } from "../i18n.js";
import { card, choice, empty, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";

/** @param {number | null} value @param {number | null} low @param {number | null} high */
const within = (value, low, high) => (value === null ? "–" : `${percent(value)}${low === null || high === null ? "" : ` [${percent(low)}, ${percent(high)}]`}`);

/** @param {import("../pages.js").View} view @param {HTMLElement} place */
export async function compareDays(view, place) {
  fill(place, card({ label: t("compare.days") }, waiting(5)));
  const { days } = await get("/v1/days", {}, view.signal);
  if (days.length < 2) { fill(place, card({ label: t("compare.days") }, empty("compare", t("compare.one_day"), t("compare.one_day_about")))); return; }
  const there = (/** @type {string | undefined} */ asked, /** @type {any} */ otherwise) => (days.some((/** @type {any} */ one) => one.day === asked) ? asked : otherwise.day);
  const chosen = { a: there(view.query.a, days[1]), b: there(view.query.b, days[0]) };
  const options = days.map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.day, `${one.day} · ${t("compare.day_events", { n: number(one.shown + one.chosen) })}`]));
  const body = h("div", { class: "stack" });
  const pick = (/** @type {"a" | "b"} */ side) => choice(side.toUpperCase(), { value: chosen[side], options, on: (value) => { chosen[side] = value; view.set({ [side]: value }); show(); } });
  fill(place, card({ title: t("compare.days") }, h("p", { class: "soft" }, t("compare.days_about")), h("div", { class: "fields" }, pick("a"), pick("b"))), body);
  await show();

  async function show() {
    const found = await get("/v1/days", chosen, view.signal);
    const sides = [["A", found.a], ["B", found.b]];
    const rows = [
      ["shown", (/** @type {any} */ one) => number(one.shown)], ["followed", (/** @type {any} */ one) => number(one.followed)],
      ["rate", (/** @type {any} */ one) => within(one.rate, one.low, one.high)], ["items", (/** @type {any} */ one) => number(one.items_shown)],
      ["top", (/** @type {any} */ one) => (one.top_share === null ? "–" : percent(one.top_share))],
      ["kinds", (/** @type {any} */ one) => Object.entries(one.kinds).map(([kind, n]) => `${say("kind", kind)} ${number(/** @type {number} */ (n))}`).join(" · ")],
    ].map(([name, shown]) => ({ name: t(`compare.day_${name}`), ...Object.fromEntries(sides.map(([side, one]) => [side, /** @type {any} */ (shown)(one)])) }));
    const clear = found.low !== null && (found.low > 0 || found.high < 0);
    fill(body,
      card({ title: `${found.a.day} → ${found.b.day}` },
        found.difference === null ? null : h("p", null, t(clear ? (found.difference > 0 ? "compare.day_better" : "compare.day_worse") : "compare.day_even", { difference: `${found.difference > 0 ? "+" : ""}${number(100 * found.difference, 1)}`, low: found.low === null ? "–" : number(100 * found.low, 1), high: found.high === null ? "–" : number(100 * found.high, 1) })),
        table({ caption: t("compare.days"), file: "days", rows, columns: [{ name: "name", label: t("frame.name") }, { name: "A", label: `A · ${found.a.day}`, numeric: true }, { name: "B", label: `B · ${found.b.day}`, numeric: true }] }),
        h("p", { class: "hint" }, t("compare.day_note", { n: number(found.events) }))),
      card({ title: t("compare.moved") }, table({ caption: t("compare.moved"), file: "moved", rows: found.moved, empty: t("compare.moved_none"), columns: [
        { name: "title", label: t("items.title"), value: named, shown: (item) => h("a", { href: to("items", { id: item.id }) }, named(item)) },
        { name: "chosen_a", label: t("compare.chosen", { side: "A" }), numeric: true }, { name: "chosen_b", label: t("compare.chosen", { side: "B" }), numeric: true },
        { name: "rank_a", label: t("compare.place", { side: "A" }), numeric: true, shown: (item) => item.rank_a || "–" }, { name: "rank_b", label: t("compare.place", { side: "B" }), numeric: true, shown: (item) => item.rank_b || "–" },
      ] })));
  }
}
