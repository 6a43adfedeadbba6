// Every route of the service, to try from here: made from its OpenAPI document alone. Copy as curl, Python, TypeScript.

import { get, may, who } from "../api.js";
import { fill, h, plain, quiet } from "../dom.js";
import { language, millis, number, t } from "../i18n.js";
import { button, card, chip, empty, field, heading, segmented } from "../parts.js";
import { confirm } from "../dialog.js";
import { announce, fail, toast } from "../toast.js";

/** @typedef {import("../pages.js").View} View */
/** @typedef {{method: string, path: string, about: any}} Operation */

const METHODS = ["get", "post", "put", "patch", "delete"];
const LONGEST = 60_000;

class ApiPage {
  /** @param {View} view @param {any} document */
  constructor(view, document) {
    this.view = view;
    this.schemas = document.components.schemas;
    /** @type {Operation[]} */
    this.operations = Object.entries(document.paths).flatMap(([path, one]) => METHODS.filter((method) => one[method]).map((method) => ({ method, path, about: one[method] })));
    this.words = view.query.q ?? "";
    this.as = view.query.as ?? "curl";
    this.pick(this.operations.find((one) => key(one) === view.query.route) ?? this.operations[0]);
    if (view.query.body) this.body = view.query.body;
    for (const [name, value] of new URLSearchParams(view.query.values ?? "")) if (name in this.values) this.values[name] = value;
  }

  /** @param {Operation} operation */
  pick(operation) {
    this.operation = operation;
    /** @type {Record<string, string>} */
    this.values = Object.fromEntries((operation.about.parameters ?? []).map((/** @type {any} */ one) => [one.name, ""]));
    const content = operation.about.requestBody?.content ?? {};
    const json = content["application/json"];
    this.media = json ? "application/json" : Object.keys(content)[0] ?? "";
    this.body = json ? JSON.stringify(json.examples?.plain?.value ?? skeleton(json.schema, this.schemas), null, 2) : this.media ? "user,item\nu1,film-1\n" : "";
  }

  draw() {
    this.list = h("div", { class: "routes" });
    this.form = h("div", { class: "stack" });
    const later = quiet(() => { this.drawList(); this.keep(); }, 120);
    fill(this.view.root, heading(t("nav.api"), t("api.about"), h("a", { class: "button", href: "/openapi.json", target: "_blank", rel: "noreferrer" }, "OpenAPI")),
      h("div", { class: "side-by-side" },
        card({ title: t("api.routes") }, field(t("api.search"), { kind: "search", value: this.words, placeholder: t("api.search_hint"), on: (value) => { this.words = value; later(); } }), this.list),
        this.form));
    this.drawList();
    this.drawForm();
  }

  drawList() {
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = this.operations.filter((one) => words.every((word) => `${one.method} ${one.path} ${one.about.summary} ${one.about.tags}`.toLowerCase().includes(word)));
    const tags = [...new Set(fits.map((one) => one.about.tags?.[0] ?? ""))];
    fill(this.list, fits.length ? tags.map((tag) => h("section", null, h("h3", null, tag), h("ul", null, fits.filter((one) => (one.about.tags?.[0] ?? "") === tag).map((one) => h("li", null, h("button", {
      type: "button", class: "route", "aria-current": one === this.operation ? "true" : null, title: one.about.summary, on: { click: () => { this.pick(one); this.drawList(); this.drawForm(); this.keep(true); } },
    }, methodMark(one.method), h("span", null, one.path))))))) : h("p", { class: "soft" }, t("api.no_routes")));
  }

