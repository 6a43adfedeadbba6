"""Text as units that can be compared: a word without its plural, a Chinese character, a sign."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

__all__ = ["CJK", "SIGN", "folded", "is_cjk", "key_of", "singular", "units", "words_of"]

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
UNIT = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*|[,.;:!?，。；：！？、《》“”\"()\[\]]")
RUN = re.compile("[\u3400-\u9fff]{2,}")
SIGN = re.compile(r"[,.;:!?，。；：！？、《》“”\"()\[\]]")

WHOLE = frozenset(("news",))
"""No plurals: what is left without their last letter is another word."""


def folded(text: str) -> str:
    """NFKC (full-width letters, ligatures) in small letters; half surrogates are dropped."""
    clean = text.encode("utf-8", "ignore").decode()
    return unicodedata.normalize("NFKC", clean).casefold()


def singular(word: str) -> str:
    """The S-stemmer of Harman (1991): the one rule of English morphology that is nearly always right."""
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss", "is")):
        return word[:-1]
    return word


def units(text: str) -> list[tuple[str, int, int]]:
    """Each unit of a folded text with its place in it; signs stand for themselves.

    >>> [unit for unit, _, _ in units("children's comedies, 喜剧片")]
    ['children', 'comedy', ',', '喜', '剧', '片']
    """
    found = UNIT.finditer(text)
    return [(_unit(match.group()), match.start(), match.end()) for match in found]


def key_of(text: str) -> str:
    """A phrase in the form by which it is found again; without signs."""
    return " ".join(unit for unit, _, _ in units(folded(text)) if not SIGN.fullmatch(unit))


def words_of(text: str) -> set[str]:
    """Its words as units, and pairs of neighbouring Chinese characters; fast for a long text.

    >>> sorted(words_of("Red shoes, 红鞋子"))
    ['red', 'shoe', '红 鞋', '鞋 子']
    """
    plain = folded(text)
    words = {
        _unit(word) for word in set(UNIT.findall(plain)) if not is_cjk(word) and not SIGN.fullmatch(word)
    }
    return words | {f"{one} {two}" for run in set(RUN.findall(plain)) for one, two in pairwise(run)}


def is_cjk(letter: str) -> bool:
    """Whether it is a Chinese character."""
    return "\u3400" <= letter <= "\u9fff"


def _unit(word: str) -> str:
    plain = word.replace("’", "'").removesuffix("'s")
    return plain if plain in WHOLE else singular(plain)
