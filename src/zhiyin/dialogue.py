"""Several turns about one list: what was said so far, what is said of it now, and the next list (C16)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from zhiyin.contracts import WritingModel
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filter_terms import Term
from zhiyin.data.filters import parse_filter
from zhiyin.errors import FilterError
from zhiyin.explain.chat_prompt import chat_prompt
from zhiyin.explain.list_text import SENTENCE, checked_text, list_text
from zhiyin.explain.understood_words import understood_as
from zhiyin.represent.criticism import Criticism, criticism_of
from zhiyin.represent.intent_rules import language_of
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.types import IntArray, Intent, Wish

__all__ = ["State", "answer_text", "heard", "locale_of", "next_state", "spoken"]

MOST_SHOWN = 200
MOST_WISHES = 20
LONGEST = 600
"""Characters without an end: that is no sentence."""


@dataclass(frozen=True, slots=True)
class State:
    """What a dialogue remembers; it travels with the request, or stays with a session."""

    intent: Intent = field(default_factory=Intent)
    shown: tuple[str, ...] = ()
    """Ids of the last list, in order."""
    gone: tuple[str, ...] = ()
    """Ids that shall not come back."""


def heard(words: str, state: State, items: Catalogue) -> Criticism:
    """What a turn says of the list that was shown; its `rest` is left to be read as wishes."""
    return criticism_of(words, items.ids.codes(state.shown).tolist(), items)


def next_state(said: Criticism, new: Intent, state: State, items: Catalogue) -> State:
    """After one turn of the user: its criticism, and what its other words were read as."""
    old = Intent() if said.again else state.intent
    gone = () if said.again else state.gone
    names = items.ids
    left = [names[code] for code in (*said.seen, *said.unlike)]
    left += list(state.shown) if said.others else []
    return State(
        _merged(old, new, said, items),
        state.shown,
        tuple(dict.fromkeys((*gone, *left)))[-MOST_SHOWN:],
    )


def spoken(
    writer: WritingModel,
    message: str,
    told: str,
    lines: Sequence[tuple[str, str]],
    codes: IntArray,
    items: Catalogue,
    vocabulary: Vocabulary,
    *,
    locale: str,
    timeout: float,
) -> Iterator[str]:
    """Sentences of a model about a list, each as soon as it is whole and has passed the check.

    `told` is the template's text, `lines` are titles with their first reason, `codes` the items of the list:
    a sentence that names another one, or says what nobody told, is left out. LlmErrors go through.
    """
    prompt = chat_prompt(message, told, lines, locale=locale)
    rest = ""
    for piece in writer.write(prompt, timeout=timeout):
        rest += piece
        *whole, rest = [match.group() for match in SENTENCE.finditer(rest)] or [""]
        for sentence in whole:
            kept = checked_text(sentence, codes, items, vocabulary, message)
            if kept:
                yield kept
        if len(rest) > LONGEST:
            return
    kept = checked_text(rest, codes, items, vocabulary, message)
    if kept:
        yield kept


def answer_text(
    state: State, codes: IntArray, items: Catalogue, locale: str, relaxed: Sequence[str] = ()
) -> str:
    """What was understood, and the list in a sentence; from facts alone."""
    understood = understood_as(state.intent, items, locale=locale, relaxed=relaxed)
    stop = "。" if locale.startswith("zh") else "."
    parts = [understood + stop if understood else "", list_text(codes, items, locale=locale)]
    return " ".join(filter(None, parts))


def locale_of(words: str, otherwise: str) -> str:
    """The language that the user writes in."""
    return language_of(words) or otherwise


def _merged(old: Intent, new: Intent, said: Criticism, items: Catalogue) -> Intent:
    """New limits on an attribute replace the old ones; what is ruled out is wished no longer, and back."""
    names = items.ids
    require = _replaced(old.require, (*new.require, *said.require))
    wished = {wish.filter for wish in new.wishes if wish.by > 0}
    ruled = {name for one in new.require if one.startswith("not ") for name in _words_of(one)}
    kept = [] if said.instead and wished else [
        wish for wish in old.wishes if not (ruled & set(_words_of(wish.filter)))
    ]  # fmt: skip
    require = tuple(one for one in require if not (one.startswith("not ") and _is_wished(one, wished)))
    wishes = {wish.filter: wish for wish in (*kept, *new.wishes)}
    unlike = tuple(dict.fromkeys((*old.unlike, *new.unlike, *(names[code] for code in said.unlike))))
    like = dict.fromkeys((*old.like, *new.like, *(names[code] for code in said.like)))
    turned = {name: getattr(new, name) or getattr(old, name) for name in ("fresh", "popular", "quality")}
    return Intent(
        said=new.said or old.said,
        require=require[-MOST_WISHES:],
        wishes=tuple(wishes.values())[-MOST_WISHES:],
        like=tuple(name for name in like if name not in unlike)[-MOST_WISHES:],
        unlike=unlike[-MOST_WISHES:],
        text=new.text or ("" if said.instead else old.text),
        mood=tuple(dict.fromkeys((*old.mood, *new.mood)))[-5:],
        n=new.n or old.n,
        language=new.language or old.language,
        unmet=(*new.unmet, *said.unmet),
        source=_source(old, new, kept),
        **turned,
    )


def _source(old: Intent, new: Intent, kept: Sequence[Wish]) -> str:
    """A guess from vectors stays one while its wishes stay."""
    return old.source if old.source == "vectors" and kept and new.source == "rules" else new.source


def _replaced(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Limits of numbers: one goes where newer ones speak of the same sides of its attribute."""
    sides = {side for one in new if not one.startswith("not ") for side in _sides(one)}
    stays = [one for one in old if f"not ({one})" not in new]
    left = [one for one in stays if not (found := _sides(one)) or not found <= sides]
    return tuple(dict.fromkeys((*left, *new)))


def _sides(expression: str) -> set[str]:
    """`price <` of `"price" < 20`, both sides of what is a range or rules one out; empty for words."""
    try:
        program = parse_filter(expression).program
    except FilterError:
        return set()
    terms = [step for step in program if isinstance(step, Term)]
    if not all(value.kind == "number" for term in terms for value in term.values):
        return set()
    whole = "not" in program or any(term.does == "=" for term in terms)
    return {f"{term.name} {sign}" for term in terms for sign in ("<>" if whole else term.does[:1])}


def _words_of(expression: str) -> list[str]:
    """What stands in quotation marks, but names of attributes."""
    pieces = expression.split('"')[1::2]
    return pieces[1:] if expression.startswith("not ") else pieces[1::2]


def _is_wished(exclusion: str, wished: set[str]) -> bool:
    words = set(_words_of(exclusion))
    return any(words & set(_words_of(one)) for one in wished)
