// The pipeline as a picture one-to-one with its TOML: change, check, preview on five users, publish, go back; keys; backups.

import { del, get, may, part, post } from "../api.js";
import { confirm, dialog } from "../dialog.js";
import { fill, h, named, plain, quiet } from "../dom.js";
import { ago, moment, number, percent, say, t } from "../i18n.js";
import { button, card, chip, empty, field, heading, segmented, waiting } from "../parts.js";
import { table } from "../table.js";
import { announce, fail, toast } from "../toast.js";
import { work } from "../work.js";

/** @typedef {import("../pages.js").View} View */

const TABS = ["pipeline", "artefacts", "keys", "backups", "service"];
const FLOW = [["encoder"], ["retrievers"], ["features", "ranker"], ["rerankers"], ["explainer"]];

class SettingsPage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = TABS.includes(view.query.tab) ? view.query.tab : "pipeline";
    this.body = h("div", { class: "stack" });
    this.later = quiet(() => this.check().catch(fail), 350);
  }

  async draw() {
    fill(this.view.root, heading(t("nav.settings"), t("settings.about")),
      segmented(t("nav.settings"), { value: this.tab, options: TABS.map((tab) => /** @type {[string, string]} */ ([tab, t(`settings.${tab}`)])), on: (tab) => { this.tab = tab; this.view.set({ tab: tab === "pipeline" ? "" : tab, part: "" }, { push: true }); this.show().catch(fail); } }),
      this.body);
    await this.show();
  }

  async show() {
    fill(this.body, card({ label: t(`settings.${this.tab}`) }, waiting(5)));
    if (this.tab === "artefacts") await this.artefacts();
    else if (this.tab === "keys") await this.keys();
    else if (this.tab === "backups") await this.backups();
    else await this.pipeline();
  }

  // -- pipeline --------------------------------------------------------------------------------------

  async pipeline() {
    const { signal } = this.view;
    const found = await get("/v1/pipeline", {}, signal);
    this.found = found;
    if (this.tab === "service") { this.service(found.serve); return; }
    this.text = h("textarea", { id: "toml", class: "toml", spellcheck: "false", autocomplete: "off", rows: 26, "aria-describedby": "toml-said", on: { input: () => { this.changed(); this.later(); } } });
    this.text.value = found.toml;
    this.said = h("div", { id: "toml-said", role: "status" });
    this.picture = h("div", { class: "flow" });
    this.preview = h("div", { class: "stack" });
    this.progress = h("div");
    this.previewButton = button(t("settings.preview"), { on: () => this.tryOut().catch(fail) });
    this.publishButton = button(t("settings.publish"), { kind: "primary", on: () => this.publish().catch(fail) });
    this.resetButton = button(t("settings.reset"), { kind: "quiet", icon: "undo", on: () => { this.text.value = found.toml; this.changed(); this.check().catch(fail); } });
    fill(this.body,
      h("div", { class: "settings-columns" },
        card({ title: t("settings.picture") }, h("p", { class: "hint" }, t("settings.picture_about")), this.picture),
        card({ title: t("settings.text"), actions: [chip(t(`settings.source_${found.source}`))] }, h("div", { class: "field" }, h("label", { for: "toml" }, t("settings.toml_label")), this.text), this.said,
          h("div", { class: "row" }, this.previewButton, this.publishButton, this.resetButton), this.progress)),
      this.preview);
    this.flow(found.parts);
    this.changed();
  }

  changed() {
    const same = this.text.value === this.found.toml;
    this.resetButton.disabled = same;
    this.previewButton.disabled = same;
    if (same) fill(this.said, h("p", { class: "hint" }, t("settings.unchanged")));
  }

  async check() {
    if (this.text.value === this.found.toml) { this.changed(); this.flow(this.found.parts); return true; }
    const verdict = await post("/v1/pipeline/check", { toml: this.text.value }, this.view.signal);
    this.publishButton.disabled = !verdict.ok;
    this.previewButton.disabled = !verdict.ok;
    if (verdict.ok) { fill(this.said, h("p", { class: "row" }, chip(t("settings.ok"), "good"))); this.flow(verdict.parts); }
    else {
      fill(this.said, h("ul", { class: "faults" }, verdict.faults.map((/** @type {any} */ fault) => h("li", null, fault.path ? h("button", { type: "button", class: "text-button", on: { click: () => this.find(fault.path) } }, h("code", null, plain(fault.path))) : null, " ", plain(fault.message)))));
      announce(t("settings.faults", { n: verdict.faults.length }));
    }
    return verdict.ok;
  }

  /** Puts the cursor where a path stands in the text. @param {string} path */
  find(path) {
    const lines = this.text.value.split("\n");
    const pieces = path.replace(/\[\d+\]/g, "").split(".");
    const table_ = pieces.slice(0, -1).join("."), key = pieces.at(-1);
    let inside = !table_, at = lines.findIndex((/** @type {string} */ line) => {
      const head = /^\s*\[+([^\]]+)\]+/.exec(line);
      if (head) inside = head[1].trim() === table_ || head[1].trim() === path;
      return head ? head[1].trim() === path : inside && new RegExp(`^\\s*${key?.replace(/\W/g, "\\$&")}\\s*=`).test(line);
    });
    if (at < 0) at = lines.findIndex((/** @type {string} */ line) => line.includes(table_ || path));
    if (at < 0) return;
    const start = lines.slice(0, at).join("\n").length + (at ? 1 : 0);
    this.text.focus();
    this.text.setSelectionRange(start, start + lines[at].length);
    this.text.scrollTop = Math.max(0, (at - 4) * 20);
  }

  /** The parts in the order of the flow. @param {any[]} parts */
  flow(parts) {
    fill(this.picture, FLOW.map((slots, step) => {
      const mine = parts.filter((one) => slots.includes(one.slot));
      if (!mine.length && slots[0] !== "rerankers") return null;
      return [step ? h("div", { class: "flow-arrow", "aria-hidden": "true" }, "↓") : null,
        h("section", { class: "flow-step" }, h("h3", null, t(`settings.slot_${slots.at(-1)}`), h("span", { class: "soft" }, ` ${mine.filter((one) => one.slot === slots.at(-1)).length || ""}`)),
          h("div", { class: "flow-parts" }, mine.length ? mine.map((one) => this.part(one)) : h("p", { class: "hint" }, t("settings.none"))))];
    }));
  }

  /** @param {any} one */
  part(one) {
    const name = one.name && !/^\d+$/.test(one.name) && one.name !== one.type ? `${one.name}: ${one.type}` : one.type;
    return h("button", { type: "button", class: ["flow-part", one.slot === "features" ? "minor" : ""], on: { click: () => this.open(one, name) } }, h("span", null, plain(name)), one.changed.length ? h("span", { class: "soft" }, number(one.changed.length)) : null);
  }

  /** @param {any} one @param {string} name */
  open(one, name) {
    const rows = Object.entries(one.options).map(([key, value]) => ({ key, value: String(value), changed: one.changed.includes(key) }));
    dialog(plain(name), [h("p", null, plain(one.about)),
      rows.length ? table({ caption: t("settings.options", { name }), file: `options-${one.type}`, rows, columns: [{ name: "key", label: t("frame.name") }, { name: "value", label: t("frame.value") }, { name: "changed", label: t("settings.changed"), value: (row) => (row.changed ? t("settings.yes") : "") }] }) : h("p", { class: "soft" }, t("settings.no_options")),
      h("div", { class: "row end" }, button(t("settings.find"), { on: () => { document.querySelector("dialog")?.close(); this.find(one.slot === "retrievers" ? `retrievers.${one.name}.type` : one.slot); } }))], { class: "wide" });
  }

  async tryOut() {
    if (!(await this.check())) return;
    const done = await work(this.progress, { kind: "preview", toml: this.text.value, n: 8 }, this.view.signal);
    if (!done) return;
    const { result } = done;
    fill(this.preview, card({ title: t("settings.preview_said") }, h("p", { class: "soft" }, t(`settings.preview_${result.how}`)), result.users.map((/** @type {any} */ one) => sideBySide(one, [t("settings.now"), t("settings.then")]))));
    this.preview.scrollIntoView({ block: "nearest" });
  }

  async publish() {
    if (!(await this.check())) return;
    const same = this.text.value === this.found.toml;
    if (!(await confirm({ title: t("settings.publish"), words: t(same ? "settings.publish_same" : "settings.publish_words"), action: t("settings.publish") }))) return;
    const done = await work(this.progress, { kind: "publish", toml: same ? "" : this.text.value }, this.view.signal);
    if (done) { toast(t("settings.published", { version: done.result.version }), { kind: "good" }); await this.show(); }
  }

  /** @param {Record<string, any>} serve */
  service(serve) {
    const rows = Object.entries(serve).map(([name, value]) => ({ name, value: Array.isArray(value) ? value.join(", ") : String(value) }));
    fill(this.body, card({ title: t("settings.service") }, h("p", { class: "soft" }, t("settings.service_about")), table({ caption: t("settings.service"), file: "settings", rows, columns: [{ name: "name", label: t("frame.name"), shown: (row) => h("code", null, row.name) }, { name: "value", label: t("frame.value") }] })));
  }

  // -- artefacts, keys, backups --------------------------------------------------------------------

  async artefacts() {
    const found = await get("/v1/artefacts", {}, this.view.signal);
    const progress = h("div");
    const back = async (/** @type {any} */ row) => {
      if (!(await confirm({ title: t("settings.back"), words: t("settings.back_words", { version: row.version }), action: t("settings.back") }))) return;
      try { await post("/v1/artefacts/rollback", { to: row.version }); toast(t("settings.back_done", { version: row.version }), { kind: "good" }); await this.show(); } catch (error) { fail(error); }
    };
    fill(this.body, card({ title: t("settings.artefacts"), actions: [button(t("settings.fit"), { on: async () => { if (await work(progress, { kind: "publish" }, this.view.signal)) this.show().catch(fail); } })] },
      h("p", { class: "soft" }, t("settings.artefacts_about")), progress,
      found.artefacts.length ? table({ caption: t("settings.artefacts"), file: "artefacts", rows: found.artefacts, columns: [
        { name: "version", label: t("settings.version"), shown: (row) => h("code", null, row.version) },
        { name: "state", label: t("settings.state"), shown: (row) => chip(say("settings.state", row.state), row.state === "serving" ? "good" : row.state === "refused" ? "bad" : "") },
        { name: "at", label: t("frame.when"), shown: (row) => h("span", { title: moment(row.at) }, ago(row.at)) },
        { name: "detail", label: t("frame.note"), shown: (row) => plain(row.detail) },
        { name: "act", label: t("settings.act"), value: () => "", shown: (row) => (["previous", "kept"].includes(row.state) ? button(t("settings.back"), { kind: "small", label: t("settings.back_to", { version: row.version }), on: () => back(row) }) : "") },
      ] }) : empty("settings", t("settings.no_artefacts"), t("settings.no_artefacts_about"))));
  }

  async keys() {
    const found = await get("/v1/keys", {}, this.view.signal);
    let name = "", days = "";
    const scopes = new Set(["read"]);
    const revoke = async (/** @type {any} */ row) => {
      if (!(await confirm({ title: t("settings.revoke"), words: t("settings.revoke_words", { name: row.name }), action: t("settings.revoke") }))) return;
      try { await del(`/v1/keys/${part(row.id)}`); await this.show(); } catch (error) { fail(error); }
    };
    const make = async () => {
      try {
        const made = await post("/v1/keys", { name, scopes: [...scopes], ...(days ? { days: Number(days) } : {}) });
        await this.show();
        dialog(t("settings.key_made"), [h("p", null, t("settings.key_once")), h("pre", { class: "secret" }, made.secret), h("div", { class: "row end" }, button(t("settings.copy"), { kind: "primary", on: () => navigator.clipboard.writeText(made.secret).then(() => toast(t("settings.copied"), { kind: "good" }), fail) }))]);
      } catch (error) { fail(error); }
    };
    const state = (/** @type {any} */ row) => (row.revoked_at ? "revoked" : row.expires_at && row.expires_at < Date.now() / 1000 ? "expired" : "valid");
    fill(this.body,
      card({ title: t("settings.new_key") }, h("div", { class: "fields" }, field(t("frame.name"), { on: (value) => { name = value; }, placeholder: t("settings.key_hint"), maxlength: 100 }), field(t("settings.days"), { kind: "number", min: 1, max: 3650, placeholder: t("settings.never"), on: (value) => { days = value; } })),
        h("fieldset", { class: "row scopes" }, h("legend", { class: "hint" }, t("settings.scopes")), ["read", "ingest", "admin", "erase"].map((scope) => h("label", { class: "check" }, h("input", { type: "checkbox", checked: scopes.has(scope), on: { change: (/** @type {any} */ event) => (event.target.checked ? scopes.add(scope) : scopes.delete(scope)) } }), " ", t(`settings.scope_${scope}`)))),
        h("div", { class: "row" }, button(t("settings.make_key"), { kind: "primary", on: () => { make(); } }))),
      card({ title: t("settings.keys") }, table({ caption: t("settings.keys"), file: "keys", rows: found.keys, columns: [
        { name: "name", label: t("frame.name"), shown: (row) => plain(row.name) }, { name: "id", label: "id", shown: (row) => h("code", null, row.id) }, { name: "scopes", label: t("settings.scopes"), value: (row) => row.scopes.join(" ") },
        { name: "state", label: t("settings.state"), value: state, shown: (row) => chip(say("settings.state", state(row)), state(row) === "valid" ? "good" : "") },
        { name: "last_used_at", label: t("settings.used"), shown: (row) => (row.last_used_at ? ago(row.last_used_at) : "–") },
        { name: "act", label: t("settings.act"), value: () => "", shown: (row) => (state(row) === "valid" ? button(t("settings.revoke"), { kind: "small danger", label: t("settings.revoke_named", { name: row.name }), on: () => revoke(row) }) : "") },
      ] })));
  }

  async backups() {
    const found = await get("/v1/backups", {}, this.view.signal);
    const progress = h("div");
    const make = () => work(progress, { kind: "backup" }, this.view.signal).then((done) => { if (done) this.show().catch(fail); });
    fill(this.body, card({ title: t("settings.backups"), actions: [button(t("settings.make_backup"), { kind: "primary", on: make })] }, h("p", { class: "soft" }, t("settings.backups_about")), progress,
      found.backups.length ? table({ caption: t("settings.backups"), file: "backups", rows: found.backups, columns: [
        { name: "name", label: t("frame.name"), shown: (row) => h("code", null, row.name) }, { name: "at", label: t("frame.when"), shown: (row) => ago(row.at) },
        { name: "bytes", label: t("settings.size"), numeric: true, shown: (row) => `${number(row.bytes / 1e6, 1)} MB` }, { name: "artefact", label: t("settings.with_artefact"), shown: (row) => t(row.artefact ? "settings.yes" : "settings.no") },
      ] }) : empty("data", t("settings.no_backups"), t("settings.no_backups_about"))));
  }
}

