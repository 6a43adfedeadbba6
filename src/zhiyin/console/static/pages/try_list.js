// The list of Try it: lines that move to their new places, and say where they came from.

import { get, part } from "../api.js";
import { add, fill, h, named, still } from "../dom.js";
import { number, percent, say, t } from "../i18n.js";
import { icon } from "../icons.js";
import { bar, chip } from "../parts.js";
import { to } from "../router.js";

/** @typedef {{rank: number, id: string, title: string, score: number | null, reasons: any[], sources: Record<string, number>, propensity: number}} Line */

const ICONS = { click: "click", like: "heart", purchase: "buy", hide: "hide" };
const MS = 380;
/** What is known of items, so that it is asked for once. @type {Map<string, Promise<any>>} */
const known = new Map();

/** @param {{act: (line: Line, kind: string) => void}} how */
export function ranking(how) {
  const list = h("ol", { class: "ranking", "aria-label": t("try.list") });
  /** @type {Map<string, {row: any, rank: number}>} */
  let before = new Map();
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => step(event, list));

  /** Draws another list; says what has moved. @param {Line[]} lines @param {boolean} first @returns {{up: number, down: number, fresh: number}} */
  function show(lines, first) {
    const tops = new Map([...before].map(([id, { row }]) => [id, row.getBoundingClientRect().top]));
    const focused = document.activeElement?.closest?.("li[data-id]");
    const action = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.kind : undefined;
    const scores = lines.map((line) => line.score ?? 0);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    /** @type {typeof before} */
    const after = new Map();
    const moved = { up: 0, down: 0, fresh: 0 };
    for (const line of lines) {
      const old = before.get(line.id);
      const change = first ? 0 : old ? old.rank - line.rank : NaN;
      if (change > 0) moved.up++;
      if (change < 0) moved.down++;
      if (Number.isNaN(change)) moved.fresh++;
      const row = old?.row ?? h("li", { data: { id: line.id } });
      fill(row, drawn(line, high > low ? 0.1 + (0.9 * ((line.score ?? low) - low)) / (high - low) : 1, change, how));
      after.set(line.id, { row, rank: line.rank });
    }
    list.replaceChildren(...[...after.values()].map(({ row }) => row));
    before = after;
    if (!still() && !first) for (const [id, { row }] of after) slide(row, tops.get(id));
    refocus(list, focused, action);
    return moved;
  }

  return { list, show };
}

/** @param {any} row @param {number | undefined} top where it was */
function slide(row, top) {
  if (top === undefined) {
    row.animate([{ opacity: 0, transform: "translateX(14px)" }, { opacity: 1, transform: "none" }], { duration: MS, easing: "ease-out" });
    return;
  }
  const shift = top - row.getBoundingClientRect().top;
  if (Math.abs(shift) > 1) row.animate([{ transform: `translateY(${shift}px)` }, { transform: "none" }], { duration: MS, easing: "cubic-bezier(.2,.8,.2,1)" });
}

/** Focus stays on the same button of the same item; when that is gone, on the first line. @param {any} list @param {any} row @param {string | undefined} kind */
function refocus(list, row, kind) {
  if (!row || !kind) return;
  const there = row.isConnected ? row : list.firstElementChild;
  there?.querySelector(`button[data-kind="${kind}"]`)?.focus({ preventScroll: true });
}

/** Arrows go to the same button of the next line. @param {KeyboardEvent} event @param {any} list */
function step(event, list) {
  const button = event.target instanceof HTMLElement ? event.target.closest("button[data-kind]") : null;
  if (!(button instanceof HTMLElement) || !["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const row = button.closest("li");
  const sideways = event.key === "ArrowRight" ? button.nextElementSibling : event.key === "ArrowLeft" ? button.previousElementSibling : null;
  const next = event.key === "ArrowDown" ? row?.nextElementSibling : row?.previousElementSibling;
  if (sideways instanceof HTMLElement) sideways.focus();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") next?.querySelector(`button[data-kind="${button.dataset.kind}"]`)?.focus();
}

/** @param {Line} line @param {number} share @param {number} change @param {{act: (line: Line, kind: string) => void}} how */
function drawn(line, share, change, how) {
  const title = named(line);
  return h("div", { class: "line" },
    h("div", { class: "place" }, h("span", { class: "rank" }, line.rank), mark(change)),
    h("div", { class: "line-body" },
      h("div", { class: "line-head" }, h("h3", null, h("a", { href: to("items", { id: line.id }) }, title)), about(line.id)),
      h("div", { class: "score" }, bar(share), h("span", { class: "soft", title: t("try.score") }, number(line.score ?? NaN, 2))),
      line.reasons.length ? h("p", { class: "reason" }, icon("spark", 15), h("span", null, line.reasons[0].text)) : null,
      more(line)),
    h("div", { class: "acts", role: "group", "aria-label": t("try.acts", { title }) }, Object.entries(ICONS).map(([kind, name]) =>
      h("button", { type: "button", class: ["act", kind], data: { kind }, "aria-label": t(`try.do_${kind}`, { title }), title: t(`try.${kind}`), on: { click: () => how.act(line, kind) } }, icon(name)))));
}

/** @param {number} change places up; NaN = new */
function mark(change) {
  if (Number.isNaN(change)) return h("span", { class: "move fresh" }, t("try.new"));
  if (!change) return null;
  return h("span", { class: ["move", change > 0 ? "up" : "down"] }, h("span", { "aria-hidden": "true" }, change > 0 ? "▲" : "▼"),
    h("span", { class: "unseen" }, t(change > 0 ? "try.moved_up" : "try.moved_down", { n: Math.abs(change) })), h("span", { "aria-hidden": "true" }, Math.abs(change)));
}

/** Attributes, once they are known: the list does not wait for them. @param {string} id */
function about(id) {
  const place = h("p", { class: "about soft" });
  if (!known.has(id)) {
    if (known.size > 2000) known.clear();
    known.set(id, get(`/v1/items/${part(id)}`).catch(() => null));
  }
  known.get(id)?.then((item) => { if (item?.attributes) add(place, words(item.attributes).join(" · ")); });
  return place;
}

/** A few words of the attributes. @param {Record<string, any>} attributes */
function words(attributes) {
  const texts = Object.values(attributes).flatMap((value) => (Array.isArray(value) ? value.slice(0, 3) : [typeof value === "number" ? String(value) : value]));
  return texts.filter((text) => String(text).length < 40).slice(0, 5);
}

/** The other reasons, the sources, and chance where it had a say. @param {Line} line */
function more(line) {
  const sources = Object.entries(line.sources).sort((a, b) => a[1] - b[1]);
  if (!sources.length && line.reasons.length < 2) return null;
  return h("details", { class: "twin more" }, h("summary", null, t("try.more", { n: sources.length })),
    line.reasons.slice(1).map((reason) => h("p", { class: "reason" }, icon("spark", 15), h("span", null, reason.text))),
    h("p", { class: "row" }, sources.map(([name, place]) => chip(`${say("source", name)} #${place}`, place <= 3 ? "accent" : ""))),
    line.propensity < 1 ? h("p", { class: "soft" }, t("try.chance", { share: percent(line.propensity) })) : null);
}
