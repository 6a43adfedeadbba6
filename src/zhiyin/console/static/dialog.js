// Windows over the page, with the browser's own dialog: focus stays inside, Escape closes, focus returns.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { button, unique } from "./parts.js";

/** @param {string} title @param {import("./dom.js").Child[]} children @param {{class?: string, closed?: () => void}} [how] @returns {HTMLDialogElement} */
export function dialog(title, children, how = {}) {
  const id = unique("dialog");
  const box = h("dialog", { class: ["dialog", how.class], "aria-labelledby": id },
    h("div", { class: "dialog-head" }, h("h2", { id }, title),
      h("button", { type: "button", class: "icon-button", "aria-label": t("frame.close"), on: { click: () => box.close() } }, "×")), children);
  box.addEventListener("close", () => { box.remove(); how.closed?.(); });
  box.addEventListener("click", (/** @type {MouseEvent} */ event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before something that cannot be undone. `typed`: what has to be typed to go on.
 * @param {{title: string, words: string, action: string, typed?: string, label?: string}} how @returns {Promise<boolean>}
 */
export function confirm(how) {
  return new Promise((resolve) => {
    let said = false;
    const act = button(how.action, { kind: "danger", disabled: Boolean(how.typed), on: () => { said = true; box.close(); } });
    const id = unique("typed");
    const input = how.typed ? h("div", { class: "field" }, h("label", { for: id }, how.label ?? how.typed),
      h("input", { id, type: "text", autocomplete: "off", on: { input: (/** @type {any} */ event) => { act.disabled = event.target.value !== how.typed; } } })) : null;
    const box = dialog(how.title, [h("p", null, how.words), input, h("div", { class: "row end" }, button(t("frame.cancel"), { on: () => box.close() }), act)],
      { closed: () => resolve(said) });
  });
}
