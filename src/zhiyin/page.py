"""How untrusted words reach a page or a terminal, and the few pieces that every page is made of.

No script and nothing loaded from elsewhere: a page that zhiyin writes can be mailed and opened anywhere.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = [
    "bar", "card", "chips", "document", "escape", "fit", "fragment", "plain", "plain_options",
    "recommender_html", "table", "width",
]  # fmt: skip

MARKS = re.compile("([\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+")
"""More than three accents on one letter climb over the lines around it."""


def plain(text: object, limit: int = 80) -> str:
    """One line of at most `limit` characters that can neither steer a terminal nor turn the line around.

    Whitespace of any kind becomes one space. Control, formatting (bidirectional overrides, zero width),
    private and unassigned characters and half surrogate pairs are dropped.

    >>> plain("Toy\\x1b[31m \\n Story\\u202e"), plain("abcdef", 4)
    ('Toy[31m Story', 'abc…')
    """
    # Cutting before cleaning keeps a text of many megabytes cheap.
    words = str(text)[: 8 * limit]
    if not words.isprintable():
        words = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in words)
    words = " ".join(words.split())
    if not words.isascii():
        words = MARKS.sub(r"\1", words)
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def escape(text: object, limit: int = 300) -> str:
    """`plain` text for HTML, between tags or in a quoted attribute."""
    return html.escape(plain(text, limit), quote=True)


def width(text: str) -> int:
    """Columns that a terminal needs: Chinese, Japanese and Korean characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def fit(text: str, columns: int, *, right: bool = False) -> str:
    """`text` cut with an ellipsis or filled with spaces to exactly so many columns.

    >>> fit("知音难觅", 6), fit("abc", 5, right=True)
    ('知音… ', '  abc')
    """
    if width(text) > columns:
        kept = ""
        for char in text:
            if width(kept) + _columns(char) > columns - 1:
                break
            kept += char
        text = f"{kept}…"
    space = " " * (columns - width(text))
    return space + text if right else text + space


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


# -- pieces; their arguments are escaped already where they are called `inner`, else they escape ------------

STYLE = """
.zhiyin{--ink:#1c2024;--soft:#5b6570;--paper:#fff;--card:#f6f8fa;--line:#d5dbe1;--mark:#0b6e63;--warn:#8a4b00;
 color:var(--ink);background:var(--paper);font:15px/1.5 system-ui,"PingFang SC","Noto Sans CJK SC",sans-serif;
 padding:12px;border-radius:8px;max-width:60rem}
@media(prefers-color-scheme:dark){.zhiyin{--ink:#e8ebee;--soft:#a3adb8;--paper:#14171a;--card:#1e2328;
 --line:#39414a;--mark:#4fc3b1;--warn:#f0b46c}}
.zhiyin h2{font-size:1.05rem;margin:0 0 8px;color:var(--ink)}
.zhiyin p,.zhiyin ul,.zhiyin ol{margin:2px 0;padding:0}
.zhiyin li{list-style:none}
.zhiyin .card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:8px 12px;
 margin:6px 0}
.zhiyin .card h3{font-size:1rem;margin:0;overflow-wrap:anywhere;color:var(--ink)}
.zhiyin .soft,.zhiyin h3 .n{color:var(--soft);font-size:.87em;font-weight:400}
.zhiyin .warn{color:var(--warn)}
.zhiyin .bar{background:var(--line);height:6px;border-radius:3px;margin:5px 0;overflow:hidden}
.zhiyin .bar i{display:block;background:var(--mark);height:6px;border-radius:3px}
.zhiyin .chip{display:inline-block;border:1px solid var(--line);border-radius:9px;padding:0 8px;
 margin:0 4px 2px 0;font-size:.8em;color:var(--soft)}
.zhiyin table{border-collapse:collapse;color:inherit}
.zhiyin td,.zhiyin th{padding:2px 10px 2px 0;text-align:left}
.zhiyin th{font-weight:600;border-bottom:1px solid var(--line)}
.zhiyin td.num{text-align:right}
.zhiyin .flow{display:flex;flex-wrap:wrap;align-items:stretch}
.zhiyin .flow>li{display:flex;align-items:center}
.zhiyin .flow>li+li::before{content:"\\2192";color:var(--soft);padding:0 8px}
.zhiyin .flow .card{min-width:7rem}
.zhiyin summary{cursor:pointer}
.zhiyin code{font-size:.85em;overflow-wrap:anywhere;color:var(--soft)}
"""


def fragment(inner: str, *, lang: str = "en") -> str:
    """A piece of HTML for a notebook, with its own style, light or dark as the reader's system is."""
    return f'<div class="zhiyin" lang="{escape(lang)}"><style>{STYLE}</style>{inner}</div>'


def document(title: str, inner: str, *, lang: str = "en") -> str:
    """A whole page around `inner`. Its own policy forbids scripts and anything from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html><html lang="{escape(lang)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title></head>'
        f"<body><main>{fragment(inner, lang=lang)}</main></body></html>\n"
    )


def card(title: str, inner: str, *, number: int | None = None) -> str:
    """A titled box."""
    before = "" if number is None else f'<span class="n">{number}</span> '
    return f'<div class="card"><h3>{before}<bdi>{escape(title)}</bdi></h3>{inner}</div>'


def bar(share: float, label: str) -> str:
    """A bar filled to `share` (brought between 0 and 1); the label is for those who cannot see it."""
    part = min(max(share, 0.0), 1.0) if share == share else 0.0
    return f'<div class="bar" role="img" aria-label="{escape(label)}"><i style="width:{part:.0%}"></i></div>'


def chips(words: Iterable[str]) -> str:
    """Short words side by side."""
    return "".join(f'<span class="chip">{escape(word)}</span>' for word in words)


def table(head: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """A table; numbers stand at the right."""
    top = "".join(f'<th scope="col">{escape(word)}</th>' for word in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f'<td class="num">{format(value, "," if isinstance(value, int) else ".4g")}</td>'


def recommender_html(slots: Sequence[tuple[str, Sequence[tuple[str, str]]]], status: str) -> str:
    """The flow of a recommender from left to right: slots and their parts, the options folded below them."""
    boxes = "".join(f"<li>{card(slot, _parts(parts))}</li>" for slot, parts in slots)
    head = f'<h2>Recommender <span class="soft">{escape(status)}</span></h2>'
    return fragment(f'{head}<ol class="flow">{boxes}</ol>')


def _parts(parts: Sequence[tuple[str, str]]) -> str:
    if not parts:
        return '<p class="soft">none</p>'
    return "".join(
        f"<details><summary>{escape(name)}</summary><code>{escape(options, 2000)}</code></details>"
        if options
        else f"<p>{escape(name)}</p>"
        for name, options in parts
    )


def plain_options(part: object) -> str:
    """The plain options of a part as `name = value` lines."""
    plain = {
        name: value
        for name, value in vars(part).items()
        if not name.endswith("_") and not name.startswith("_")
    }
    return "\n".join(
        f"{name} = {value!r}" for name, value in plain.items() if isinstance(value, (int, float, str, tuple))
    )
