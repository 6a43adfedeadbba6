// Try it: be somebody, act, and watch the list follow.

import { get, may, part, post } from "../api.js";
import { composing, fill, h, named, quiet } from "../dom.js";
import { millis, say, t } from "../i18n.js";
import { icon } from "../icons.js";
import { button, card, chip, empty, heading, segmented, toggle, waiting } from "../parts.js";
import { go, to } from "../router.js";
import { announce, fail, failure, toast } from "../toast.js";
import { itemBox, moment, userBox, wishBox } from "./try_controls.js";
import { ranking } from "./try_list.js";
import { kept, question, read, written } from "./try_state.js";

/** @typedef {import("./try_state.js").State} State */
/** Titles of items that were seen, for the past. @type {Map<string, string>} */
const titles = new Map();
/** States before, for undo; one page at a time. @type {State[]} */
let before = [];
/** Users that the die chooses from. @type {string[]} */
let users = [];
const PAST_SHOWN = 8;

/** @type {import("../pages.js").Page} */
export const page = { render };

/** @param {import("../pages.js").View} view */
async function render(view) {
  const state = read(view.query);
  if (state.who === "user" && !state.user) await someone(state, view);
  const trial = new Trial(view, state);
  trial.draw();
  await trial.ask(true);
}

/** A first user, so that the page never begins empty; without the right to list users, a stranger. @param {State} state @param {import("../pages.js").View} view */
async function someone(state, view) {
  if (!users.length && may("admin")) users = (await get("/v1/users", { limit: 300 }, view.signal)).users.map((/** @type {any} */ user) => user.id);
  if (users.length) state.user = users[Math.floor(users.length / 2)];
  else state.who = "new";
  view.set(written(state));
}

/** One visit of the page. */
class Trial {
  /** @param {import("../pages.js").View} view @param {State} state */
  constructor(view, state) {
    this.view = view;
    this.state = state;
    this.titles = titles;
    /** @type {any} */
    this.answer = null;
    this.stop = new AbortController();
    this.impressed = "";
    /** The box for a user's id: it stays as it is while one types. @type {any} */
    this.userInput = null;
    /** The stored past of the user; it does not change while one only plays. @type {{key: string, events: any[]}} */
    this.stored = { key: "", events: [] };
    this.ranking = ranking({ act: (line, kind) => this.act(line, kind) });
    this.past = h("div", { class: "past" });
    this.who = h("div", { class: "stack" });
    this.state_ = h("div", { class: "answer-state row" });
    this.stage = h("div", { class: "answer" }, waiting(9));
    this.undoButton = button(t("try.undo"), { icon: "undo", on: () => this.undo(), title: "Ctrl Z" });
    this.later = quiet(() => this.changed(false), 160);
    document.addEventListener("keydown", (event) => this.key(event), { signal: view.signal });
    view.signal.addEventListener("abort", () => this.stop.abort());
  }

  draw() {
    const { state } = this;
    fill(this.view.root,
      heading(t("nav.try"), t("try.about"), this.undoButton, button(t("try.look"), { icon: "why", kind: "primary", on: () => this.look() })),
      h("div", { class: "side-by-side" },
        h("div", { class: "stack controls" },
          card({ title: t("try.who"), class: "who-card" },
            segmented(t("try.who"), { value: state.who, options: [["user", t("try.who_user")], ["new", t("try.who_new")], ["wish", t("try.who_wish")]], on: (value) => this.become(/** @type {any} */ (value)) }),
            this.who),
          card({ title: t("try.moment") }, moment(this))),
        h("div", { class: "stack" }, this.state_, this.stage)));
    this.drawWho();
    this.drawPast();
  }

  drawWho() {
    const { state } = this;
    const find = state.who === "user" ? userBox(this) : state.who === "new" ? itemBox(this) : wishBox(this);
    fill(this.who, find, this.past,
      state.who === "user" && may("ingest") ? toggle(t("try.live"), state.live, (on) => this.change({ live: on, past: [], without: [] }), t(state.live ? "try.live_on" : "try.live_off")) : null);
  }

