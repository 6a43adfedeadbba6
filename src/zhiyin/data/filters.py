"""Filter expressions: which items of a catalogue may come back.

    price < 30 and genre in ("Comedy", "Drama") and not brand = "Acme"

A term is about one attribute, or `id`, `title`, `text`: `=` `!=` `<` `<=` `>` `>=`, `in (…)`, `not in (…)`,
`contains` (any case of letters), `exists`. `not` binds more than `and`, `and` more than `or`; parentheses
are free. An item without the attribute fits no term about it, so `brand != "Acme"` asks for another brand
and `not brand = "Acme"` also takes items of no brand. Words are compared as they are spelt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.filter_memory import Memory
from zhiyin.data.filter_terms import Term, term_mask
from zhiyin.data.filter_words import Token, tokens
from zhiyin.errors import FilterError

__all__ = ["Filter", "FilterLimits", "parse_filter"]

BINDS = {"or": 1, "and": 2, "not": 3}
COMPARES = frozenset(("=", "!=", "<", "<=", ">", ">="))
MOST_MASKS = 100
masks = Memory()


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """How much one expression may ask for: a mask over 100,000 items stays a matter of milliseconds."""

    length: int = 4000
    """Characters."""
    depth: int = 16
    """Parentheses, and `not`, one inside of the other."""
    terms: int = 50
    values: int = 1000
    """Values of all lists together."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed expression; it can be asked of any catalogue."""

    text: str
    program: tuple[Term | str, ...] = field(repr=False)
    """Postfix: a term puts its mask on a stack, "not", "and" and "or" take theirs from it."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names that it asks about, each once."""
        return tuple(dict.fromkeys(step.name for step in self.program if isinstance(step, Term)))

    def mask(self, catalogue: Catalogue) -> NDArray[np.bool_]:
        """(n_items,) True where an item fits, read-only; FilterError where no item can have the attribute.

        The masks of the filters that were asked last are remembered.
        """
        known = masks.of(catalogue, "", "masks", dict[str, NDArray[np.bool_]])
        found = known.get(self.text)
        if found is None:
            found = self._mask(catalogue)
            if len(known) >= MOST_MASKS:
                known.clear()
            known[self.text] = found
        return found

    def _mask(self, catalogue: Catalogue) -> NDArray[np.bool_]:
        stack: list[NDArray[np.bool_]] = []
        for step in self.program:
            if isinstance(step, Term):
                stack.append(term_mask(step, catalogue, self.text))
            elif step == "not":
                np.logical_not(stack[-1], out=stack[-1])
            else:
                join = np.logical_and if step == "and" else np.logical_or
                right = stack.pop()
                join(stack[-1], right, out=stack[-1])
        stack[0].flags.writeable = False
        return stack[0]


def parse_filter(text: str, *, limits: FilterLimits | None = None) -> Filter:
    """The expression, ready to be asked; FilterError with a caret under the first fault.

    Operators wait on a list, not on the call stack, so no input can exhaust that one.
    """
    limits = limits or FilterLimits()
    if len(text) > limits.length:
        raise FilterError(
            f"at most {limits.length} characters, got {len(text)}",
            text=text,
            at=limits.length,
            hint="the limit is filter.length",
        )
    return Filter(text, tuple(_Reading(text, limits).program()))


class _Reading:
    """One pass over the tokens (Dijkstra's shunting-yard)."""

    def __init__(self, text: str, limits: FilterLimits) -> None:
        self.text, self.limits = text, limits
        self._tokens: Iterator[Token] = tokens(text)
        self._next = next(self._tokens)
        self._n_terms = self._n_values = self._depth = 0

    def program(self) -> list[Term | str]:
        done: list[Term | str] = []
        waiting: list[Token] = []
        while True:
            while self._is("keyword", "not") or self._is("sign", "("):
                waiting.append(self._take())
                self._deeper(+1, waiting[-1])
            done.append(self._term())
            while self._is("sign", ")"):
                self._close(waiting, done)
            if self._next.kind == "end":
                break
            if not (self._is("keyword", "and") or self._is("keyword", "or")):
                raise self._fault("`and`, `or`" + (" or `)`" if _open(waiting) else " or the end"))
            self._release(waiting, done, BINDS[self._next.text])
            waiting.append(self._take())
        self._release(waiting, done, 0)
        if waiting:
            raise FilterError("a closing )", text=self.text, at=waiting[-1].at, hint="this ( never closes")
        return done

    def _release(self, waiting: list[Token], done: list[Term | str], binding: int) -> None:
        """Operators that bind at least as much as the next one are complete."""
        while waiting and waiting[-1].text != "(" and BINDS[waiting[-1].text] >= binding:
            done.append(waiting.pop().text)
            self._deeper(-(done[-1] == "not"), self._next)

    def _close(self, waiting: list[Token], done: list[Term | str]) -> None:
        self._release(waiting, done, 0)
        if not waiting:
            raise self._fault("`and`, `or` or the end", "this ) was never opened")
        waiting.pop()
        self._deeper(-1, self._take())

    def _term(self) -> Term:
        if self._next.kind not in ("name", "quoted"):
            raise self._fault("the name of an attribute")
        name = self._take()
        self._n_terms += 1
        self._bounded(self._n_terms, "terms", name)
        negated = self._is("keyword", "not")
        if negated:
            self._take()
            if not self._is("keyword", "in"):
                raise self._fault("`in`")
        if not negated and self._sign() in COMPARES:
            return Term(name.text, self._take().text, (self._value(),), name.at)
        if self._is("keyword", "in"):
            self._take()
            return Term(name.text, "not in" if negated else "in", self._values(), name.at)
        if self._is("keyword", "contains"):
            self._take()
            return Term(name.text, "contains", (self._value(),), name.at)
        if self._is("keyword", "exists"):
            self._take()
            return Term(name.text, "exists", (), name.at)
        raise self._fault("one of = != < <= > >= `in` `not in` `contains` `exists`")

    def _values(self) -> tuple[Token, ...]:
        if not self._is("sign", "("):
            raise self._fault("( and a list")
        self._take()
        found = [self._value()]
        while self._is("sign", ","):
            self._take()
            found.append(self._value())
        if not self._is("sign", ")"):
            raise self._fault("`,` or `)`")
        self._take()
        return tuple(found)

    def _value(self) -> Token:
        if self._next.kind not in ("name", "quoted", "number"):
            raise self._fault("a number or a word")
        self._n_values += 1
        self._bounded(self._n_values, "values", self._next)
        return self._take()

    def _sign(self) -> str:
        return self._next.text if self._next.kind == "sign" else ""

    def _is(self, kind: str, text: str) -> bool:
        return self._next.kind == kind and self._next.text == text

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _deeper(self, step: int, token: Token) -> None:
        self._depth += step
        self._bounded(self._depth, "depth", token)

    def _bounded(self, n: int, limit: str, token: Token) -> None:
        most = getattr(self.limits, limit)
        if n > most:
            raise FilterError(
                f"{limit} of at most {most}", text=self.text, at=token.at, hint=f"the limit is filter.{limit}"
            )

    def _fault(self, expected: str, hint: str = "") -> FilterError:
        said = hint or f"got {self._next.said()}"
        return FilterError(expected, text=self.text, at=self._next.at, hint=said)


def _open(waiting: list[Token]) -> bool:
    return any(token.text == "(" for token in waiting)
