// The canvas of the map: a hundred thousand points written as pixels, so that panning stays smooth without a GPU.

import { h } from "../dom.js";

/** @typedef {{x: Int32Array, y: Int32Array, colour: Uint32Array, seen: Uint8Array, n: number}} Points `seen`: 0 hidden, 1 faint, 2 plain, 3 marked */
/** @typedef {{x: number, y: number, text: string, kind: "past" | "list"}} Sign */

export const SIDE = 65535;
const CELLS = 128;
const MOST_ZOOM = 220;

/** A colour as the pixels of a canvas hold it. @param {string} hex @param {number} [opacity] */
export function pixel(hex, opacity = 1) {
  const value = parseInt(hex.slice(1), 16);
  return ((Math.round(opacity * 255) << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

export class Canvas {
  /** @param {{label: string, hint: string, hover: (item: number, x: number, y: number) => void, pick: (item: number) => void, lasso: (corners: [number, number][]) => void, moved: () => void}} how */
  constructor(how) {
    this.how = how;
    /** @type {Points} */
    this.points = { x: new Int32Array(0), y: new Int32Array(0), colour: new Uint32Array(0), seen: new Uint8Array(0), n: 0 };
    /** @type {Sign[]} */
    this.signs = [];
    /** @type {[number, number][]} */
    this.corners = [];
    this.lassoing = false;
    this.view = { x: SIDE / 2, y: SIDE / 2, zoom: 1 };
    /** How many points there are of each kind. */
    this.kinds = [0, 0, 0, 0];
    this.frames = 0;
    this.asked = 0;
    this.element = h("canvas", { class: "map-canvas", tabindex: "0", role: "application", "aria-label": how.label, "aria-roledescription": how.hint });
    this.context = this.element.getContext("2d", { alpha: true });
    this.signsUp = h("canvas", { class: "map-signs", "aria-hidden": "true" });
    this.above = this.signsUp.getContext("2d");
    this.root = h("div", { class: "map-stage" }, this.element, this.signsUp);
    this.listen();
  }

  /** @param {Points} points */
  show(points) {
    this.points = points;
    this.kinds = [0, 0, 0, 0];
    for (let i = 0; i < points.n; i++) this.kinds[points.seen[i]]++;
    this.index();
    this.ask();
  }

  /** Draws soon: many wishes are one picture. */
  ask() {
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }

  fit() { this.view = { x: SIDE / 2, y: SIDE / 2, zoom: 1 }; this.how.moved(); this.ask(); }

  /** Looks at a place so that all of it is seen. @param {number[]} items */
  lookAt(items) {
    const xs = items.map((i) => this.points.x[i]).filter((x) => x >= 0), ys = items.map((i) => this.points.y[i]).filter((y) => y >= 0);
    if (!xs.length) return;
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const span = Math.max(right - left, bottom - top, SIDE / 60) * 1.5;
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.min(MOST_ZOOM, Math.max(1, SIDE / span)) };
    this.how.moved();
    this.ask();
  }

  /** Pixels per unit of the plane. */
  get scale() { return (Math.min(this.width, this.height) * 0.94 * this.view.zoom) / SIDE; }

  /** @param {number} x @param {number} y the place on the plane of a place on the canvas, in CSS pixels */
  toPlane(x, y) {
    const k = this.scale / this.ratio;
    return [(x - this.width / this.ratio / 2) / k + this.view.x, (y - this.height / this.ratio / 2) / k + this.view.y];
  }

  size() {
    const box = this.root.getBoundingClientRect();
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.width = Math.max(1, Math.round(box.width * this.ratio));
    this.height = Math.max(1, Math.round(box.height * this.ratio));
    for (const canvas of [this.element, this.signsUp]) { canvas.width = this.width; canvas.height = this.height; }
    this.image = this.context.createImageData(this.width, this.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.ask();
  }

  /** Radius of a dot: larger with the zoom, and where there are few. */
  get radius() {
    const few = this.points.n < 3000 ? 1.6 : this.points.n < 20000 ? 0.6 : 0;
    return Math.min(7, Math.round((0.6 + few + Math.log2(this.view.zoom) * 0.55) * this.ratio));
  }

  draw() {
    if (!this.pixels || this.width < 2) return;
    this.pixels.fill(0);
    this.plot(1, this.radius);
    this.plot(2, this.radius);
    this.plot(3, this.radius + Math.round(this.ratio));
    this.context.putImageData(this.image, 0, 0);
    this.drawSigns();
    this.frames += 1;
  }

  /** Writes the dots of one kind. @param {number} kind @param {number} radius */
  plot(kind, radius) {
    if (!this.kinds[kind]) return;
    const { x, y, colour, seen, n } = this.points;
    const { width, height, pixels } = this;
    const k = this.scale, left = width / 2 - this.view.x * k, top = height / 2 - this.view.y * k;
    const right = width - radius, bottom = height - radius;
    const stamp = stampOf(radius), offsets = new Int32Array(stamp.length / 2);
    for (let s = 0; s < offsets.length; s++) offsets[s] = stamp[2 * s + 1] * width + stamp[2 * s];
    const m = offsets.length;
    for (let i = 0; i < n; i++) {
      if (seen[i] !== kind) continue;
      const px = (left + x[i] * k) | 0;
      if (px < radius || px >= right || x[i] < 0) continue;
      const py = (top + y[i] * k) | 0;
      if (py < radius || py >= bottom) continue;
      const at = py * width + px, ink = colour[i];
      for (let s = 0; s < m; s++) pixels[at + offsets[s]] = ink;
    }
  }

  drawSigns() {
    const { above, ratio } = this, k = this.scale;
    const left = this.width / 2 - this.view.x * k, top = this.height / 2 - this.view.y * k;
    const style = getComputedStyle(this.root);
    above.clearRect(0, 0, this.width, this.height);
    above.font = `600 ${11 * ratio}px ${style.fontFamily}`;
    above.textBaseline = "middle";
    for (const sign of this.signs) {
      const px = left + sign.x * k, py = top + sign.y * k, r = 7 * ratio;
      if (px < -99 || py < -99 || px > this.width + 99 || py > this.height + 99) continue;
      above.lineWidth = 2 * ratio;
      above.strokeStyle = style.getPropertyValue("--ink");
      above.fillStyle = style.getPropertyValue(sign.kind === "list" ? "--accent" : "--card");
      above.beginPath();
      if (sign.kind === "past") above.arc(px, py, r * 0.8, 0, 7);
      else { above.moveTo(px, py - r * 1.25); above.lineTo(px + r * 1.25, py); above.lineTo(px, py + r * 1.25); above.lineTo(px - r * 1.25, py); above.closePath(); }
      above.fill();
      above.stroke();
      if (sign.kind === "list") { above.fillStyle = style.getPropertyValue("--accent-ink"); above.textAlign = "center"; above.fillText(sign.text, px, py + ratio); }
    }
    if (this.corners.length > 1) {
      above.beginPath();
      this.corners.forEach(([x, y], place) => above[place ? "lineTo" : "moveTo"](left + x * k, top + y * k));
      above.closePath();
      above.strokeStyle = style.getPropertyValue("--accent");
      above.setLineDash([6 * ratio, 4 * ratio]);
      above.lineWidth = 2 * ratio;
      above.stroke();
      above.setLineDash([]);
    }
  }

  /** Which items lie in which cell, for finding the nearest. */
  index() {
    const { x, y, n } = this.points;
    const start = new Int32Array(CELLS * CELLS + 1), cell = new Int32Array(n);
    for (let i = 0; i < n; i++) { cell[i] = x[i] < 0 ? -1 : ((y[i] * CELLS) >> 16) * CELLS + ((x[i] * CELLS) >> 16); if (cell[i] >= 0) start[cell[i] + 1]++; }
    for (let c = 0; c < CELLS * CELLS; c++) start[c + 1] += start[c];
    const fillAt = start.slice(), order = new Int32Array(n);
    for (let i = 0; i < n; i++) if (cell[i] >= 0) order[fillAt[cell[i]]++] = i;
    this.cells = { start, order };
  }

  /** The item nearest to a place on the canvas, within a few pixels; -1 = none. @param {number} x @param {number} y */
  nearest(x, y) {
    const [px, py] = this.toPlane(x, y);
    const reach = 12 / (this.scale / this.ratio);
    const low = (/** @type {number} */ v) => Math.max(0, ((v - reach) * CELLS) >> 16), high = (/** @type {number} */ v) => Math.min(CELLS - 1, ((v + reach) * CELLS) >> 16);
    let best = -1, least = reach * reach;
    for (let row = low(py); row <= high(py); row++) for (let column = low(px); column <= high(px); column++) {
      const cell = row * CELLS + column;
      for (let o = this.cells.start[cell]; o < this.cells.start[cell + 1]; o++) {
        const i = this.cells.order[o];
        if (this.points.seen[i] < 2) continue;
        const far = (this.points.x[i] - px) ** 2 + (this.points.y[i] - py) ** 2;
        if (far < least) { least = far; best = i; }
      }
    }
    return best;
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  zoom(factor, x = this.width / this.ratio / 2, y = this.height / this.ratio / 2) {
    const [px, py] = this.toPlane(x, y);
    this.view.zoom = Math.min(MOST_ZOOM, Math.max(0.6, this.view.zoom * factor));
    const [qx, qy] = this.toPlane(x, y);
    this.view.x += px - qx;
    this.view.y += py - qy;
    this.how.moved();
    this.ask();
  }

  /** @param {number} x @param {number} y in CSS pixels */
  pan(x, y) {
    const k = this.scale / this.ratio;
    this.view.x = Math.min(SIDE * 1.2, Math.max(-SIDE * 0.2, this.view.x - x / k));
    this.view.y = Math.min(SIDE * 1.2, Math.max(-SIDE * 0.2, this.view.y - y / k));
    this.ask();
  }

  listen() {
    const { element } = this;
    /** @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();
    let travelled = 0;
    const place = (/** @type {PointerEvent | WheelEvent} */ event) => { const box = element.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
    element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      fingers.set(event.pointerId, place(event));
      try { element.setPointerCapture(event.pointerId); } catch { /* a pointer that a test has made */ }
      travelled = 0;
      if (this.lassoing || event.shiftKey) { this.drawing = true; this.corners = [/** @type {[number, number]} */ (this.toPlane(place(event).x, place(event).y))]; }
    });
    element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const now = place(event), before = fingers.get(event.pointerId);
      if (!before) { this.how.hover(this.nearest(now.x, now.y), now.x, now.y); return; }
      travelled += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (this.drawing) { if (travelled > 6) { travelled = 0; this.corners.push(/** @type {[number, number]} */ (this.toPlane(now.x, now.y))); this.ask(); } }
      else if (fingers.size === 1) this.pan(now.x - before.x, now.y - before.y);
      else {
        const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
        if (other) this.zoom(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(8, Math.hypot(before.x - other.x, before.y - other.y)), (now.x + other.x) / 2, (now.y + other.y) / 2);
      }
      fingers.set(event.pointerId, now);
    });
    const up = (/** @type {PointerEvent} */ event) => {
      const at = fingers.get(event.pointerId);
      if (!fingers.delete(event.pointerId)) return;
      if (this.drawing) { this.drawing = false; if (this.corners.length > 2) this.how.lasso(this.corners); else { this.corners = []; this.ask(); } return; }
      if (at && travelled < 4 && event.type === "pointerup") { const item = this.nearest(at.x, at.y); if (item >= 0) this.how.pick(item); }
      this.how.moved();
    };
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("pointerleave", () => this.how.hover(-1, 0, 0));
    element.addEventListener("wheel", (/** @type {WheelEvent} */ event) => { event.preventDefault(); const { x, y } = place(event); this.zoom(Math.exp(-event.deltaY * 0.0016), x, y); }, { passive: false });
    element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = event.shiftKey ? 160 : 50;
      const does = { ArrowLeft: () => this.pan(step, 0), ArrowRight: () => this.pan(-step, 0), ArrowUp: () => this.pan(0, step), ArrowDown: () => this.pan(0, -step), "+": () => this.zoom(1.3), "=": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), 0: () => this.fit() }[event.key];
      if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      does();
      this.how.moved();
    });
    this.watch = new ResizeObserver(() => this.size());
    this.watch.observe(this.root);
  }
}

/** Offsets of the pixels of a round dot. @type {Map<number, Int16Array>} */
const stamps = new Map();
/** @param {number} radius */
function stampOf(radius) {
  const known = stamps.get(radius);
  if (known) return known;
  const found = [];
  const reach = radius + 0.35;
  for (let dy = -radius; dy <= radius; dy++) for (let dx = -radius; dx <= radius; dx++) if (dx * dx + dy * dy <= reach * reach) found.push(dx, dy);
  if (radius < 1) found.push(...(found.length ? [] : [0, 0]));
  const made = Int16Array.from(found);
  stamps.set(radius, made);
  return made;
}

/** Whether a place lies inside of a polygon. @param {number} x @param {number} y @param {[number, number][]} corners */
export function inside(x, y, corners) {
  let odd = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [xi, yi] = corners[i], [xj, yj] = corners[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}
