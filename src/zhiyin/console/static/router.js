// Every state has an address: /console/PAGE?what=is&shown=now. Back, forward, reload and links all lead there.

/** @typedef {{page: string, query: Record<string, string>}} Place */

/** @type {(place: Place, same: boolean) => void} */
let entered = () => {};
let current = read();

/** @returns {Place} */
function read() {
  const [, , page = ""] = location.pathname.split("/");
  return { page, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

/** Where we are. */
export const here = () => current;

/** The address of a state; what is empty is left out. @param {string} page @param {Record<string, any>} [query] */
export function to(page, query = {}) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) said.set(name, value === true ? "1" : String(value));
  }
  return `/console/${page}${said.size ? `?${said}` : ""}`;
}

/** Goes there. `replace`: without a step for the back button. @param {string} address @param {{replace?: boolean}} [how] */
export function go(address, how = {}) {
  if (address === location.pathname + location.search) return;
  history[how.replace ? "replaceState" : "pushState"](null, "", address);
  follow();
}

/** Other values in the address of this page, without telling the page. @param {Record<string, any>} change @param {{push?: boolean}} [how] */
export function set(change, how = {}) {
  const address = to(current.page, { ...current.query, ...change });
  if (address !== location.pathname + location.search) history[how.push ? "pushState" : "replaceState"](null, "", address);
  current = read();
}

function follow() {
  const before = current;
  current = read();
  entered(current, before.page === current.page);
}

/** Begins to follow links and the back button. @param {(place: Place, same: boolean) => void} fn */
export function start(fn) {
  entered = fn;
  addEventListener("popstate", follow);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith("/console/") || url.hash) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
  entered(current, false);
}
