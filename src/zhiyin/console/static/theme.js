// Light, dark, or as the system is.

/** @returns {"light" | "dark"} what is seen now */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** The other one, from now on. */
export function switchTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("zhiyin.theme", next); } catch { /* a private window forgets */ }
  dispatchEvent(new Event("zhiyin-theme"));
}
