"""Text to search terms, in Chinese and in languages that put spaces between words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from zhiyin.represent.units import singular

__all__ = ["terms"]

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002fa1f"
RUN = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)?")
MAX_CHARS = 20_000


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeated as often as they occur.

    Text is folded by NFKC (full-width letters, ligatures) and to lower case. English plurals lose
    their s. Chinese is cut by a dictionary into words and the shorter words inside them; neighbouring
    characters that the dictionary does not join (names, new words) are also taken in pairs, so a name
    is found however the sentence around it was cut.

    >>> terms("Toy Stories, ３Ｄ"), terms("《流浪地球》"), terms("甄嬛")
    (['toy', 'story', '3d'], ['流浪', '地球'], ['甄', '嬛', '甄嬛'])
    """
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARS]).lower()
    return [term for run in RUN.findall(folded) for term in _of_run(run)]


def _of_run(run: str) -> Iterator[str]:
    if re.match(f"[{CJK}]", run):
        yield from _of_cjk(run)
    else:
        yield singular(run.replace("’", "'").removesuffix("'s"))


def _of_cjk(run: str) -> Iterator[str]:
    single = ""
    for word in _cut(run):
        yield word
        if len(word) == 1:
            if single:
                yield single + word
            single = word
        else:
            single = ""


def _pieces(run: str) -> list[str]:
    """Without a dictionary every character stands alone, and `_of_cjk` joins them in pairs."""
    return list(run)


def _dictionary() -> Callable[[str], list[str]]:
    try:
        import rjieba
    except ImportError:
        return _pieces
    # Without the hidden Markov model: its guesses at new words change with the sentence around them.
    return lambda run: list(rjieba.cut_for_search(run, False))


_cut = _dictionary()
