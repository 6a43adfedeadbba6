"""Numbers as people write them: in figures, in words, in Chinese."""

from __future__ import annotations

import re

__all__ = ["ANY", "DECADES", "NUM", "YEAR", "ZNUM", "number"]

ENGLISH: tuple[str, ...] = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
TENS = {"twenty": 2, "thirty": 3, "forty": 4, "fifty": 5, "sixty": 6, "seventy": 7, "eighty": 8, "ninety": 9}
DECADES = {"twenties": 2, "thirties": 3, "forties": 4, "fifties": 5, "sixties": 6, "seventies": 7,
           "eighties": 8, "nineties": 9}  # fmt: skip
CHINESE = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
           "九": 9}  # fmt: skip
POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
TIMES = {"k": 1000.0, "千": 1000.0, "万": 10_000.0}

WORDS = "|".join((*ENGLISH, *TENS))
FIGURES = r"(?<!\d)(?<!\d[.,])(?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,6})?(?!\d|\.\d|,\d{3}(?!\d))"
NUM = (
    rf"(?:{FIGURES}k?|half an?(?= hour)|an?(?= hour)|(?:{WORDS})(?:[- ](?:{'|'.join(ENGLISH[:9])})\b)?"
    r"(?: hundred| thousand)?(?: and a half)?\b)"
)
ZNUM = (
    rf"(?:{FIGURES}[万千]?|[零〇一二两三四五六七八九十百千万]{{1,10}}个半(?=小时|钟头)"
    r"|[零〇一二两三四五六七八九十百千万]{1,10}|半个?(?=小时|钟头))"
)
DIGIT = "[零〇一二三四五六七八九]"
YEAR = rf"(?<!\d)(?:1[89]\d\d|20\d\d|一[八九]{DIGIT}{{2}}|二[零〇]{DIGIT}{{2}})(?!\d)"
SAID_TIMES = {"hundred": 100.0, "thousand": 1000.0}

ANY = re.compile(
    rf"\d|[零〇一二两三四五六七八九十百千万半年]|hour|year|decade|\b(?:{WORDS}|{'|'.join(DECADES)})\b"
)
"""Stands in every text that holds a number."""


def number(text: str) -> float | None:
    """12, 1,200, 2k, twelve, thirty-five, 十二, 三百五 (350), 一九九五; None for what is none."""
    if re.fullmatch(r"[\d,.]+[k千万]?", text) and text[0].isdecimal():
        times = TIMES.get(text[-1], 1.0)
        try:
            return float(text.rstrip("k千万").replace(",", "")) * times
        except ValueError:
            return None
    if text in ("a", "an"):
        return 1.0
    if text.startswith("half a") or text in ("半", "半个"):
        return 0.5
    if text.endswith(("个半", " and a half")):
        whole = number(text.removesuffix("个半").removesuffix(" and a half"))
        return None if whole is None else whole + 0.5
    return _in_words(text) if text.isascii() else _chinese(text)


def _in_words(text: str) -> float | None:
    words = text.replace("-", " ").split()
    times = SAID_TIMES.get(words[-1], 1.0) if len(words) > 1 else 1.0
    words = words[:-1] if times > 1 else words
    if len(words) == 1 and words[0] in ENGLISH:
        return (ENGLISH.index(words[0]) + 1) * times
    if words and words[0] in TENS and (len(words) == 1 or words[1] in ENGLISH[:9]):
        return (10 * TENS[words[0]] + (ENGLISH.index(words[1]) + 1 if len(words) > 1 else 0)) * times
    return None


def _chinese(text: str) -> float | None:
    if len(text) > 1 and all(letter in CHINESE for letter in text):
        return float("".join(str(CHINESE[letter]) for letter in text))
    total = part = digit = 0
    least = 10
    for letter in text:
        if letter in CHINESE:
            digit = CHINESE[letter]
            least = 10 if not digit else least
        elif letter in POWERS:
            least = POWERS[letter]
            if letter == "万":
                total, part = (total + part + digit or 1) * least, 0
            else:
                part += (digit or 1) * least
            digit = 0
        else:
            return None
    return float(total + part + digit * max(1, least // 10)) if text else None
