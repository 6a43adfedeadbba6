"""Words from outside, made safe for a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

JOINERS = "\u200c\u200d"
"""Format characters that emoji and many scripts need; all others only hide or turn text."""


def printable(text: str, limit: int = 1000) -> str:
    """One line without control and direction characters, at most `limit` characters long.

    A title could otherwise move the cursor, paint, ring, set the window's name or show its end first.

    >>> printable("\\x1b[31mred\\u202e evil\\nline")
    '[31mred evil line'
    """
    text = "".join(" " if c in "\n\r\t\u2028\u2029" else c for c in text[: 4 * limit])
    kept = "".join(c for c in text if c in JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"
