// The first page of a stranger: a key, or the link that the start of the service has printed.

import { signIn } from "./api.js";
import { fill, h } from "./dom.js";
import { language, speak, t } from "./i18n.js";
import { button, field } from "./parts.js";
import { failure } from "./toast.js";

/** The link's secret in the address, taken out of it at once so that neither history nor a screenshot holds it. */
export function linkFromAddress() {
  const found = /[#&]link=([\w-]+)/.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname + location.search);
  return found?.[1] ?? "";
}

/** @param {HTMLElement} root @param {() => void} done @param {unknown} [error] */
export function signInPage(root, done, error) {
  let key = "";
  const said = h("p", { class: "bad-words", role: "alert" });
  const show = (/** @type {unknown} */ fault) => { const { text, detail } = failure(fault); said.textContent = detail ? `${text} – ${detail}` : text; };
  if (error) show(error);
  const enter = async () => {
    said.textContent = "";
    try { await signIn({ key: key.trim() }); done(); } catch (fault) { show(fault); }
  };
  fill(root, h("main", { class: "sign-in", id: "main" },
    h("div", { class: "sign-in-box" },
      h("div", { class: "brand large" }, mark(), h("span", null, "zhiyin"), h("span", { class: "brand-zh", lang: "zh-CN" }, "知音")),
      h("h1", null, t("frame.sign_in_title")), h("p", { class: "soft" }, t("frame.sign_in_about")),
      field(t("frame.key"), { kind: "password", placeholder: "zy_live_…", autocomplete: "current-password", spellcheck: "false", on: (value) => { key = value; }, enter }),
      said, button(t("frame.sign_in"), { kind: "primary wide", on: enter }),
      h("details", { class: "twin" }, h("summary", null, t("frame.no_key")), h("p", { class: "soft" }, t("frame.no_key_about")),
        h("pre", null, h("code", null, "zhiyin keys make PROJECT --name me --scope admin"))),
      h("button", { type: "button", class: "link-button", lang: language() === "zh" ? "en" : "zh-CN", on: { click: () => { speak(language() === "zh" ? "en" : "zh"); } } }, t("frame.other_language")))));
  root.removeAttribute("aria-busy");
}

/** The sign of the product. */
export const mark = () => h("svg", { class: "mark", viewBox: "0 0 32 32", width: 28, height: 28, "aria-hidden": "true" },
  h("rect", { width: 32, height: 32, rx: 9 }), h("path", { d: "M9 13v6M14 9v14M19 12v8M24 14.500v3" }));
