"""Whether a model's sentence says no more than the reasons that it was to word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zhiyin.retrieve.segment import terms
from zhiyin.terminal import printable

__all__ = ["says_no_more"]

LONGEST = 200
MARKUP = re.compile(r"[<>{}\[\]|`*_\\]|https?:|www\.|javascript:", re.IGNORECASE)
CAUSAL = re.compile(r"\b(because|since|why|due|therefore|so)\b|因为|由于|所以|因此", re.IGNORECASE)
SAID = {
    "en": "a an and another are as at by choice chose chosen close enjoy enjoyed for from go goe "
    "good great here if in is it like liked match matches more of on one pick picked recent "
    "recently same similar suit suits than that the them these they this those to too try "
    "will with would you your yours also fits fit well much very what which who watched watch "
    "rated rate read bought since because so",
    "zh": "你 您 的 了 也 和 与 跟 很 都 是 在 有 这 那 个 这个 那个 部 这部 会 可能 喜欢 喜爱 相似 相近 "
    "类似 推荐 因为 所以 过 看 看过 选 选过 适合 一样 同样 也许 应该 为 给 还 又 就 可以 试试 来 吧",
}
GLUE = {language: frozenset(words.split()) for language, words in SAID.items()}
"""Words that say nothing of an item or a person; no "not" and no praise of facts is among them."""


def says_no_more(sentence: str, evidence: Sequence[str], *, language: str, causal: bool) -> bool:
    """Whether every word and number stands in the evidence or is glue, and some of it is evidence.

    `causal` allows words like "because": only where the cause was tried. Markup, links, line breaks and
    characters that steer a terminal are never let through.
    """
    if not sentence.strip() or len(sentence) > LONGEST or printable(sentence) != sentence:
        return False
    if MARKUP.search(sentence) or (CAUSAL.search(sentence) and not causal):
        return False
    known = {term for text in evidence for term in terms(text)}
    said = terms(sentence)
    new = [term for term in said if term not in known and term not in GLUE[language]]
    return not new and any(term in known and term not in GLUE[language] for term in said)
