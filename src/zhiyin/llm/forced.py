"""The exact probability of given texts from a llama.cpp server, which does not say that of a prompt.

It does say the probability of each token that it writes, as the weights gave it, before any grammar. So a
grammar of single tokens forces it to write the text, and what it says is added up. Texts are taken in the
order of their tokens: each begins where it parts from the one before, with the server's prefix cache.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

from zhiyin.errors import LlmError
from zhiyin.llm.usage import said_usage
from zhiyin.types import FloatArray

__all__ = ["Post", "forced_likelihood"]

T = TypeVar("T")
Tokens = tuple[int, ...]
LEAST = -1e4
MANY = (2_000, 1_000_000)
"""Of the likeliest next tokens are looked through: some, then all."""


class Post(Protocol):
    """Sends a question to a path and reads the answer as a type, within some seconds."""

    def __call__(self, path: str, question: Any, kind: type[T], left: float) -> T: ...


class Token(msgspec.Struct):
    id: int
    piece: str | list[int]
    """Bytes where it is not whole letters."""


class Tokenized(msgspec.Struct):
    tokens: list[Token]


class Likely(msgspec.Struct):
    id: int
    logprob: float | None = None


class Written(msgspec.Struct):
    id: int
    logprob: float | None = None
    top_logprobs: list[Likely] = []


class Completion(msgspec.Struct):
    completion_probabilities: list[Written] = []
    tokens_evaluated: int = 0


def forced_likelihood(post: Post, prefix: str, texts: Sequence[str], left: float) -> FloatArray:
    """(n,) log-probability of each text after `prefix`.

    Both are cut into tokens as one string, so a token may lie across the boundary: then what the prefix
    alone has of it is taken off.
    """
    ends = time.monotonic() + left
    broken: set[int] = set()
    base = _tokens(post, prefix, ends, broken)
    wholes = [_tokens(post, prefix + text, ends, broken) for text in texts]
    shared = min((_common(base, whole) for whole in wholes), default=len(base))
    if not shared:  # a model without a start token needs one to stand on
        head = _tokens(post, "\n", ends, broken)[:1]
        base, wholes, shared = head + base, [head + whole for whole in wholes], 1
    tails = [whole[shared:] for whole in wholes]
    known = _forced(post, base[:shared], {*tails, base[shared:]}, broken, ends)
    rest = known[base[shared:]]
    scores: FloatArray = np.array([known[tail] - rest for tail in tails], np.float32)
    return np.clip(scores, LEAST, 0.0)


def _forced(
    post: Post, context: Tokens, tails: set[Tokens], broken: set[int], ends: float
) -> dict[Tokens, float]:
    """Tail -> sum of the log-probabilities of its tokens after `context`."""
    found: dict[Tokens, float] = {}
    last: Tokens = ()
    last_steps: list[float] = []
    for tail in sorted(tails):
        shared = _common(last, tail)
        before, rest = context + tail[:shared], tail[shared:]
        if broken.isdisjoint(rest):
            fresh = _by_grammar(post, before, rest, ends)
        else:  # of letters that are split over tokens, neither grammar nor answer says anything
            fresh = [_looked_up(post, before + rest[:at], token, ends) for at, token in enumerate(rest)]
        last, last_steps = tail, last_steps[:shared] + fresh
        found[tail] = sum(last_steps)
    return found


def _by_grammar(post: Post, before: Tokens, forced: Tokens, ends: float) -> list[float]:
    if not forced:
        return []
    grammar = "root ::= " + " ".join(f"<[{token}]>" for token in forced)
    written = _written(post, before, {"grammar": grammar, "n_predict": len(forced), "n_probs": 1}, ends)
    if tuple(one.id for one in written[: len(forced)]) != forced:
        raise LlmError("the server did not write the tokens that it was forced to", why="unable")
    return [_bounded(one.logprob) for one in written[: len(forced)]]


def _looked_up(post: Post, before: Tokens, token: int, ends: float) -> float:
    """Of one next token, from the list of the likeliest; an ASCII letter is written in its stead."""
    for many in MANY:
        how = {"grammar": "root ::= [a-z]", "n_predict": 1, "n_probs": many}
        written = _written(post, before, how, ends)
        for top in written[0].top_logprobs if written else ():
            if top.id == token:
                return _bounded(top.logprob)
    raise LlmError("the server did not say the probability of a token", why="unable")


def _written(post: Post, before: Tokens, how: dict[str, Any], ends: float) -> list[Written]:
    question = {"prompt": list(before), "temperature": 0.0, "cache_prompt": True, **how}
    answer = post("/completion", question, Completion, _left(ends))
    said_usage(len(before), how["n_predict"])
    return answer.completion_probabilities


def _bounded(logprob: float | None) -> float:
    return LEAST if logprob is None else max(logprob, LEAST)


def _tokens(post: Post, text: str, ends: float, broken: set[int]) -> Tokens:
    question = {"content": text, "add_special": True, "parse_special": False, "with_pieces": True}
    tokens = post("/tokenize", question, Tokenized, _left(ends)).tokens
    broken.update(token.id for token in tokens if isinstance(token.piece, list))
    return tuple(token.id for token in tokens)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise LlmError("no time is left for the next text", passing=True, why="late")
    return left


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with."""
    both = min(len(one), len(other))
    return next((at for at in range(both) if one[at] != other[at]), both)
