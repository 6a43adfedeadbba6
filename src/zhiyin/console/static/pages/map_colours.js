// Colours of the map: far enough apart for most eyes, and never the only thing that tells.

import { pixel } from "./map_canvas.js";

const WORDS = {
  light: ["#0b6e9e", "#c8501e", "#0a8a62", "#a8489a", "#9a6a00", "#4a5fc1", "#7b4b2a", "#5f7d1f"],
  dark: ["#5ab8f0", "#ff9a5c", "#3fd0a0", "#e28fd6", "#f0c44c", "#97a7ff", "#d6a582", "#b6d65f"],
};
/** From little to much: viridis, cut where it would vanish into the background. */
const STEPS = {
  light: ["#d0c7a0", "#8fc58f", "#3ba989", "#2b7f95", "#3a4f8a", "#3d1657"],
  dark: ["#3f4468", "#3d6b9c", "#2f93a0", "#3fbb86", "#9ad84e", "#fbe94a"],
};
export const OTHER = { light: "#9a9c94", dark: "#7b828a" };

/** @typedef {{name: string, colour: string, group: number, items: number, other?: boolean}} Key */

/** Whether the page is dark now. */
export const dark = () => {
  const said = document.documentElement.dataset.theme;
  return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

/** The eight most frequent words each have a colour, the others one together. @param {any} all @param {boolean} night */
export function byCategory(all, night) {
  const palette = WORDS[night ? "dark" : "light"], other = OTHER[night ? "dark" : "light"];
  const order = all.categories.map((/** @type {any} */ one, /** @type {number} */ place) => ({ ...one, place })).filter((/** @type {any} */ one) => one.items > 0).toSorted((/** @type {any} */ a, /** @type {any} */ b) => b.items - a.items);
  const first = order.slice(0, palette.length);
  /** @type {Map<number, number>} */
  const group = new Map(first.map((/** @type {any} */ one, /** @type {number} */ place) => [one.place, place]));
  const of = Int32Array.from(all.category, (/** @type {number} */ place) => group.get(place) ?? palette.length);
  /** @type {Key[]} */
  const keys = first.map((/** @type {any} */ one, /** @type {number} */ place) => ({ name: one.name, colour: palette[place], group: place, items: one.items }));
  const rest = of.reduce((sum, one) => sum + Number(one === palette.length), 0);
  if (rest) keys.push({ name: "…", colour: other, group: palette.length, items: rest, other: true });
  return { of, keys, pixels: [...palette, other].map((hex) => pixel(hex)) };
}

/** Six steps of equally many items; items with nothing are a step of their own. @param {number[]} values @param {boolean} night */
export function byRank(values, night) {
  const palette = STEPS[night ? "dark" : "light"], other = OTHER[night ? "dark" : "light"];
  const some = values.filter((value) => value > 0).toSorted((a, b) => a - b);
  const edges = palette.slice(1).map((_, place) => some[Math.floor(((place + 1) * some.length) / palette.length)] ?? Infinity);
  const counts = new Array(palette.length + 1).fill(0);
  const of = Int32Array.from(values, (value) => {
    const step = value > 0 ? edges.filter((edge) => value >= edge).length : palette.length;
    counts[step]++;
    return step;
  });
  const low = [0, ...edges];
  const shown = (/** @type {number} */ value) => (Math.abs(value) >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(2));
  /** @type {Key[]} */
  const keys = palette.map((colour, place) => ({ name: `≥ ${shown(place ? low[place] : some[0] ?? 0)}`, colour, group: place, items: counts[place] })).filter((key) => key.items).reverse();
  if (counts[palette.length]) keys.push({ name: "0", colour: other, group: palette.length, items: counts[palette.length] });
  return { of, keys, pixels: [...palette, other].map((hex) => pixel(hex)) };
}
