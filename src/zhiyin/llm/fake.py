"""A language model for tests: its answers are rules that the test gives, its faults come on order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np

from zhiyin.errors import LlmError
from zhiyin.prepared import prepared
from zhiyin.types import FloatArray, Prompt

__all__ = ["Asked", "FakeModel", "Fault"]

T = TypeVar("T")

Fault: TypeAlias = Literal[
    "", "error", "slow", "hang", "crash", "nan", "infinite", "short", "long", "cut", "type",
]  # fmt: skip
"""
* error     LlmError at once
* slow      LlmError after the whole of `timeout`, as a model that keeps its promise
* hang      no answer until `release()`, whatever `timeout` says, then LlmError
* crash     RuntimeError: not what the contract allows
* nan, infinite, short, long     arrays with such numbers, or with a number too few or too many
* cut       `write` stops with LlmError after its first piece; elsewhere an error
* type      `complete` gives an object of another type than asked for; elsewhere an error
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the fake, with everything that it was given."""

    verb: Literal["complete", "write", "log_likelihood", "choose", "relevance"]
    timeout: float
    prompt: Prompt | None = None
    prefix: str = ""
    """Of `log_likelihood`; the question of `relevance`."""
    texts: tuple[str, ...] = ()
    schema: Any = None


class FakeModel:
    """All four protocols of language models, from rules.

    `complete(prompt, schema)` gives an instance, or what msgspec turns into one, or JSON as `str`;
    `write(prompt)` the pieces; `log_likelihood(prefix, texts)`, `choose(prompt, options)` and
    `relevance(question, texts)` one number a text. A verb without a rule raises LlmError, as a server that
    cannot do it. Without a rule `log_likelihood` says how many words of a text stand in the prefix.

    `faults` are used up one by one, call by call; "" and the end of them are good answers. `always` is a
    fault of every call. `asked` remembers all calls. Threads may share it.
    """

    def __init__(
        self,
        *,
        complete: Callable[[Prompt, Any], Any] | None = None,
        write: Callable[[Prompt], Iterable[str]] | None = None,
        log_likelihood: Callable[[str, Sequence[str]], Sequence[float]] | None = None,
        choose: Callable[[Prompt, Sequence[str]], Sequence[float]] | None = None,
        relevance: Callable[[str, Sequence[str]], Sequence[float]] | None = None,
        identity: str = "fake",
        faults: Iterable[Fault] = (),
        always: Fault = "",
    ) -> None:
        self.rules: dict[str, Callable[..., Any] | None] = {
            "complete": complete,
            "write": write,
            "log_likelihood": log_likelihood or shared_words,
            "choose": choose,
            "relevance": relevance,
        }
        self.identity = identity
        self.asked: list[Asked] = []
        self._faults: Iterator[Fault] = chain(faults, repeat(always))
        self._lock = threading.Lock()
        self._released = threading.Event()

    sends_out = False

    def release(self) -> None:
        """Lets every call go that hangs, and every later one."""
        self._released.set()

    def n_asked(self, task: str = "") -> int:
        """How many calls there were, or those with prompts of one task."""
        return sum(not task or (one.prompt is not None and one.prompt.task == task) for one in self.asked)

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        fault = self._begin(Asked("complete", timeout, prompt, schema=schema))
        answer: Any = self._rule("complete")(prompt, schema)
        if fault == "type":
            return object()  # type: ignore[return-value]
        try:
            if isinstance(answer, str) and schema is not str:
                return msgspec.json.decode(answer, type=prepared(schema))
            return msgspec.convert(answer, prepared(schema), from_attributes=True)
        except msgspec.MsgspecError as error:
            raise LlmError(f"the fake's answer is no {schema}: {error}") from error

    def write(self, prompt: Prompt, *, timeout: float) -> Iterator[str]:
        fault = self._begin(Asked("write", timeout, prompt))
        rule = self._rule("write")
        return self._pieces(rule(prompt), fault)

    def log_likelihood(self, prefix: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        fault = self._begin(Asked("log_likelihood", timeout, prefix=prefix, texts=tuple(texts)))
        return _spoilt(self._rule("log_likelihood")(prefix, texts), fault)

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        fault = self._begin(Asked("choose", timeout, prompt, texts=tuple(options)))
        given = np.asarray(self._rule("choose")(prompt, options), np.float32)
        return _spoilt(given - np.logaddexp.reduce(given) if given.size else given, fault)

    def relevance(self, question: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        fault = self._begin(Asked("relevance", timeout, prefix=question, texts=tuple(texts)))
        return _spoilt(self._rule("relevance")(question, texts), fault)

    def _begin(self, call: Asked) -> Fault:
        """Notes the call; the fault that the answer must show, if it is one that shows in an answer."""
        with self._lock:
            self.asked.append(call)
            fault = next(self._faults)
        if fault in ("slow", "hang"):
            self._released.wait(call.timeout if fault == "slow" else None)
        if fault == "crash":
            raise RuntimeError("the fake model crashed as it was told to")
        shows = {"complete": ("type",), "write": ("cut",)}.get(
            call.verb, ("nan", "infinite", "short", "long")
        )
        if fault and fault not in shows:
            raise LlmError(f"the fake model fails as it was told to: {fault}")
        return fault

    def _rule(self, verb: str) -> Callable[..., Any]:
        rule = self.rules[verb]
        if rule is None:
            raise LlmError(f"this fake model has no rule for {verb!r}")
        return rule

    def _pieces(self, pieces: Iterable[str], fault: Fault) -> Iterator[str]:
        for piece in pieces:
            yield piece
            if fault == "cut":
                raise LlmError("the fake model stops in the middle as it was told to")


def shared_words(prefix: str, texts: Sequence[str]) -> list[float]:
    """One number a text, below 0: nearer to 0 the more of its words stand in `prefix`."""
    known = set(prefix.lower().split())
    return [-1.0 - sum(word not in known for word in text.lower().split()) for text in texts]


def _spoilt(numbers: Sequence[float] | FloatArray, fault: Fault) -> FloatArray:
    array = np.array(numbers, np.float32)
    if fault in ("nan", "infinite") and array.size:
        array[0] = np.nan if fault == "nan" else -np.inf
    if fault == "long":
        return np.append(array, np.float32(0))
    return array[:-1] if fault == "short" else array
