// Runs before the first paint, so that no page flashes in the wrong colours or language.
"use strict";
(function () {
  const kept = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const theme = kept("zhiyin.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  const spoken = kept("zhiyin.language") || (navigator.language || "en");
  document.documentElement.lang = spoken.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
})();