  async drawPast() {
    const { state } = this;
    const played = state.past.map((deed, place) => this.deed(deed.item, deed.kind, true, () => this.change({ past: state.past.filter((_, other) => other !== place) }))).reverse();
    if (state.who !== "user" || !state.user) { fill(this.past, this.list(played, t("try.past_empty"))); return; }
    try {
      const key = state.live ? "" : state.user;
      if (!key || this.stored.key !== key) this.stored = { key, events: (await get(`/v1/users/${part(state.user)}/history`, { n: PAST_SHOWN }, this.view.signal)).events };
      const { events } = this.stored;
      for (const event of events) titles.set(event.item, named(event));
      const stored = events.filter((/** @type {any} */ event) => event.item).map((/** @type {any} */ event) => this.deed(event.item, event.kind, false,
        state.live ? null : () => this.change({ without: state.without.includes(event.item) ? state.without.filter((id) => id !== event.item) : [...state.without, event.item] })));
      fill(this.past, this.list([...played, ...stored], t("try.past_stranger")));
    } catch (error) { fail(error); }
  }

  /** @param {any[]} deeds @param {string} otherwise */
  list(deeds, otherwise) {
    return deeds.length ? [h("h3", null, t("try.past")), h("ul", { class: "deeds" }, deeds)] : h("p", { class: "hint" }, otherwise);
  }

  /** @param {string} item @param {string} kind @param {boolean} played @param {(() => void) | null} drop */
  deed(item, kind, played, drop) {
    const out = !played && this.state.without.includes(item);
    const title = titles.get(item) ?? item;
    if (!titles.has(item)) get(`/v1/items/${part(item)}`, {}, this.view.signal).then((found) => { titles.set(item, named(found)); words.textContent = named(found); }, () => {});
    const words = h("span", { class: "deed-title" }, title);
    return h("li", { class: ["deed", played ? "played" : "", out ? "out" : ""] }, h("span", { class: "deed-kind soft" }, say("kind", kind)), words,
      drop ? h("button", { type: "button", class: "icon-button", "aria-label": t(out ? "try.back_in" : "try.take_out", { title }), title: t(out ? "try.back_in" : "try.take_out", { title }), on: { click: drop } }, icon(out ? "undo" : "close", 15)) : null);
  }

  /** @param {State["who"]} who */
  become(who) {
    before.push(structuredClone(this.state));
    Object.assign(this.state, { who, past: [], without: [], live: false });
    this.view.set(written(this.state), { push: true });
    this.draw();
    if (who === "user" && !this.state.user) someone(this.state, this.view).then(() => { this.draw(); this.ask(true); }, fail);
    else this.ask(true);
  }

  dice() {
    const choose = () => { if (users.length) this.change({ user: users[Math.floor(Math.random() * users.length)], past: [], without: [] }); };
    if (users.length || !may("admin")) choose();
    else get("/v1/users", { limit: 300 }).then((found) => { users = found.users.map((/** @type {any} */ user) => user.id); choose(); }, fail);
  }

  /** Another state, with a step back. @param {Partial<State>} change */
  change(change) {
    before.push(structuredClone(this.state));
    if (before.length > 100) before.shift();
    const another = "user" in change && change.user !== this.state.user;
    Object.assign(this.state, change);
    if (this.userInput && change.user) this.userInput.value = change.user;
    if ("live" in change) { this.drawWho(); this.who.querySelector(".toggle input")?.focus(); }
    return this.changed(another);
  }

  /** @param {boolean} another whether this is a list for somebody else */
  changed(another) {
    this.view.set(written(this.state), { push: true });
    this.drawPast();
    return this.ask(another);
  }

