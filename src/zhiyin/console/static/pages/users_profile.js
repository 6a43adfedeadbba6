// What a person is into, by the attributes of what was done; and the profile in words, where the service writes one.

import { get, part } from "../api.js";
import { bars } from "../charts.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { card, waiting } from "../parts.js";

const N_ITEMS = 40;

/** @param {import("../pages.js").View} view @param {string} id */
export function interests(view, id) {
  const place = h("div", null, waiting(4));
  load(view, id).then((inner) => fill(place, inner), () => { if (!view.signal.aborted) fill(place, h("p", { class: "soft" }, t("users.no_interests"))); });
  return card({ title: t("users.interests") }, place);
}

/** Counts the words of the last items: said of the person by nothing but what is in the log. @param {import("../pages.js").View} view @param {string} id */
async function load(view, id) {
  const { events } = await get(`/v1/users/${part(id)}/history`, { n: N_ITEMS }, view.signal);
  const items = [...new Set(events.filter((/** @type {any} */ event) => event.item && event.kind !== "hide").map((/** @type {any} */ event) => event.item))];
  const found = (await Promise.all(items.map((item) => get(`/v1/items/${part(item)}`, {}, view.signal).catch(() => null)))).filter(Boolean);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const item of found) for (const value of Object.values(item.attributes ?? {})) {
    for (const word of [value].flat()) if (typeof word === "string" && word.length < 40) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const rows = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([name, value]) => ({ name, value }));
  if (!rows.length) return h("p", { class: "soft" }, t("users.no_interests"));
  return bars({ title: t("users.interests"), summary: t("users.interests_words", { n: found.length, first: rows[0].name }), rows, digits: 0, unit: t("users.times"), file: `interests-${id}` });
}
