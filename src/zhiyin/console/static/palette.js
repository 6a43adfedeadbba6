// Ctrl-K or ⌘K: everything by its name. Pages, commands, and items of the catalogue.

import { get, may, who } from "./api.js";
import { combobox } from "./combobox.js";
import { dialog } from "./dialog.js";
import { h, named } from "./dom.js";
import { t } from "./i18n.js";
import { PAGES } from "./pages.js";
import { go, to } from "./router.js";

/** @typedef {{name: string, keys?: string, run: () => void}} Command */

/** Opens the palette. @param {Command[]} commands */
export function palette(commands) {
  if (document.querySelector("dialog[open]") || !who().signed_in) return;
  /** @type {Map<string, () => void>} */
  const runs = new Map();
  const box = dialog(t("frame.palette"), [
    combobox(t("frame.palette_label"), {
      placeholder: t("frame.palette_hint"), atOnce: true, ref: (input) => setTimeout(() => input.focus()),
      find: async (words, signal) => found(words, commands, runs, signal),
      take: (option) => { box.close(); runs.get(option.id)?.(); },
    }),
    h("p", { class: "hint" }, t("frame.palette_about")),
  ], { class: "palette" });
}

/** @param {string} words @param {Command[]} commands @param {Map<string, () => void>} runs @param {AbortSignal} signal */
async function found(words, commands, runs, signal) {
  runs.clear();
  const options = [];
  const put = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ note, /** @type {() => void} */ run) => {
    runs.set(id, run);
    options.push({ id, label, note });
  };
  const fits = (/** @type {string} */ text) => text.toLowerCase().includes(words.toLowerCase());
  for (const page of PAGES) {
    const title = t(`nav.${page.name}`);
    if (may(page.scope) && (fits(title) || fits(page.name))) put(`page ${page.name}`, title, t("frame.page"), () => go(to(page.name)));
  }
  for (const command of commands) if (fits(command.name)) put(`do ${command.name}`, command.name, command.keys ?? t("frame.command"), command.run);
  if (words.length > 1) {
    const items = (await get("/v1/search", { words, n: 6 }, signal)).items;
    for (const item of items) put(`item ${item.id}`, named(item), t("frame.item"), () => go(to("items", { id: item.id })));
    if (may("read")) put(`user ${words}`, t("frame.open_user", { id: words }), t("frame.user"), () => go(to("users", { id: words })));
  }
  return options;
}

/** The keys, in a window. @param {Command[]} commands */
export function keyMap(commands) {
  const rows = [["Ctrl K / ⌘ K", t("frame.palette")], ["?", t("frame.keys")], ...commands.filter((one) => one.keys).map((one) => [one.keys ?? "", one.name]),
    ["Tab", t("frame.key_tab")], ["Esc", t("frame.key_escape")]];
  dialog(t("frame.keys"), [h("dl", { class: "keys" }, rows.map(([keys, name]) => h("div", null, h("dt", null, keys.split(" ").map((key) => (key === "/" ? "/" : h("kbd", null, key)))), h("dd", null, name))))]);
}
