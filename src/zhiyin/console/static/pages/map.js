// All items in two dimensions: what is alike lies together. Colours, search, a lasso, and one user drawn on top.

import { get, may, part, post } from "../api.js";
import { combobox } from "../combobox.js";
import { fill, h, named, plain, quiet } from "../dom.js";
import { number, t } from "../i18n.js";
import { button, card, chip, choice, empty, field, heading, segmented, waiting } from "../parts.js";
import { to } from "../router.js";
import { table } from "../table.js";
import { announce, fail } from "../toast.js";
import { work } from "../work.js";
import { Canvas, inside, pixel } from "./map_canvas.js";
import { byCategory, byRank, dark, OTHER } from "./map_colours.js";

/** @typedef {import("../pages.js").View} View */

const PAGE = 20_000;

/** Fetches the whole map, page by page. @param {string} attribute @param {AbortSignal} signal @param {(done: number, of: number) => void} told */
async function fetched(attribute, signal, told) {
  /** @type {any} */
  let all = null;
  let after = 0;
  do {
    const found = await get("/v1/map", { after, limit: PAGE, attribute }, signal);
    if (!all) all = found;
    else for (const name of ["ids", "titles", "x", "y", "category", "popularity", "listed", "shown"]) all[name] = all[name].concat(found[name]);
    after = found.next;
    told(all.ids.length, found.total);
  } while (after);
  return all;
}

const COLOURS = ["category", "popularity", "listed", "shown"];