  drawForm() {
    const { operation } = this;
    const { about } = operation;
    const scope = about.security?.[0]?.key?.[0] ?? "";
    const allowed = !scope || may(scope);
    this.answer = h("div");
    this.snippet = h("pre", { class: "snippet", tabindex: "0", "aria-label": t("api.snippet") });
    const change = () => { this.drawSnippet(); this.keep(); };
    const fields = (about.parameters ?? []).filter((/** @type {any} */ one) => one.in !== "header").map((/** @type {any} */ one) => field(`${one.name}${one.required ? " *" : ""}`, {
      value: this.values[one.name], hint: one.description, placeholder: one.schema.type === "array" ? t("api.several") : one.schema.type, on: (value) => { this.values[one.name] = value; change(); }, enter: () => { this.send().catch(fail); },
    }));
    this.sendButton = button(t("api.send"), { kind: "primary", icon: "arrow", disabled: !allowed, on: () => { this.send().catch(fail); } });
    fill(this.form,
      card({ title: h("span", { class: "row" }, methodMark(operation.method), h("code", { class: "path" }, operation.path)), actions: [chip(scope ? t("api.needs", { scope }) : t("api.open"), allowed ? "accent" : "warn")] },
        h("p", { class: "soft" }, plain(about.summary)),
        fields.length ? h("div", { class: "fields" }, fields) : null,
        this.media ? h("div", { class: "field" }, h("label", { for: "api-body" }, t("api.body", { media: this.media })), h("textarea", { id: "api-body", class: "code", spellcheck: "false", rows: Math.min(18, Math.max(4, this.body.split("\n").length)), value: this.body, on: { input: (/** @type {any} */ event) => { this.body = event.target.value; change(); } } })) : null,
        h("div", { class: "row" }, this.sendButton, allowed ? null : h("span", { class: "soft" }, t("api.not_allowed", { scope })))),
      this.answer,
      card({ title: t("api.copy_as"), actions: [button(t("api.copy"), { kind: "small", on: () => navigator.clipboard.writeText(this.snippet.textContent ?? "").then(() => toast(t("api.copied"), { kind: "good" }), fail) })] },
        segmented(t("api.copy_as"), { value: this.as, options: [["curl", "curl"], ["python", "Python"], ["typescript", "TypeScript"]], on: (value) => { this.as = value; this.drawSnippet(); this.keep(); } }), this.snippet, h("p", { class: "hint" }, t("api.key_hint"))),
      card({ title: t("api.answers") }, h("dl", { class: "answers" }, Object.entries(about.responses).map(([status, one]) => h("div", null, h("dt", null, chip(status, status < "300" ? "good" : "")), h("dd", null, status < "300" ? plain(one.description) : h("span", null, (one["x-codes"] ?? []).map((/** @type {string} */ code) => [h("code", null, code), " "]))))))));
    this.drawSnippet();
  }

  /** Path and query of the request. */
  address() {
    const query = new URLSearchParams();
    let path = this.operation.path;
    for (const one of this.operation.about.parameters ?? []) {
      const value = this.values[one.name];
      if (one.in === "path") path = path.replace(`{${one.name}}`, value ? encodeURIComponent(value) : `{${one.name}}`);
      else if (value && one.in === "query") for (const single of one.schema.type === "array" ? value.split(/[,\s]+/).filter(Boolean) : [value]) query.append(one.name, single);
    }
    return path + (query.size ? `?${query}` : "");
  }

  drawSnippet() {
    const made = { curl: asCurl, python: asPython, typescript: asTypeScript }[this.as] ?? asCurl;
    this.snippet.textContent = made({ method: this.operation.method.toUpperCase(), url: location.origin + this.address(), body: this.media ? this.body : "", media: this.media });
  }

  async send() {
    const method = this.operation.method.toUpperCase(), address = this.address();
    if (address.includes("{")) { toast(t("api.missing"), { kind: "bad" }); return; }
    if (method === "DELETE" && !(await confirm({ title: t("api.sure"), words: `${method} ${address}`, action: t("api.send") }))) return;
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json", "accept-language": language() };
    if (this.media) headers["content-type"] = this.media;
    if (method !== "GET") headers["x-csrf-token"] = who().csrf;
    this.sendButton.disabled = true;
    const began = performance.now();
    try {
      const answer = await fetch(address, { method, headers, body: this.media ? this.body : undefined, credentials: "same-origin" });
      const text = await answer.text();
      this.show(answer, text, performance.now() - began);
    } catch (error) { fail(error); } finally { this.sendButton.disabled = false; }
  }

