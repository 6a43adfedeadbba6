"""The answers of model servers as they stand on the wire, and the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from zhiyin.types import FloatArray

__all__ = [
    "ChatAnswer",
    "ChatChunk",
    "CompletionsAnswer",
    "TopToken",
    "begins",
    "first_tokens",
    "option_scores",
    "summed",
]

LEAST = -1e4
"""Natural log of a probability that is as good as none; -inf is never returned."""


class Counted(msgspec.Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class TopToken(msgspec.Struct):
    token: str = ""
    logprob: float = LEAST


class Token(msgspec.Struct):
    token: str = ""
    logprob: float = LEAST
    top_logprobs: list[TopToken] | None = None


class ChatLogprobs(msgspec.Struct):
    content: list[Token] | None = None


class Message(msgspec.Struct):
    content: str | None = None


class ChatChoice(msgspec.Struct):
    message: Message = msgspec.field(default_factory=Message)
    finish_reason: str | None = None
    logprobs: ChatLogprobs | None = None


class ChatAnswer(msgspec.Struct):
    """Of /chat/completions."""

    choices: list[ChatChoice]
    usage: Counted | None = None


class Delta(msgspec.Struct):
    content: str | None = None


class ChunkChoice(msgspec.Struct):
    delta: Delta = msgspec.field(default_factory=Delta)
    finish_reason: str | None = None


class ChatChunk(msgspec.Struct):
    """One event of a streamed /chat/completions."""

    choices: list[ChunkChoice] = []
    usage: Counted | None = None
    error: Any = None


class TextLogprobs(msgspec.Struct):
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None
    text_offset: list[int] | None = None
    content: list[Token] | None = None
    """llama.cpp answers in the shape of chats here too."""


class TextChoice(msgspec.Struct):
    index: int = 0
    text: str = ""
    logprobs: TextLogprobs | None = None
    prompt_logprobs: list[dict[str, Any] | None] | None = None


class CompletionsAnswer(msgspec.Struct):
    """Of /completions."""

    choices: list[TextChoice]
    usage: Counted | None = None


def first_tokens(choice: ChatChoice | TextChoice) -> dict[str, float]:
    """Token -> log-probability, of what may stand first in an answer; empty where the server said none."""
    told = choice.logprobs
    if told is None:
        return {}
    if isinstance(told, TextLogprobs) and told.top_logprobs:
        return dict(told.top_logprobs[0] or {})
    if not told.content:
        return {}
    first = told.content[0]
    return {first.token: first.logprob, **{top.token: top.logprob for top in first.top_logprobs or ()}}


def begins(option: str, token: str) -> bool:
    """Whether an answer that starts with `token` may be `option`: case and blanks around do not count.

    >>> begins("Yes", " yes"), begins("Yes", "Y"), begins("A", "Apple"), begins("是", "是的")
    (True, True, False, False)
    """
    word, start = option.strip().casefold(), token.strip().casefold()
    return bool(start) and word.startswith(start)


def option_scores(options: Sequence[str], first: Mapping[str, float]) -> FloatArray | None:
    """(n,) log-probabilities over the options, from those of first tokens.

    None where this cannot be said: one token may begin several options, or none of them is seen. An
    option that no seen token begins gets what is left below the least of those that were seen.
    """
    mass = np.zeros(len(options), np.float64)
    for token, logprob in first.items():
        fits = [place for place, option in enumerate(options) if begins(option, token)]
        if len(fits) > 1:
            return None
        if fits:
            mass[fits[0]] += math.exp(min(logprob, 0.0))
    if not mass.any():
        return None
    floor = math.exp(max(min(first.values()), -50.0)) / 2
    scores = np.log(np.where(mass > 0, mass, floor))
    normalised: FloatArray = (scores - np.logaddexp.reduce(scores)).astype(np.float32)
    return normalised


def summed(choice: TextChoice, prompt: str) -> float | None:
    """Log-probability of a prompt's tokens after the first; None where the server did not say it."""
    if choice.prompt_logprobs is not None:
        told = [next(iter(one.values()), None) for one in choice.prompt_logprobs if one]
        numbers = [one.get("logprob") if isinstance(one, Mapping) else one for one in told]
        return _total(numbers) if numbers else 0.0
    echoed = choice.logprobs
    if echoed is None or not echoed.token_logprobs or not echoed.text_offset:
        return None
    if not choice.text.startswith(prompt[:20]):  # not an echo: these are the tokens that it wrote
        return None
    pairs = zip(echoed.token_logprobs, echoed.text_offset)
    return _total([logprob for logprob, offset in pairs if offset < len(prompt) and logprob is not None])


def _total(numbers: Sequence[Any]) -> float | None:
    if not all(isinstance(number, (int, float)) and not math.isnan(number) for number in numbers):
        return None
    return float(sum(max(float(number), LEAST) for number in numbers))
