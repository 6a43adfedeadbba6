// What stands around every page: menu, search, language, light, who is signed in.

import { fail, toast } from "./toast.js";
import { may, signOut, who } from "./api.js";
import { composing, fill, h } from "./dom.js";
import { language, speak, t } from "./i18n.js";
import { icon } from "./icons.js";
import { iconButton } from "./parts.js";
import { PAGES } from "./pages.js";
import { keyMap, palette } from "./palette.js";
import { go, here, to } from "./router.js";
import { mark } from "./sign_in.js";
import { switchTheme, theme } from "./theme.js";

/** Where pages draw; kept while the frame around it is drawn anew. */
export const stage = h("main", { id: "main", tabindex: "-1" });

/** Everything that can be done from anywhere. @returns {import("./palette.js").Command[]} */
function commands() {
  return [
    { name: t("frame.switch_theme"), keys: "Shift T", run: switchTheme },
    { name: t("frame.other_language_do"), keys: "Shift L", run: () => speak(language() === "zh" ? "en" : "zh") },
    { name: t("frame.keys"), run: () => keyMap(commands()) },
    { name: t("frame.sign_out"), run: leave },
  ];
}

async function leave() {
  try { await signOut(); dispatchEvent(new Event("zhiyin-signed-out")); } catch (error) { fail(error); }
}

/** @param {HTMLElement} root */
export function drawFrame(root) {
  const nav = h("nav", { class: "menu", "aria-label": t("frame.menu"), id: "menu" }, h("ul", null, PAGES.filter((page) => may(page.scope)).map((page) =>
    h("li", null, h("a", { href: to(page.name), "aria-current": here().page === page.name ? "page" : null, data: { page: page.name } }, icon(page.name), h("span", null, t(`nav.${page.name}`)))))));
  const opener = h("button", { type: "button", class: "icon-button opener", "aria-label": t("frame.menu"), "aria-expanded": "false", "aria-controls": "menu",
    on: { click: () => { const open = nav.classList.toggle("open"); opener.setAttribute("aria-expanded", String(open)); } } }, icon("menu"));
  const light = iconButton(theme() === "dark" ? "sun" : "moon", t("frame.switch_theme"), () => { switchTheme(); toast(t(theme() === "dark" ? "frame.dark_now" : "frame.light_now")); });
  fill(root,
    h("a", { class: "skip", href: "#main", on: { click: (/** @type {Event} */ event) => { event.preventDefault(); stage.focus(); } } }, t("frame.skip")),
    h("div", { class: "frame" },
      h("div", { class: "side" },
        h("div", { class: "side-head" }, h("a", { class: "brand", href: to("try") }, mark(), h("span", null, "zhiyin"), h("span", { class: "brand-zh", lang: "zh-CN" }, "知音")), opener),
        h("button", { type: "button", class: "finder", "aria-keyshortcuts": "Control+K Meta+K", on: { click: () => palette(commands()) } }, icon("search", 16), h("span", null, t("frame.search")), h("kbd", null, "Ctrl K")),
        nav,
        h("div", { class: "side-foot" },
          h("div", { class: "who", title: who().key_id }, icon("shield", 16), h("span", null, who().name.replace(/^console: /, "") || t("frame.signed_in")), h("span", { class: "soft" }, may("admin") ? t("frame.may_edit") : may("ingest") ? t("frame.may_send") : t("frame.may_view"))),
          h("div", { class: "tools" },
            h("button", { type: "button", class: "button quiet small", lang: language() === "zh" ? "en" : "zh-CN", on: { click: () => speak(language() === "zh" ? "en" : "zh") } }, icon("language", 16), t("frame.other_language")),
            light, iconButton("keyboard", t("frame.keys"), () => keyMap(commands())), iconButton("out", t("frame.sign_out"), leave)))),
      stage));
  root.removeAttribute("aria-busy");
}

/** Which page of the menu we are on. */
export function markCurrent() {
  for (const link of document.querySelectorAll(".menu a")) {
    if (!(link instanceof HTMLElement)) continue;
    if (link.dataset.page === here().page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.querySelector(".menu")?.classList.remove("open");
  document.querySelector(".opener")?.setAttribute("aria-expanded", "false");
}

/** Keys that work everywhere; not while somebody writes or an input method composes. @param {KeyboardEvent} event */
export function onKey(event) {
  if (composing(event) || !who().signed_in) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); palette(commands()); return; }
  const target = event.target;
  const writing = target instanceof HTMLElement && (target.matches("input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select") || target.isContentEditable);
  if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "?") { event.preventDefault(); keyMap(commands()); }
  else if (event.key === "T" && event.shiftKey) switchTheme();
  else if (event.key === "L" && event.shiftKey) speak(language() === "zh" ? "en" : "zh");
}

export { go };
