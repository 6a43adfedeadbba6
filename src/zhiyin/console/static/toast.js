// Short messages: seen for a while, and read out by screen readers.

import { ApiError } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

const politely = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
const toasts = h("div", { class: "toasts", role: "region" });
const SECONDS = 7;

/** Puts the places for messages on the page. */
export function mountToasts() {
  document.body.append(politely, toasts);
}

/** Said to screen readers only. @param {string} text */
export function announce(text) {
  politely.textContent = "";
  requestAnimationFrame(() => { politely.textContent = text; });
}

/**
 * @param {string} text
 * @param {{kind?: "good" | "bad" | "plain", detail?: string, action?: {label: string, run: () => void}}} [how]
 */
export function toast(text, how = {}) {
  toasts.setAttribute("aria-label", t("frame.messages"));
  const box = h("div", { class: ["toast", how.kind ?? "plain"] },
    h("div", { class: "toast-words" }, h("p", null, text), how.detail ? h("p", { class: "soft" }, how.detail) : null),
    how.action ? h("button", { class: "button small", type: "button", on: { click: () => { how.action?.run(); away(); } } }, how.action.label) : null,
    h("button", { class: "icon-button", type: "button", "aria-label": t("frame.close"), on: { click: () => away() } }, "×"));
  const away = () => box.remove();
  let timer = setTimeout(away, SECONDS * 1000);
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => { timer = setTimeout(away, SECONDS * 500); });
  while (toasts.childElementCount > 3) toasts.firstElementChild?.remove();
  toasts.append(box);
  announce(how.detail ? `${text}. ${how.detail}` : text);
  return away;
}

/** What the service said of a failure, in the words of its problem. @param {unknown} error */
export function failure(error) {
  if (!(error instanceof ApiError)) return { text: t("frame.failed"), detail: String(error) };
  if (error.code === "unreachable") return { text: t("frame.unreachable"), detail: t("frame.unreachable_hint") };
  return { text: error.title || error.code, detail: [error.path, error.detail, error.hint].filter(Boolean).join(" · ") };
}

/** Shows a failure; an answer that was no longer wanted is none. @param {unknown} error */
export function fail(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof ApiError && error.status === 401) return;
  const said = failure(error);
  toast(said.text, { kind: "bad", detail: said.detail });
  if (!(error instanceof ApiError)) console.error(error);
}
