// Elements without markup: whatever comes from data is text, and stays text.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["svg", "g", "path", "rect", "circle", "line", "polyline", "polygon", "text", "title", "desc"]);
const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "indeterminate", "open", "hidden", "multiple"]);

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. `props`: `class`, `on` {event: function}, `data` {name: text}, `style` {property: value}, `ref`
 * (called with the element), properties such as `value`, and attributes. Children are nodes or texts, lists too.
 * @param {string} tag @param {Record<string, any> | null} [props] @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const element = SHAPES.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) put(element, name, value);
  add(element, children);
  return element;
}

function put(element, name, value) {
  if (value === null || value === undefined || value === false && !AS_PROPERTY.has(name)) return;
  if (name === "class") element.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
  else if (name === "on") for (const [event, fn] of Object.entries(value)) element.addEventListener(event, fn);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, String(text));
  else if (name === "ref") value(element);
  else if (AS_PROPERTY.has(name)) element[name] = value;
  else if (/^on|^srcdoc$|^style$/i.test(name)) throw new TypeError(`dom: ${name} is not set from here`);
  else if (name === "href" || name === "src") element.setAttribute(name, address(value));
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Only addresses that lead to pages: never a script. @param {unknown} value */
function address(value) {
  const text = String(value);
  return /^(https?:|blob:|data:image\/|[/#?.])/i.test(text) ? text : "#";
}

/** @param {Element} parent @param {any} children */
export function add(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return parent;
}

/** Other children instead of those that are there. @param {Element} parent @param {...any} children */
export function fill(parent, ...children) {
  parent.replaceChildren();
  return add(parent, children);
}

/** Text that can neither turn its line around nor hide: control and direction marks are taken out. @param {unknown} value */
export function plain(value) {
  return String(value).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "");
}

/** A title, or the id where there is none. @param {{title?: string, id?: string, item?: string}} thing */
export function named(thing) {
  const title = plain(thing.title ?? "").trim();
  return title || plain(thing.id ?? thing.item ?? "");
}

/** Runs `fn` once the caller has been quiet for `ms`. @template {any[]} A @param {(...args: A) => void} fn @param {number} ms */
export function quiet(fn, ms) {
  let timer = 0;
  return (/** @type {A} */ ...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => fn(...args), ms);
  };
}

/** Whether a key press belongs to an input method that is composing. @param {KeyboardEvent} event */
export function composing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Whether movement should be spared. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
