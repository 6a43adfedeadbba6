"""The words of a request, and which of them an item has."""

from __future__ import annotations

import re
from collections.abc import Sequence

import rjieba

from zhiyin.data.catalogue import Catalogue

__all__ = ["matched", "request_words"]

TOKENS = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+")
CHINESE = re.compile(r"[\u3400-\u9fff]")
LONGEST_REQUEST, LONGEST_ITEM = 500, 4000
EMPTY = frozenset({
    "about", "am", "an", "and", "any", "are", "at", "best", "book", "books", "by", "can", "cheap", "do",
    "film", "films", "find", "for", "from", "get", "gift", "give", "good", "have", "in", "is", "it",
    "item", "items", "latest", "like", "looking", "me", "movie", "movies", "music", "my", "new", "of",
    "on", "one", "or", "product", "products", "recommend", "show", "some", "something", "song", "songs",
    "that", "the", "this", "to", "under", "us", "want", "watch", "what", "with", "you", "一个", "一些",
    "一部", "一下", "给我", "我要", "我想", "想要", "想看", "推荐", "最新", "最近", "最好", "好看",
    "有没有", "什么", "哪些", "这个", "那个", "以及", "电影", "影片", "音乐", "歌曲", "商品", "东西",
    "礼物", "适合", "关于", "喜欢", "请问", "可以",
})  # fmt: skip
"""Words that ask, but name nothing that an item could have more than another."""


def request_words(text: str) -> tuple[str, ...]:
    """The words that name something, each once, in their order; Chinese is segmented."""
    words: dict[str, None] = {}
    for token in TOKENS.findall(text[:LONGEST_REQUEST]):
        chinese = CHINESE.match(token)
        for word in rjieba.cut(token) if chinese else (token.casefold(),):
            if word not in EMPTY and (len(word) > 1 or word.isdecimal()):
                words.setdefault(word)
    return tuple(words)


def matched(words: Sequence[str], items: Catalogue, item: int) -> tuple[str, ...]:
    """Those of `words` that the title, attributes or text of an item has; English plurals count as one."""
    if not words:
        return ()
    text = items.describe(item)[:LONGEST_ITEM].casefold()
    stems = {_stem(token) for token in TOKENS.findall(text)}
    return tuple(word for word in words if (word in text if CHINESE.match(word) else _stem(word) in stems))


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