  /** @param {Response} answer @param {string} text @param {number} ms */
  show(answer, text, ms) {
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
    const cut = shown.length > LONGEST;
    fill(this.answer, card({ title: t("api.answer"), actions: [chip(String(answer.status), answer.ok ? "good" : "bad"), chip(millis(ms)), chip(t("api.bytes", { n: number(text.length) }))] },
      h("pre", { class: "reply", tabindex: "0", "aria-label": t("api.answer") }, plain(shown.slice(0, LONGEST)) || t("api.empty")), cut ? h("p", { class: "hint" }, t("api.cut")) : null,
      h("p", { class: "hint" }, `x-request-id ${answer.headers.get("x-request-id") ?? "–"}`)));
    announce(`${answer.status}`);
  }

  /** @param {boolean} [push] */
  keep(push = false) {
    const values = new URLSearchParams(Object.entries(this.values).filter(([, value]) => value)).toString();
    this.view.set({ route: key(this.operation), q: this.words, as: this.as === "curl" ? "" : this.as, values, body: this.media && this.body.length < 1500 ? this.body : "" }, { push });
  }
}

/** @param {Operation} one */
const key = (one) => `${one.method} ${one.path}`;
/** @param {string} method */
const methodMark = (method) => h("span", { class: ["method", method] }, method.toUpperCase());

/** A body with every required field, and the others by their defaults. @param {any} schema @param {Record<string, any>} all @param {number} [depth] @returns {any} */
export function skeleton(schema, all, depth = 0) {
  if (!schema || depth > 4) return null;
  if (schema.$ref) return skeleton(all[schema.$ref.split("/").at(-1)], all, depth + 1);
  const first = schema.anyOf ?? schema.oneOf;
  if (first) return skeleton(first.find((/** @type {any} */ one) => one.type !== "null") ?? first[0], all, depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.type === "object") return Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => (schema.required ?? []).includes(name)).map(([name, one]) => [name, skeleton(one, all, depth + 1)]));
  return { string: "", integer: 1, number: 1, boolean: false, array: [] }[schema.type] ?? null;
}

/** @typedef {{method: string, url: string, body: string, media: string}} Request */

/** @param {Request} asked */
export function asCurl({ method, url, body, media }) {
  const quote = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = [`curl -X ${method} ${quote(url)}`, `-H "Authorization: Bearer $ZHIYIN_KEY"`];
  if (media) lines.push(`-H ${quote(`Content-Type: ${media}`)}`, `--data-binary ${quote(compact(body))}`);
  return lines.join(" \\\n  ");
}

/** @param {Request} asked */
export function asPython({ method, url, body, media }) {
  const lines = ["import os", "", "import httpx", "", "answer = httpx.request(", `    ${JSON.stringify(method)},`, `    ${JSON.stringify(url)},`, `    headers={"Authorization": f"Bearer {os.environ['ZHIYIN_KEY']}"${media ? `, "Content-Type": ${JSON.stringify(media)}` : ""}},`];
  if (media) lines.push(`    content=${JSON.stringify(compact(body))}.encode(),`);
  return [...lines, ")", "answer.raise_for_status()", method === "DELETE" ? "print(answer.status_code)" : "print(answer.text)"].join("\n");
}

/** @param {Request} asked */
export function asTypeScript({ method, url, body, media }) {
  const lines = [`const answer = await fetch(${JSON.stringify(url)}, {`, `  method: ${JSON.stringify(method)},`, `  headers: { authorization: \`Bearer \${process.env.ZHIYIN_KEY}\`${media ? `, "content-type": ${JSON.stringify(media)}` : ""} },`];
  if (media) lines.push(`  body: ${JSON.stringify(compact(body))},`);
  return [...lines, "});", "if (!answer.ok) throw new Error(await answer.text());", "console.log(await answer.text());"].join("\n");
}

/** JSON without the spaces that are there for people. @param {string} body */
function compact(body) {
  try { return JSON.stringify(JSON.parse(body)); } catch { return body; }
}

export const page = {
  /** @param {View} view */
  async render(view) {
    const document = await get("/openapi.json", {}, view.signal);
    if (!document?.paths) { fill(view.root, heading(t("nav.api"), t("api.about")), card({ label: t("nav.api") }, empty("api", t("api.no_routes"), ""))); return; }
    new ApiPage(view, document).draw();
  },
};
