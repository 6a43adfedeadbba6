// The pages, in the order of the menu. A page is loaded when it is first visited.

/**
 * What a page is given.
 * @typedef {object} View
 * @property {HTMLElement} root where it draws; empty
 * @property {Record<string, string>} query what its address says
 * @property {(change: Record<string, any>, how?: {push?: boolean}) => void} set writes into its address; `push` for the back button
 * @property {AbortSignal} signal aborted when the reader leaves: give it to `get`, and to listeners outside of `root`
 */
/**
 * What a page module exports as `page`.
 * @typedef {object} Page
 * @property {(view: View) => void | Promise<void>} render draws all of it; called again after a switch of language, and when
 *   the address has changed by back, forward or a link
 */

/** @type {{name: string, scope: string, load: () => Promise<{page: Page}>}[]} */
export const PAGES = [
  { name: "try", scope: "read", load: () => import("./pages/try.js") },
  { name: "why", scope: "read", load: () => import("./pages/why.js") },
  { name: "users", scope: "read", load: () => import("./pages/users.js") },
  { name: "items", scope: "read", load: () => import("./pages/items.js") },
  { name: "map", scope: "read", load: () => import("./pages/map.js") },
  { name: "compare", scope: "admin", load: () => import("./pages/compare.js") },
  { name: "quality", scope: "admin", load: () => import("./pages/quality.js") },
  { name: "live", scope: "admin", load: () => import("./pages/live.js") },
  { name: "data", scope: "admin", load: () => import("./pages/data.js") },
  { name: "settings", scope: "admin", load: () => import("./pages/settings.js") },
  { name: "api", scope: "read", load: () => import("./pages/api.js") },
];