  undo() {
    const last = before.pop();
    if (!last) return toast(t(this.state.live ? "try.undo_live" : "try.undo_none"));
    this.state = last;
    this.view.set(written(last), { push: true });
    this.draw();
    return this.ask(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const writing = event.target instanceof HTMLElement && event.target.matches("input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select");
    if (composing(event) || writing || document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); this.undo(); }
  }

  /** Somebody acts on a line: the event is played or written, and the list is asked for again. @param {any} line @param {string} kind */
  async act(line, kind) {
    performance.mark("zhiyin.act");
    titles.set(line.id, named(line));
    if (!this.state.live) return this.change({ past: [...this.state.past, { item: line.id, kind }] });
    try {
      const slate_id = this.answer?.meta.slate_id ?? "";
      const shown = slate_id && slate_id !== this.impressed ? this.answer.items.map((/** @type {any} */ one) => ({ user: this.state.user, item: one.id, kind: "impression", slate_id, event_id: `${slate_id}.${one.rank}` })) : [];
      await post("/v1/events", [...shown, { user: this.state.user, item: line.id, kind, slate_id, event_id: crypto.randomUUID?.() ?? `${slate_id}.${Date.now()}` }]);
      this.impressed = slate_id;
      before = [];
      await this.changed(false);
    } catch (error) { fail(error); }
  }

  /** Asks for the list and shows it. @param {boolean} first it is the first for this person: nothing has moved */
  async ask(first) {
    this.stop.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.stage.setAttribute("aria-busy", "true");
    try {
      const answer = await post("/v1/recommend", question(this.state), signal);
      this.show(answer, first || !this.answer);
    } catch (error) {
      if (signal.aborted) return;
      const said = failure(error);
      fill(this.stage, empty("try", said.text, said.detail, button(t("try.again"), { on: () => this.ask(true) })));
      this.answer = null;
    } finally {
      if (!signal.aborted) this.stage.removeAttribute("aria-busy");
    }
  }

  /** @param {any} answer @param {boolean} first */
  show(answer, first) {
    this.answer = answer;
    if (!answer.items.length) { fill(this.stage, empty("try", t("try.empty"), t("try.empty_about"))); this.answer = null; }
    else if (this.ranking.list.parentElement !== this.stage) fill(this.stage, this.ranking.list);
    const moved = this.ranking.show(answer.items, first);
    this.undoButton.disabled = !before.length;
    const whole = Object.values(answer.meta.timings_ms).reduce((sum, ms) => sum + Number(ms), 0);
    fill(this.state_,
      chip(t(this.state.live ? "try.written" : "try.played"), this.state.live ? "warn" : "accent"),
      first ? null : chip(t("try.moves", { up: moved.up, down: moved.down, fresh: moved.fresh })),
      chip(t("try.took", { ms: millis(whole) }), "", Object.entries(answer.meta.timings_ms).map(([name, ms]) => `${say("stage", name)} ${millis(Number(ms))}`).join("\n")),
      answer.meta.understood?.sentence ? h("p", { class: "understood" }, answer.meta.understood.sentence) : null,
      answer.meta.degraded.map((/** @type {string} */ name) => chip(t("try.without_part", { name }), "warn")),
      answer.meta.warnings.map((/** @type {string} */ text) => chip(text, "warn")));
    if (!first) announce(t("try.announce", { up: moved.up, down: moved.down, fresh: moved.fresh, title: answer.items[0] ? named(answer.items[0]) : "" }));
    performance.mark("zhiyin.listed");
    if (performance.getEntriesByName("zhiyin.act").length) { performance.measure("zhiyin.rerank", "zhiyin.act", "zhiyin.listed"); performance.clearMarks("zhiyin.act"); }
  }

  /** The decision from inside; a played one is kept for that. */
  async look() {
    try {
      const slate = this.answer?.meta.slate_id || (await kept(this.state));
      go(to("why", { slate }));
    } catch (error) { fail(error); }
  }
}
