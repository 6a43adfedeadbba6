"""How servers say the probability of a given text, and how they say relevance: one function a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from zhiyin.errors import LlmError
from zhiyin.llm.forced import Post, forced_likelihood
from zhiyin.llm.wire import LEAST, CompletionsAnswer, summed
from zhiyin.types import FloatArray

__all__ = ["Post", "likelihood_ways", "rerank_ways"]

Way = Callable[[float], FloatArray]
MOST_TEXTS = 128
"""Prompts in one question."""


class Generated(msgspec.Struct):
    meta_info: dict[str, Any] = {}


class Ranked(msgspec.Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class Reranked(msgspec.Struct):
    results: list[Ranked] | None = None
    data: list[Ranked] | None = None


def likelihood_ways(post: Post, head: Mapping[str, Any], prefix: str, texts: Sequence[str]) -> dict[str, Way]:
    """By name: vLLM's prompt_logprobs, the older echo of completions, SGLang's own, llama.cpp's steps."""
    return {
        "prompt_logprobs": lambda left: _by_completions(
            post, {**head, "prompt_logprobs": 0}, prefix, texts, left
        ),
        "echo": lambda left: _by_completions(
            post, {**head, "echo": True, "logprobs": 1}, prefix, texts, left
        ),
        "sglang": lambda left: _by_generate(post, prefix, texts, left),
        "forced": lambda left: forced_likelihood(post, prefix, texts, left),
    }


def rerank_ways(post: Post, name: str, question: str, texts: Sequence[str]) -> dict[str, Way]:
    """By name: the shape of Cohere, Jina and vLLM, then that of TEI."""
    asked = {"model": name, "query": question, "documents": list(texts), "top_n": len(texts)}
    plain = {"query": question, "texts": list(texts), "raw_scores": True, "truncate": True}

    def cohere(left: float) -> FloatArray:
        answer = post("rerank", asked, Reranked, left)
        return _placed(answer.results or answer.data or [], len(texts))

    def tei(left: float) -> FloatArray:
        return _placed(post("/rerank", plain, list[Ranked], left), len(texts))

    return {"cohere": cohere, "tei": tei}


def _by_completions(
    post: Post, head: Mapping[str, Any], prefix: str, texts: Sequence[str], left: float
) -> FloatArray:
    """The prefix alone and before each text, as one list of prompts; differences of their sums.

    So the boundary between prefix and text may fall inside a token.
    """
    prompts = [prefix, *(prefix + text for text in texts)]
    question = {**head, "prompt": prompts[:MOST_TEXTS], "max_tokens": 1, "temperature": 0.0}
    totals: list[float] = []
    for start in range(0, len(prompts), MOST_TEXTS):
        part = prompts[start : start + MOST_TEXTS]
        answer = post("completions", {**question, "prompt": part}, CompletionsAnswer, left)
        totals += _totals(answer, part)
    return _differences(totals)


def _totals(answer: CompletionsAnswer, prompts: Sequence[str]) -> list[float]:
    choices = sorted(answer.choices, key=lambda choice: choice.index)
    if len(choices) != len(prompts):
        raise LlmError(f"{len(prompts)} prompts were sent and {len(choices)} answers came", why="unable")
    totals = [summed(choice, prompt) for choice, prompt in zip(choices, prompts)]
    if any(total is None for total in totals):
        raise LlmError("the server does not say the log-probabilities of prompts", why="unable")
    return [total for total in totals if total is not None]


def _by_generate(post: Post, prefix: str, texts: Sequence[str], left: float) -> FloatArray:
    prompts = [prefix, *(prefix + text for text in texts)]
    sampling = {"max_new_tokens": 1, "temperature": 0.0}
    question = {"text": prompts, "sampling_params": sampling, "return_logprob": True, "logprob_start_len": 0}
    answers = post("/generate", question, list[Generated], left)
    totals = []
    for answer in answers:
        told = answer.meta_info.get("input_token_logprobs")
        if not isinstance(told, list) or len(answers) != len(prompts):
            raise LlmError("the server does not say the log-probabilities of prompts", why="unable")
        numbers = [one[0] for one in told if isinstance(one, list) and one]
        totals.append(sum(max(float(n), LEAST) for n in numbers if isinstance(n, (int, float))))
    return _differences(totals)


def _differences(totals: Sequence[float]) -> FloatArray:
    scores = np.array(totals[1:], np.float64) - totals[0]
    return np.clip(scores, LEAST, 0.0).astype(np.float32)


def _placed(ranked: Sequence[Ranked], n: int) -> FloatArray:
    """(n,) by index; every text must have one finite score."""
    scores = np.full(n, np.nan, np.float32)
    for one in ranked:
        number = one.relevance_score if one.relevance_score is not None else one.score
        if not 0 <= one.index < n or number is None:
            raise LlmError(f"the rerank answer names text {one.index} of {n}, or gives no score", why="form")
        with np.errstate(over="ignore"):
            scores[one.index] = number
    if not np.isfinite(scores).all():
        raise LlmError(f"{n} texts were sent and {int(np.isfinite(scores).sum())} scores came", why="form")
    return scores
