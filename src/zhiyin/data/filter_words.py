"""A filter expression as tokens: names, words in quotes, numbers, signs, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from zhiyin.errors import FilterError

__all__ = ["KEYWORDS", "Token", "tokens"]

KEYWORDS = frozenset(("and", "or", "not", "in", "contains", "exists"))
"""In any case of letters; an attribute or a word that is spelt like one stands in quotes."""

Kind = Literal["name", "quoted", "number", "sign", "keyword", "end"]

QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」"}
SIGNS = {
    "（": "(", "）": ")", "，": ",", "＝": "=", "==": "=", "＜": "<", "＞": ">", "≤": "<=", "≥": ">=",
    "≠": "!=", "<>": "!=", "！=": "!=", "！＝": "!=",
}  # fmt: skip
"""Other spellings; an input method for Chinese types the wide ones."""
PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.\-:/]))"
    r"|(?P<name>\w[\w.\-:/]*)"
    r"|(?P<sign>==|!=|<>|<=|>=|！[=＝]|[()（），,=＝<＜>＞≤≥≠])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the expression."""

    kind: Kind
    text: str
    """A keyword in small letters, a sign in its plain spelling, a quoted word without its quotes."""
    at: int
    """Its place in the expression, from 0."""

    def said(self) -> str:
        """How a message names it."""
        return "the end" if self.kind == "end" else repr(self.text[:40])


def tokens(text: str) -> Iterator[Token]:
    """Every token in order, then one of the kind "end".

    Numbers are finite; inside quotes a backslash takes the next letter as it is.
    """
    at = 0
    while at < len(text):
        if text[at] in QUOTES:
            word, end = _quoted(text, at)
            yield Token("quoted", word, at)
            at = end
            continue
        found = PATTERN.match(text, at)
        if found is None:
            raise FilterError(
                "a name, a word, a number or one of ( ) , = != < <= > >=",
                text=text,
                at=at,
                hint=f"{text[at]!r} has no meaning here; put odd names and words in double quotes",
            )
        if found.lastgroup != "space":
            yield _token(found, text, at)
        at = found.end()
    yield Token("end", "", len(text))


def _token(found: re.Match[str], text: str, at: int) -> Token:
    spelt = found.group()
    match found.lastgroup:
        case "number":
            if not math.isfinite(float(spelt)):
                raise FilterError("a finite number", text=text, at=at)
            return Token("number", spelt, at)
        case "sign":
            return Token("sign", SIGNS.get(spelt, spelt), at)
        case _ if spelt.lower() in KEYWORDS:
            return Token("keyword", spelt.lower(), at)
        case _:
            return Token("name", spelt, at)


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The word in quotes that begins at `at`, and the place behind it."""
    letters: list[str] = []
    close, place = QUOTES[text[at]], at + 1
    while place < len(text):
        letter = text[place]
        if letter == close:
            return "".join(letters), place + 1
        if letter == "\\" and place + 1 < len(text):
            place += 1
            letter = text[place]
        letters.append(letter)
        place += 1
    raise FilterError(f"a closing {close}", text=text, at=at, hint="the quotes that open here never close")
