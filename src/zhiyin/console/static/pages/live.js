// What happens just now: events and decisions as they come, rates, freshness, percentiles, alerts.

import { get } from "../api.js";
import { line } from "../charts.js";
import { fill, h, named, plain } from "../dom.js";
import { ago, millis, moment, number, percent, say, t } from "../i18n.js";
import { button, card, chip, choice, empty, facts, heading, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";
import { fail } from "../toast.js";
import { pause } from "../work.js";

/** @typedef {import("../pages.js").View} View */

const FEED_EVERY_MS = 1000;
const STATUS_EVERY_MS = 5000;
const KEPT = 200;

class LivePage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.window = Number(view.query.window) || 300;
    this.kind = view.query.kind ?? "";
    this.paused = view.query.paused === "1";
    /** @type {any[]} */
    this.events = [];
    /** @type {any[]} */
    this.decisions = [];
    this.next = 0;
    this.since = "";
  }

  draw() {
    this.alerts = h("div", { class: "stack", role: "status" });
    this.tiles = h("div", { class: "tiles" }, waiting(2));
    this.curves = h("div", { class: "columns" });
    this.more = h("div");
    this.eventRows = h("ul", { class: "feed", "aria-label": t("live.events") });
    this.decisionRows = h("ul", { class: "feed", "aria-label": t("live.decisions") });
    this.pauseButton = button(t(this.paused ? "live.go_on" : "live.pause"), { on: () => this.hold() });
    fill(this.view.root,
      heading(t("nav.live"), t("live.about"), choice(t("live.window"), { value: String(this.window), options: [["60", t("live.minutes", { n: 1 })], ["300", t("live.minutes", { n: 5 })], ["3600", t("live.minutes", { n: 60 })]], on: (value) => { this.window = Number(value); this.keep(); this.status().catch(fail); } }), this.pauseButton),
      this.alerts, this.tiles, this.curves,
      h("div", { class: "columns" },
        card({ title: t("live.events"), actions: [this.kinds()] }, this.eventRows),
        card({ title: t("live.decisions") }, this.decisionRows)),
      this.more);
  }

  kinds() {
    return choice(t("live.kind"), { value: this.kind, options: [["", t("live.all_kinds")], ...["view", "click", "like", "purchase", "rating", "impression", "search", "hide"].map((kind) => /** @type {[string, string]} */ ([kind, say("kind", kind)]))], on: (value) => { this.kind = value; this.keep(); this.drawFeed(); } });
  }

  hold() {
    this.paused = !this.paused;
    this.pauseButton.lastChild?.replaceWith(document.createTextNode(t(this.paused ? "live.go_on" : "live.pause")));
    this.keep();
  }

  keep() { this.view.set({ window: this.window === 300 ? "" : this.window, kind: this.kind, paused: this.paused }); }

  async follow() {
    const { signal } = this.view;
    for (let beat = 0; !signal.aborted; beat++) {
      if (!this.paused || !beat) {
        try {
          await this.feed();
          if (beat % (STATUS_EVERY_MS / FEED_EVERY_MS) === 0) await this.status();
        } catch (error) { if (signal.aborted) return; if (!beat) throw error; }
      }
      try { await pause(document.hidden ? 4 * FEED_EVERY_MS : FEED_EVERY_MS, signal); } catch { return; }
    }
  }

  async feed() {
    const found = await get("/v1/feed", { after: this.next, since: this.since, n: 100 }, this.view.signal);
    const fresh = found.events.length + found.decisions.length > 0 || !this.next;
    this.next = found.next;
    this.since = found.since;
    this.events = [...found.events.toReversed(), ...this.events].slice(0, KEPT);
    this.decisions = [...found.decisions.toReversed(), ...this.decisions].slice(0, KEPT);
    if (fresh) this.drawFeed();
  }

  drawFeed() {
    const events = this.events.filter((event) => !this.kind || event.kind === this.kind).slice(0, 40);
    fill(this.eventRows, events.length ? events.map((event) => h("li", null,
      chip(say("kind", event.kind), event.kind === "impression" ? "" : event.kind === "hide" ? "bad" : "accent"),
      h("span", null, event.user ? h("a", { href: to("users", { id: event.user }) }, plain(event.user)) : h("span", { class: "soft" }, t("live.visitor")), " ",
        event.item ? h("a", { href: to("items", { id: event.item }) }, named({ title: event.title, id: event.item })) : null,
        event.value === null ? null : h("span", { class: "soft" }, ` ${number(event.value, 1)}`)),
      h("time", { class: "soft", title: t("live.arrived", { at: moment(event.at ?? event.received_at), received: moment(event.received_at) }) }, ago(event.at ?? event.received_at)))) : h("li", { class: "none" }, empty("live", t("live.no_events"), t("live.no_events_about"))));
    const decisions = this.decisions.slice(0, 30);
    fill(this.decisionRows, decisions.length ? decisions.map((one) => h("li", null,
      chip(millis(one.ms), one.degraded.length ? "warn" : ""),
      h("span", null, one.user ? h("a", { href: to("users", { id: one.user }) }, plain(one.user)) : h("span", { class: "soft" }, t("live.visitor")), " ",
        h("a", { href: to("why", { slate: one.slate_id }) }, one.shown.map((/** @type {string} */ title) => plain(title)).join(" · ") || t("live.empty_list")),
        one.surface ? h("span", { class: "soft" }, ` ${plain(one.surface)}`) : null),
      h("time", { class: "soft", title: moment(one.at) }, ago(one.at)))) : h("li", { class: "none" }, empty("why", t("live.no_decisions"), t("live.no_decisions_about"))));
  }

  async status() {
    const now = await get("/v1/status", { window_s: this.window }, this.view.signal);
    const share = (/** @type {number | null} */ value) => (value === null ? "–" : percent(value));
    const ms = (/** @type {number | null} */ value) => (value === null ? "–" : millis(value));
    fill(this.alerts, now.alerts.map((/** @type {any} */ alert) => h("p", { class: ["note", alert.severity === "page" ? "urgent" : ""] }, h("strong", null, say("live.alert", alert.code)), " ",
      alert.value === null ? null : t("live.alert_value", { value: number(alert.value, 4), limit: number(alert.limit, 4) }))));
    const tile = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ about) => h("div", { class: "tile" }, h("p", { class: "soft" }, name), h("p", { class: "tile-value" }, value), h("p", { class: "soft small" }, about));
    fill(this.tiles,
      tile(t("live.lists"), t("live.per_s", { n: number(now.lists_per_s, 2) }), t("live.requests", { n: number(now.requests_per_s, 2) })),
      tile(t("live.event_rate"), t("live.per_s", { n: number(now.events_per_s, 2) }), t("live.log", { n: number(now.last_seq) })),
      tile(t("live.latency"), ms(now.latency_ms.p95), t("live.p", { p50: ms(now.latency_ms.p50), p99: ms(now.latency_ms.p99) })),
      tile(t("live.freshness"), ms(now.freshness_ms.p95), t("live.commit", { ms: ms(now.commit_ms.p95) })),
      tile(t("live.degraded"), share(now.degraded_share), t("live.failed", { share: share(now.failed_share) })),
      tile(t("live.artefact"), now.artefact_age_s === null ? "–" : ago(now.at - now.artefact_age_s), now.artefact ? t("live.fitted_on", { version: now.artefact, n: number(now.last_seq - now.fitted_on) }) : t("live.alert.no_artefact")));
    this.drawCurves(now);
  }

  /** @param {any} now */
  drawCurves(now) {
    const { series } = now;
    const clock = (/** @type {number} */ at) => moment(at);
    /** @param {string} name @param {number} digits @returns {[number, number][]} */
    const points = (name) => series.at.map((/** @type {number} */ at, /** @type {number} */ place) => [at, series[name][place] ?? 0]);
    const curve = (/** @type {string} */ name, /** @type {string} */ unit) => {
      const last = series[name].findLast((/** @type {number | null} */ value) => value !== null) ?? 0;
      return card({ title: t(`live.curve_${name}`) }, line({ title: t(`live.curve_${name}`), summary: t("live.curve_said", { top: number(Math.max(0, ...series[name].map((/** @type {any} */ v) => v ?? 0)), 1), last: number(last, 1), unit }), points: points(name), label: clock, unit, file: name, height: 90 }));
    };
    const open = [...this.curves.querySelectorAll("details[open], .table:focus-within")].length;
    if (!open) fill(this.curves, curve("requests_per_s", t("live.unit_per_s")), curve("p95_ms", "ms"));
    if (this.more.querySelector("details[open]")) return;
    const rows = Object.entries(now.counters).map(([name, n]) => ({ name, n }));
    fill(this.more, card({ title: t("live.inside") }, facts([
      [t("live.workers"), number(now.workers)], [t("live.memory"), Object.values(now.memory_bytes).map((bytes) => `${number(Number(bytes) / 1048576)} MiB`).join(" · ") || "–"],
      [t("live.disk"), now.disk_free_bytes === null ? "–" : `${number(now.disk_free_bytes / 1e9, 1)} GB`], [t("live.refused"), t("live.per_s", { n: number(now.refused_per_s, 2) })],
      ...Object.entries(now.rows).map(([name, n]) => /** @type {[string, string]} */ ([say("live.rows", name), number(Number(n))])),
    ]), h("details", { class: "twin" }, h("summary", null, t("live.counts")), table({ caption: t("live.counts"), file: "counts", rows, columns: [{ name: "name", label: t("frame.name") }, { name: "n", label: t("live.since_start"), numeric: true, shown: (row) => number(row.n) }] }))));
  }
}

export const page = {
  /** @param {View} view */
  async render(view) {
    const shown = new LivePage(view);
    shown.draw();
    shown.follow().catch((error) => { if (!view.signal.aborted) fail(error); });
  },
};