/** Two lists for one user; what stands in one only is marked. @param {any} one @param {[string, string]} names */
export function sideBySide(one, names) {
  const ids = { a: new Set(one.a.map((/** @type {any} */ line) => line.id)), b: new Set(one.b.map((/** @type {any} */ line) => line.id)) };
  const list = (/** @type {"a" | "b"} */ side, /** @type {string} */ name) => {
    const other = side === "a" ? "b" : "a";
    return h("div", null, h("h4", null, name), h("ol", { class: "pair-list" }, one[side].map((/** @type {any} */ line, /** @type {number} */ place) => {
      const was = one[other].findIndex((/** @type {any} */ there) => there.id === line.id);
      const moved = side === "b" && was >= 0 && was !== place ? (was > place ? "↑" : "↓") : "";
      return h("li", { class: ids[other].has(line.id) ? null : "alone" }, named(line), moved ? h("span", { class: ["move", moved === "↑" ? "up" : "down"] }, ` ${moved}${Math.abs(was - place)}`) : null);
    })));
  };
  return h("div", { class: "pair" }, h("div", { class: "pair-head" }, h("h3", null, plain(one.user)), h("span", { class: "row" }, chip(t("settings.events", { n: one.events })), chip(t("settings.overlap", { share: percent(one.overlap) }), one.overlap === 1 ? "" : "accent"))),
    h("p", { class: "soft small" }, one.history.map((/** @type {any} */ event) => named(event)).join(" · ")), h("div", { class: "pair-lists" }, list("a", names[0]), list("b", names[1])));
}

export const page = {
  /** @param {View} view */
  async render(view) {
    if (!may("admin")) { fill(view.root, heading(t("nav.settings"), ""), card({ label: t("nav.settings") }, empty("shield", t("work.admin"), ""))); return; }
    await new SettingsPage(view).draw();
  },
};
