// What a person is into, in words: what the history shows, or what was said instead; each with what it rests on.

import { del, get, may, part, put } from "../api.js";
import { bars } from "../charts.js";
import { fill, h, named } from "../dom.js";
import { t } from "../i18n.js";
import { bar, button, card, chip, field, waiting } from "../parts.js";
import { to } from "../router.js";
import { announce, fail, toast } from "../toast.js";

/** @param {import("../pages.js").View} view @param {string} id @param {() => void} changed called when lists may be others now */
export function interests(view, id, changed) {
  const place = h("div", { class: "stack" }, waiting(4));
  const address = `/v1/users/${part(id)}/profile`;
  get(address, {}, view.signal).then(draw, (error) => { if (!view.signal.aborted) fill(place, h("p", { class: "soft" }, error.title || t("users.no_interests"))); });
  return card({ title: t("users.interests") }, place);

  /** @param {any} profile */
  function draw(profile) {
    const top = Math.max(...profile.interests.map((/** @type {any} */ one) => Math.abs(one.weight)), 1e-9);
    let words = "";
    fill(place,
      h("p", { class: "row" }, chip(t(profile.edited ? "users.said" : "users.seen"), profile.edited ? "warn" : "")),
      profile.interests.length ? h("ul", { class: "interests" }, profile.interests.map((/** @type {any} */ one, /** @type {number} */ place_) => h("li", null,
        h("div", { class: "interest-head" }, h("span", { class: one.weight < 0 ? "against" : null }, one.words), one.weight < 0 ? chip(t("users.not_for"), "bad") : null,
          may("ingest") ? h("button", { type: "button", class: "icon-button", "aria-label": t("users.take_out", { words: one.words }), title: t("users.take_out", { words: one.words }),
            on: { click: () => save(profile.interests.filter((/** @type {any} */ _, /** @type {number} */ other) => other !== place_)) } }, "×") : null),
        bar(Math.abs(one.weight) / top), one.items.length ? evidence(one.items.slice(0, 3)) : null))) : h("p", { class: "soft" }, t("users.no_interests")),
      may("ingest") ? h("div", { class: "row with-button" },
        field(t("users.add"), { placeholder: t("users.add_hint"), maxlength: 200, on: (text) => { words = text.trim(); }, enter: () => addOne() }), button(t("users.add_do"), { icon: "plus", on: () => addOne() })) : null,
      profile.edited && may("ingest") ? button(t("users.forget"), { icon: "undo", kind: "small", on: forget }) : null,
      profile.interests.length ? h("details", { class: "twin" }, h("summary", null, t("users.as_chart")), bars({ title: t("users.interests"), summary: t("users.interests_words", { n: profile.interests.length }), file: `interests-${id}`,
        rows: profile.interests.map((/** @type {any} */ one) => ({ name: one.words, value: one.weight })) })) : null);

    function addOne() {
      if (words) save([...profile.interests, { words, weight: 1 }]);
    }
  }

  /** The whole of it, as the interface wants it. @param {any[]} kept */
  async function save(kept) {
    try {
      draw(await put(address, { interests: kept.map(({ words, weight }) => ({ words, weight: Math.max(-3, Math.min(3, weight)) })) }));
      announce(t("users.profile_saved"));
      changed();
    } catch (error) { fail(error); }
  }

  async function forget() {
    try { draw(await del(address)); toast(t("users.forgotten"), { kind: "good" }); changed(); } catch (error) { fail(error); }
  }

  /** Links to what an interest rests on; titles come when they are known. @param {string[]} items */
  function evidence(items) {
    return h("p", { class: "row soft" }, t("users.because"), items.map((item) => {
      const link = h("a", { href: to("items", { id: item }) }, item);
      get(`/v1/items/${part(item)}`, {}, view.signal).then((found) => { link.textContent = named(found); }, () => {});
      return link;
    }));
  }
}
