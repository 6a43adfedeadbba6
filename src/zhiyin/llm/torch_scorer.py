"""Exact probabilities of many texts after one prefix, by torch and transformers (extra `train`).

The prefix is read once and its keys and values are kept. All texts follow in one pass, side by side: each
token sees the prefix and its own text, by position and mask, and nothing of the other texts.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from zhiyin.errors import LlmError, check_options
from zhiyin.llm.special import without_marks
from zhiyin.llm.torch_weights import identity_of, loaded_weights
from zhiyin.llm.usage import said_usage
from zhiyin.types import FloatArray, Prompt

__all__ = ["TorchLanguageModel"]

T = TypeVar("T")
Tokens = tuple[int, ...]
LEAST = -1e4
MOST_ROWS = 4
"""Prefixes whose keys and values are kept."""


class TorchLanguageModel:
    """Scores texts with weights from `path`: a GGUF file, the name of an installed model, or a folder.

    A GGUF is unpacked once into a folder beside the models. `adapter` is a folder that PEFT wrote. `dtype` is
    auto: bfloat16 where the processor has instructions for it, some hundredths of a log less exact per token;
    else float32. A pass takes at most `max_packed` tokens; `n_ctx` bounds the prefix, of which the end is
    kept. It scores and does not write.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        adapter: str | Path | None = None,
        device: str = "cpu",
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        n_threads: int = 1,
        n_ctx: int = 4096,
        max_packed: int = 256,
    ) -> None:
        self.path = path
        self.adapter = adapter
        self.device = device
        self.dtype = dtype
        self.n_threads = n_threads
        self.n_ctx = n_ctx
        self.max_packed = max_packed
        self._turn = threading.Lock()
        self._weights: Any = None
        self._tokenizer: Any = None
        self._kept: OrderedDict[Tokens, tuple[Any, Any]] = OrderedDict()
        self._identity = ""
        check_options(self, n_threads=(1, 1024), n_ctx=(16, 1e7), max_packed=(1, 1e7))

    sends_out = False

    @property
    def identity(self) -> str:
        if not self._identity:
            self._identity = f"torch/{identity_of(self.path, self.adapter)}/{self.dtype}/{self.n_ctx}"
        return self._identity

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        raise LlmError(f'{self.path} under torch only scores: use type = "gguf" to write', why="unable")

    def log_likelihood(self, prefix: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """(n,) exact up to the precision of `dtype`. Between passes the clock is looked at."""
        if not texts:
            return np.zeros(0, np.float32)
        with self._asking(timeout) as ends:
            return self._judged(prefix or "\n", texts, ends)

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        """By the probability of each whole option as the beginning of the answer."""
        with self._asking(timeout) as ends:
            messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
            messages.append({"role": "user", "content": without_marks(prompt.user)})
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            scores = self._judged(text, options, ends, template=True).astype(np.float64)
            chances: FloatArray = (scores - np.logaddexp.reduce(scores)).astype(np.float32)
            return chances

    def close(self) -> None:
        """Lets go of the weights; the next question loads them again."""
        with self._turn:
            self._weights = self._tokenizer = None
            self._kept.clear()

    @contextmanager
    def _asking(self, timeout: float) -> Iterator[float]:
        ends = time.monotonic() + timeout
        if not self._turn.acquire(timeout=max(0.0, timeout)):
            raise LlmError(
                f"{self.path}: another question took all of {timeout:g} s", passing=True, why="busy"
            )
        try:
            if self._weights is None:
                self._weights, self._tokenizer = loaded_weights(
                    self.path, self.adapter, self.device, self.dtype, self.n_threads
                )
            yield ends
        finally:
            self._turn.release()

    def _judged(
        self, prefix: str, texts: Sequence[str], ends: float, *, template: bool = False
    ) -> FloatArray:
        base = self._tokens(prefix, template)[-self.n_ctx :]
        whole = [self._tokens(prefix + text, template)[-(self.n_ctx + len(text)) :] for text in texts]
        shared = min(_common(base, tokens) for tokens in whole)
        if not shared:  # the prefix was cut, or the model has no start token
            base = base or self._tokens("\n", template)
            tails = [self._tokens(text, template) for text in texts]
            shared = len(base)
        else:
            tails = [tokens[shared:] for tokens in whole]
        said_usage(shared + sum(map(len, tails)), 0)
        known = self._packed(base[:shared], sorted({*tails, base[shared:]}), ends)
        rest = known[base[shared:]]
        scores = np.array([known[tail] - rest for tail in tails], np.float32)
        return np.clip(scores, LEAST, 0.0)

    def _packed(self, context: Tokens, tails: Sequence[Tokens], ends: float) -> dict[Tokens, float]:
        """Tail -> sum of the log-probabilities of its tokens."""
        import torch

        found: dict[Tokens, float] = {}
        try:
            with torch.inference_mode():
                cache, first = self._read(context, ends)
                for group in _groups(tails, self.max_packed):
                    _check(ends)
                    found.update(self._pass(cache, len(context), first, group))
        except Exception:
            self._kept.pop(context, None)  # what a pass left in it is not known
            raise
        return found

    def _read(self, context: Tokens, ends: float) -> tuple[Any, Any]:
        """Keys and values of the context, and the log-probabilities of what comes next."""
        import torch
        from transformers import DynamicCache

        if context in self._kept:
            self._kept.move_to_end(context)
            return self._kept[context]
        cache, last = DynamicCache(), None
        for start in range(0, len(context), self.max_packed):
            _check(ends)
            part = torch.tensor([context[start : start + self.max_packed]], device=self.device)
            out = self._weights(input_ids=part, cache=cache, use_cache=True, logits_to_keep=1)
            last = torch.log_softmax(out.logits[0, -1].float(), -1)
        self._kept[context] = (cache, last)
        while len(self._kept) > MOST_ROWS:
            self._kept.popitem(last=False)
        return cache, last

    def _pass(self, cache: Any, n: int, first: Any, group: Sequence[Tokens]) -> dict[Tokens, float]:
        """One pass over tails side by side; the last token of each is only looked at."""
        import torch

        fed = [token for tail in group for token in tail[:-1]]
        steps = torch.zeros(0, 1)
        if fed:
            owner = torch.tensor([row for row, tail in enumerate(group) for _ in tail[:-1]])
            place = torch.tensor([n + at for tail in group for at in range(len(tail) - 1)])
            seen = (owner[:, None] == owner[None, :]) & (place[:, None] >= place[None, :])
            mask = torch.cat([torch.ones(len(fed), n, dtype=torch.bool), seen], 1)
            kind = self._weights.dtype
            weight = torch.zeros(mask.shape, dtype=kind).masked_fill(~mask, torch.finfo(kind).min)
            out = self._weights(
                input_ids=torch.tensor([fed], device=self.device),
                attention_mask=weight[None, None].to(self.device),
                position_ids=place[None].to(self.device),
                cache=cache,
                use_cache=True,
            )
            cache.crop(-len(fed))
            steps = torch.log_softmax(out.logits[0].float(), -1)
        found, at = {}, 0
        for tail in group:
            total = float(first[tail[0]]) if tail else 0.0
            for token in tail[1:]:
                total += float(steps[at, token])
                at += 1
            found[tail] = total
        return found

    def _tokens(self, text: str, template: bool) -> Tokens:
        if not template:
            text = without_marks(text)
        return tuple(self._tokenizer(text, add_special_tokens=not template)["input_ids"])


def _groups(tails: Sequence[Tokens], most: int) -> Iterator[list[Tokens]]:
    """Tails that together have at most `most` tokens to feed; a longer one goes alone."""
    group: list[Tokens] = []
    size = 0
    for tail in tails:
        if group and size + len(tail) > most:
            yield group
            group, size = [], 0
        group.append(tail)
        size += len(tail)
    if group:
        yield group


def _check(ends: float) -> None:
    if time.monotonic() > ends:
        raise LlmError("no time is left for the next pass", passing=True, why="late")


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with."""
    both = min(len(one), len(other))
    return next((at for at in range(both) if one[at] != other[at]), both)
