// A search box with suggestions: arrows move, Enter takes, Escape closes; safe with input methods.

import { composing, fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { unique } from "./parts.js";
import { announce, fail } from "./toast.js";

/** @typedef {{id: string, label: string, note?: string}} Option */

/**
 * @param {string} label
 * @param {{find: (words: string, signal: AbortSignal) => Promise<Option[]>, take: (option: Option) => void, placeholder?: string, free?: boolean, keep?: boolean, value?: string, atOnce?: boolean, ref?: (input: any) => void}} how
 *   `free`: what was typed may be taken as it is; `keep`: the box keeps what was taken; `atOnce`: suggests before anything is typed
 */
export function combobox(label, how) {
  const id = unique("search");
  /** @type {Option[]} */
  let options = [];
  let active = -1;
  /** What had been typed when `options` were found. */
  let asked = "";
  let timer = 0;
  let stop = new AbortController();
  const list = h("ul", { class: "options", role: "listbox", id: `${id}-list`, "aria-label": label, hidden: true });
  const input = h("input", {
    id, type: "search", role: "combobox", autocomplete: "off", spellcheck: "false", placeholder: how.placeholder,
    "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
    on: {
      input: later, keydown: pressed, focus: () => { if (input.value.trim() || how.atOnce) later(); }, blur: () => setTimeout(close, 120),
      compositionend: later,
    },
  });
  input.value = asked = how.value ?? "";
  how.ref?.(input);

  function later() {
    clearTimeout(timer);
    timer = window.setTimeout(look, 90);
  }

  async function look() {
    const words = input.value.trim();
    clearTimeout(timer);
    stop.abort();
    stop = new AbortController();
    if (!words && !how.atOnce) return close();
    try {
      options = await how.find(words, stop.signal);
    } catch (error) { return fail(error); }
    if (document.activeElement !== input) return;
    asked = words;
    active = options.length && words ? 0 : -1;
    draw();
    announce(options.length ? t("frame.found", { n: options.length }) : t("frame.nothing_found"));
  }

  function draw() {
    fill(list, options.length ? options.map((option, place) => h("li", {
      role: "option", id: `${id}-${place}`, "aria-selected": String(place === active), class: place === active ? "active" : null,
      on: { pointerdown: (/** @type {Event} */ event) => { event.preventDefault(); take(option); } },
    }, h("span", null, option.label), option.note ? h("span", { class: "soft" }, option.note) : null))
      : h("li", { class: "soft none", role: "option", "aria-selected": "false", "aria-disabled": "true" }, t("frame.nothing_found")));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (active >= 0) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    list.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  /** @param {Option} option */
  function take(option) {
    input.value = how.keep ? option.label : "";
    asked = input.value.trim();
    clearTimeout(timer);
    stop.abort();
    close();
    how.take(option);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (composing(event)) return;
    const open = !list.hidden;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      active = open ? (active + step + options.length) % options.length : 0;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      enter();
    } else if (event.key === "Escape" && open) { event.preventDefault(); event.stopPropagation(); close(); }
  }

  /** Takes the marked option, else what was typed; an Enter that was faster than the answer waits for it. */
  async function enter() {
    const words = input.value.trim();
    if (words !== asked) {
      const looking = look(), mine = stop;
      await looking;
      if (mine !== stop || words !== input.value.trim()) return;
    }
    if (!list.hidden && active >= 0 && words === asked) take(options[active]);
    else if (how.free && words) take({ id: words, label: words });
  }

  return h("div", { class: "field combobox" }, h("label", { for: id }, label), input, list);
}