class MapPage {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const { query } = view;
    this.state = { as: query.as === "list" ? "list" : "map", colour: COLOURS.includes(query.colour ?? "") ? query.colour : "category", attribute: query.attribute ?? "", q: query.q ?? "", only: query.only ?? "", user: query.user ?? "", at: query.at ?? "", lasso: query.lasso ?? "" };
    /** @type {number[]} */
    this.chosen = [];
    this.later = quiet(() => this.filter(), 120);
    this.keepView = quiet(() => this.keep(), 300);
  }

  async draw() {
    const { root, signal } = this.view;
    const progress = h("p", { class: "soft", role: "status" });
    fill(root, heading(t("nav.map"), t("map.about")), card({ label: t("nav.map") }, waiting(6), progress));
    const attribute = this.state.attribute;
    const all = await fetched(attribute, signal, (done, of) => { progress.textContent = t("map.loading", { done: number(done), of: number(of) }); });
    if (!all.drawn || !all.ids.length) { this.none(all); return; }
    if (!all.attribute && !this.view.query.colour) this.state.colour = "popularity";
    this.all = all;
    this.low = all.titles.map((/** @type {string} */ title, /** @type {number} */ i) => `${title}\n${all.ids[i]}`.normalize("NFKC").toLowerCase());
    this.points = { x: Int32Array.from(all.x), y: Int32Array.from(all.y), colour: new Uint32Array(all.ids.length), seen: new Uint8Array(all.ids.length), n: all.ids.length };
    this.layout();
    this.paint();
    this.filter();
    if (this.state.user) this.person(this.state.user);
  }

  /** @param {any} all */
  none(all) {
    const { root, signal } = this.view;
    const progress = h("div");
    const act = may("admin") && all.version ? button(t("map.draw"), { kind: "primary", icon: "map", on: async () => { if (await work(progress, { kind: "map" }, signal)) this.draw().catch(fail); } }) : null;
    fill(root, heading(t("nav.map"), t("map.about")), card({ label: t("nav.map") }, all.version ? empty("map", t("map.none"), t("map.none_about", { n: number(all.total) }), act) : empty("map", t("map.no_artefact"), t("map.no_artefact_about")), progress));
  }

  layout() {
    const { root } = this.view, { state, all } = this;
    this.tip = h("div", { class: "map-tip", hidden: true, "aria-hidden": "true" });
    this.legend = h("div", { class: "map-legend" });
    this.count = h("p", { class: "soft", role: "status" });
    this.rows = h("div");
    this.canvas = new Canvas({
      label: t("map.label", { n: number(all.ids.length) }), hint: t("map.hint"),
      hover: (item, x, y) => this.hover(item, x, y), pick: (item) => this.pick([item]), moved: () => this.keepView(),
      lasso: (corners) => { this.state.lasso = thinned(corners).map((corner) => corner.map(Math.round).join(",")).join(";"); this.keep(); this.filter(); },
    });
    this.view.signal.addEventListener("abort", () => this.canvas.watch.disconnect());
    const [x, y, zoom] = state.at.split(",").map(Number);
    if (zoom > 0 && Number.isFinite(x + y + zoom)) this.canvas.view = { x, y, zoom };
    this.canvas.signs = [];
    this.canvas.points = this.points;
    this.lassoButton = button(t("map.lasso"), { kind: "small", pressed: false, title: t("map.lasso_hint"), on: () => { this.canvas.lassoing = !this.canvas.lassoing; this.lassoButton.setAttribute("aria-pressed", String(this.canvas.lassoing)); } });
    this.clearButton = button(t("map.clear"), { kind: "small quiet", on: () => { this.state.lasso = ""; this.chosen = []; this.keep(); this.filter(); } });
    const picture = h("div", { class: "map-picture" }, this.canvas.root, this.tip,
      h("div", { class: "map-tools" }, this.lassoButton, this.clearButton,
        button("+", { kind: "small", label: t("map.closer"), on: () => this.canvas.zoom(1.5) }), button("−", { kind: "small", label: t("map.farther"), on: () => this.canvas.zoom(1 / 1.5) }), button(t("map.all"), { kind: "small", on: () => this.canvas.fit() })));
    this.picture = card({ label: t("nav.map"), class: "map-card" }, picture);
    const progress = h("div");
    fill(root,
      heading(t("nav.map"), t("map.about"),
        segmented(t("map.as"), { value: state.as, options: [["map", t("nav.map")], ["list", t("map.list")]], on: (value) => { state.as = value; this.keep(); this.filter(); } })),
      h("div", { class: "side-by-side" },
        h("div", { class: "stack" },
          card({ label: t("map.filters") },
            field(t("map.search"), { kind: "search", value: state.q, placeholder: t("map.search_hint"), on: (value) => { state.q = value; this.later(); this.keepView(); } }),
            choice(t("map.colour"), { value: state.colour, options: COLOURS.map((name) => [name, t(`map.by_${name}`)]), on: (value) => { state.colour = value; state.only = ""; this.keep(); this.paint(); this.filter(); } }),
            all.attributes.length > 1 ? choice(t("map.attribute"), { value: all.attribute, options: all.attributes.map((/** @type {string} */ name) => [name, name]), on: (value) => { state.attribute = value; state.only = ""; this.keep(); this.draw().catch(fail); } }) : null,
            this.legend),
          card({ title: t("map.person") }, this.personBox(), this.personSaid = h("div", { class: "stack small" })),
          card({ title: t("map.how") }, h("p", { class: "soft" }, t(all.by === "behaviour" ? "map.by_behaviour_about" : "map.by_text_about", { lists: number(all.lists) })),
            may("admin") ? button(t("map.again"), { kind: "small", on: async () => { if (await work(progress, { kind: "map" }, this.view.signal)) this.draw().catch(fail); } }) : null, progress)),
        h("div", { class: "stack" }, this.picture, this.count, this.rows)));
  }

  personBox() {
    return combobox(t("map.user"), {
      placeholder: t("map.user_hint"), value: this.state.user, free: true, keep: true, atOnce: true,
      find: async (words, signal) => (may("admin") ? (await get("/v1/users", { prefix: words, limit: 8 }, signal)).users.map((/** @type {any} */ user) => ({ id: user.id, label: user.id })) : []),
      take: (option) => { this.state.user = option.id; this.keep(); this.person(option.id); },
    });
  }

  /** One user's past and list on the map, or in their place why not. @param {string} user */
  person(user) {
    return this.place(user).catch((error) => {
      this.canvas.signs = [];
      this.canvas.ask();
      fill(this.personSaid);
      fail(error);
    });
  }

  /** The past as rings, the list as numbered diamonds. @param {string} user */
  async place(user) {
    const places = new Map(this.all.ids.map((/** @type {string} */ id, /** @type {number} */ i) => [id, i]));
    const { signal } = this.view;
    const [past, list] = await Promise.all([get(`/v1/users/${part(user)}/history`, { n: 60 }, signal), post("/v1/recommend", { user, n: 10, dry_run: true, reasons: false }, signal)]);
    const at = (/** @type {string} */ id) => { const i = places.get(id); return i === undefined || this.points.x[i] < 0 ? -1 : i; };
    const been = past.events.map((/** @type {any} */ event) => at(event.item)).filter((/** @type {number} */ i) => i >= 0);
    const shown = list.items.map((/** @type {any} */ line) => ({ line, i: at(line.id) }));
    this.canvas.signs = [
      ...been.map((/** @type {number} */ i) => ({ x: this.points.x[i], y: this.points.y[i], text: "", kind: "past" })),
      ...shown.filter(({ i }) => i >= 0).map(({ line, i }) => ({ x: this.points.x[i], y: this.points.y[i], text: String(line.rank), kind: "list" })).reverse(),
    ];
    fill(this.personSaid,
      h("p", { class: "row" }, chip(t("map.past", { n: past.events.length })), chip(t("map.shown_now", { n: list.items.length }), "accent"),
        button(t("map.go_there"), { kind: "small quiet", on: () => this.canvas.lookAt([...been, ...shown.map(({ i }) => i).filter((i) => i >= 0)]) }),
        button(t("map.nobody"), { kind: "small quiet", on: () => { this.state.user = ""; this.keep(); this.canvas.signs = []; this.canvas.ask(); fill(this.personSaid); } })),
      h("ol", { class: "map-list" }, shown.map(({ line, i }) => h("li", null, h("button", { type: "button", class: "text-button", disabled: i < 0, on: { click: () => this.pick([i], true) } }, named(line))))));
    announce(t("map.shown_now", { n: list.items.length }));
    this.canvas.ask();
  }

  /** Colours by what is chosen, and the legend that says so. */
  paint() {
    const { all, points, state } = this;
    const made = state.colour === "category" ? byCategory(all, dark()) : byRank(all[state.colour], dark());
    for (let i = 0; i < points.n; i++) points.colour[i] = made.pixels[made.of[i]];
    this.groups = made.of;
    fill(this.legend, h("h3", null, state.colour === "category" ? all.attribute || t("map.no_category") : t(`map.by_${state.colour}`)),
      h("ul", { class: "map-keys" }, made.keys.map((key) => h("li", null, h("button", {
        type: "button", class: "map-key", "aria-pressed": String(state.only === key.name), on: { click: () => { state.only = state.only === key.name ? "" : key.name; this.keep(); this.paint(); this.filter(); } },
      }, h("span", { class: "map-dot", style: { background: key.colour } }), h("span", null, key.other ? t("map.other") : key.name), h("span", { class: "soft" }, number(key.items)))))));
    this.keys = made.keys;
    this.canvas.ask();
  }

  /** What is seen, and the rows beside it. */
  filter() {
    const { state, points, low } = this;
    const words = state.q.normalize("NFKC").toLowerCase().trim().split(/\s+/).filter(Boolean);
    const group = state.only ? this.keys.find((key) => key.name === state.only)?.group ?? -2 : null;
    const corners = /** @type {[number, number][]} */ (state.lasso ? state.lasso.split(";").map((corner) => corner.split(",").map(Number)) : []);
    this.canvas.corners = corners;
    const found = [];
    for (let i = 0; i < points.n; i++) {
      const fits = (group === null || this.groups[i] === group) && words.every((word) => low[i].includes(word));
      const within = corners.length > 2 ? points.x[i] >= 0 && inside(points.x[i], points.y[i], corners) : true;
      points.seen[i] = !fits ? 1 : words.length || (corners.length > 2 && within) ? (within ? 3 : 1) : 2;
      if (fits && within) found.push(i);
    }
    for (let i = 0; i < points.n; i++) if (points.seen[i] === 1) points.colour[i] = this.faint; else if (this.groups) points.colour[i] = this.inkOf(i);
    const shown = this.chosen.length ? this.chosen : found;
    this.clearButton.hidden = !corners.length && !this.chosen.length;
    const narrowed = words.length || group !== null || corners.length > 2 || this.chosen.length;
    const asList = state.as === "list";
    this.picture.hidden = asList;
    this.count.textContent = t("map.count", { n: number(shown.length), of: number(points.n) });
    fill(this.rows, asList || narrowed ? this.rowsOf(shown) : null);
    this.canvas.show(points);
  }

  get faint() { return pixel(dark() ? "#2b2f34" : "#dcdcd6"); }

  /** @param {number} i */
  inkOf(i) { const key = this.keys.find((one) => one.group === this.groups[i]); return pixel(key ? key.colour : OTHER[dark() ? "dark" : "light"]); }

  /** @param {number[]} items */
  rowsOf(items) {
    const { all } = this;
    const category = (/** @type {number} */ i) => all.categories[all.category[i]]?.name ?? "";
    return card({ title: t("map.items") }, table({
      caption: t("map.items"), file: "map", sort: "popularity", descending: true, limit: 200, rows: items.map((i) => ({ i, id: all.ids[i] })),
      columns: [
        { name: "title", label: t("map.title"), value: ({ i }) => plain(all.titles[i]), shown: ({ i }) => h("a", { href: to("items", { id: all.ids[i] }) }, named({ title: all.titles[i], id: all.ids[i] })) },
        { name: "id", label: "id" },
        { name: "category", label: all.attribute || t("map.category"), value: ({ i }) => category(i) },
        { name: "popularity", label: t("map.popularity"), numeric: true, value: ({ i }) => all.popularity[i], shown: ({ i }) => number(all.popularity[i], 2) },
        { name: "listed", label: t("map.listed"), numeric: true, value: ({ i }) => all.listed[i] },
        { name: "shown", label: t("map.shown"), numeric: true, value: ({ i }) => all.shown[i] },
        { name: "x", label: "x", numeric: true, value: ({ i }) => all.x[i] },
        { name: "y", label: "y", numeric: true, value: ({ i }) => all.y[i] },
      ],
    }));
  }

  /** @param {number[]} items @param {boolean} [look] */
  pick(items, look = false) {
    this.chosen = items;
    this.filter();
    this.canvas.signs = [...this.canvas.signs.filter((sign) => sign.text !== "●"), ...items.map((i) => ({ x: this.points.x[i], y: this.points.y[i], text: "●", kind: /** @type {"past"} */ ("past") }))];
    if (look) this.canvas.lookAt(items);
    announce(items.map((i) => plain(this.all.titles[i])).join(", "));
  }

  /** @param {number} item @param {number} x @param {number} y */
  hover(item, x, y) {
    this.tip.hidden = item < 0;
    if (item < 0) return;
    fill(this.tip, h("strong", null, named({ title: this.all.titles[item], id: this.all.ids[item] })), h("span", { class: "soft" }, [this.all.categories[this.all.category[item]]?.name, t("map.tip", { listed: number(this.all.listed[item]), lists: number(this.all.lists) })].filter(Boolean).join(" · ")));
    const box = this.canvas.root.getBoundingClientRect();
    this.tip.style.setProperty("left", `${Math.min(x + 14, box.width - 230)}px`);
    this.tip.style.setProperty("top", `${Math.min(y + 14, box.height - 70)}px`);
  }

  /** The state into the address. */
  keep() {
    const { state, canvas } = this;
    const { x, y, zoom } = canvas.view;
    const at = zoom === 1 && x === 32767.5 ? "" : [Math.round(x), Math.round(y), zoom.toFixed(2)].join(",");
    this.view.set({ as: state.as === "list" ? "list" : "", colour: state.colour === "category" ? "" : state.colour, attribute: state.attribute, q: state.q, only: state.only, user: state.user, lasso: state.lasso, at });
  }
}

/** At most two dozen corners. @param {[number, number][]} corners */
function thinned(corners) {
  const every = Math.ceil(corners.length / 24);
  return corners.filter((_, place) => place % every === 0);
}

/** For measuring: the canvas that is on the page. @type {{canvas: Canvas | null}} */
export const measured = { canvas: null };

export const page = {
  /** @param {View} view */
  async render(view) {
    const shown = new MapPage(view);
    await shown.draw();
    measured.canvas = shown.canvas ?? null;
  },
};
