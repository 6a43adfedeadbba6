"""The web console: static files that `zhiyin serve` hands out at /console, a client of the HTTP interface.

No build step, no framework, nothing from elsewhere: ES modules and style sheets as they lie in `static/`.

How a page is added, in three files and one line:

1. `static/pages/NAME.js` exports `page = {render}` (see `static/pages.js` for the contract). It makes
   elements with `h` of `dom.js`, which sets text and never markup; asks with `get`, `post` … of `api.js`,
   whose errors `fail` of `toast.js` shows; keeps what it shows in the address through `view.set`, so that
   every state has a link; takes tables from `table.js`, charts from `charts.js`, and cards, fields and
   empty states from `parts.js`.
2. `static/pages/NAME.strings.json` holds its words, `{"en": {...}, "zh": {...}}` with the same keys in
   both, each beginning with `NAME.`; `t("NAME.key", {n: 3})` of `i18n.js` fills `{n}`. The service joins
   all these files into one. `nav.NAME` in that file names the page in the menu.
3. `static/pages/NAME.css`, where the common sheets do not reach: every selector begins with `.page-NAME`.
   Colours are the variables of `tokens.css`. A new icon for the menu is a line in `icons.js` under the
   page's name.
4. One row in `static/pages.js`: its name, the scope that it needs and how it is loaded.

What needs data that no route gives gets a route first, in the table of `serve/`: the console has no private
door.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["STATIC"]

STATIC = Path(__file__).parent / "static"
"""Where the files lie."""
