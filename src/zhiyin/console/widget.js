// Recommendations on your own site, in one script tag. No cookie, no framework, text stays text.
//
//   <script src="https://rec.example/widget.js" data-key="zy_live_…" data-link="/item/{id}" async></script>
//
// data-key      a key that has the scope `widget` and no other (required)
// data-link     address of an item; {id} is filled in, percent-encoded (required for links)
// data-image    address of its picture, likewise
// data-n        how many, 1 to 24 (6)          data-title    heading above the list
// data-surface  the place on the site          data-item     the item of this page, which does not come
// data-locale   en or zh (the page's language) data-reasons  "no" leaves the reasons out
// data-into     a selector to draw into; without it, where the script stands
// data-session  your own name for the visitor, 16 to 64 characters that nobody can guess; without it one is
//               made and kept in the browser's storage
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script) return;
  const said = script.dataset, from = new URL(script.src).origin;
  const STYLE = `
    :host { display: block; font: inherit; color: inherit; }
    h2 { margin: 0 0 .6em; font-size: 1.15em; }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
    a, .line { display: block; height: 100%; color: inherit; text-decoration: none; border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: 10px; overflow: hidden; }
    a:hover { border-color: currentColor; }
    a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
    img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover; background: color-mix(in srgb, currentColor 8%, transparent); }
    .words { padding: 10px 12px; overflow-wrap: anywhere; }
    strong { display: block; font-weight: 600; }
    small { display: block; margin-top: 4px; opacity: .8; }
  `;

  /** Text without marks that turn a line around or hide in it. */
  const plain = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, " ");

  /** An address made of a pattern; only http and https, so that no item can become a script. */
  const address = (pattern, id) => {
    if (!pattern) return "";
    try {
      const url = new URL(pattern.replaceAll("{id}", encodeURIComponent(id)), document.baseURI);
      return /^https?:$/.test(url.protocol) ? url.href : "";
    } catch { return ""; }
  };

  const session = () => {
    if (said.session) return said.session;
    const fresh = crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    try {
      const kept = localStorage.getItem("zhiyin.visitor") || fresh;
      localStorage.setItem("zhiyin.visitor", kept);
      return kept;
    } catch { return fresh; }
  };

  const visitor = session();
  const headers = { authorization: `Bearer ${said.key || ""}`, "content-type": "application/json" };
  let slate = "", waiting = [], timer = 0;

  /** Tells what was seen or followed; also while the page goes away. */
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (!waiting.length || !slate) return;
    const body = JSON.stringify({ session: visitor, slate_id: slate, events: waiting.splice(0, 50) });
    fetch(`${from}/v1/widget/events`, { method: "POST", headers, body, keepalive: true, credentials: "omit" }).catch(() => {});
  };
  const note = (item, kind) => {
    waiting.push({ item, kind });
    if (kind === "click") tell();
    else if (!timer) timer = setTimeout(tell, 800);
  };

  const draw = (list) => {
    const host = document.createElement("div");
    host.className = "zhiyin-widget";
    const root = host.attachShadow({ mode: "open" });
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } catch { root.append(Object.assign(document.createElement("style"), { textContent: STYLE })); }
    if (said.title) root.append(Object.assign(document.createElement("h2"), { textContent: plain(said.title) }));
    const rows = document.createElement("ul");
    const seen = "IntersectionObserver" in window ? new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); note(entry.target.dataset.item, "impression"); }
    }, { threshold: 0.5 }) : null;
    for (const line of list.items) {
      const row = document.createElement("li"), href = address(said.link, line.id);
      row.dataset.item = line.id;
      const box = document.createElement(href ? "a" : "div");
      if (href) box.href = href;
      else box.className = "line";
      const picture = address(said.image, line.id);
      if (picture) box.append(Object.assign(document.createElement("img"), { src: picture, alt: "", loading: "lazy", decoding: "async" }));
      const words = Object.assign(document.createElement("div"), { className: "words" });
      words.append(Object.assign(document.createElement("strong"), { textContent: plain(line.title || line.id) }));
      if (line.reason && said.reasons !== "no") words.append(Object.assign(document.createElement("small"), { textContent: plain(line.reason) }));
      box.append(words);
      box.addEventListener("click", () => note(line.id, "click"));
      box.addEventListener("auxclick", (event) => { if (event.button === 1) note(line.id, "click"); });
      row.append(box);
      rows.append(row);
      seen?.observe(row);
      if (!seen) note(line.id, "impression");
    }
    root.append(rows);
    const place = said.into ? document.querySelector(said.into) : null;
    if (place) place.replaceChildren(host);
    else script.after(host);
    host.dispatchEvent(new CustomEvent("zhiyin-shown", { bubbles: true, detail: { slate_id: list.slate_id, items: list.items.length } }));
  };

  const ask = async () => {
    const query = new URLSearchParams({ session: visitor, n: said.n || "6", locale: said.locale || document.documentElement.lang || "en" });
    for (const name of ["surface", "item"]) if (said[name]) query.set(name, said[name]);
    const answer = await fetch(`${from}/v1/widget?${query}`, { headers, credentials: "omit" });
    if (!answer.ok) throw new Error(`zhiyin: the list was refused with ${answer.status}`);
    const list = await answer.json();
    slate = list.slate_id;
    if (list.items.length) draw(list);
  };

  addEventListener("pagehide", tell);
  ask().catch((error) => console.warn(String(error)));
})();
