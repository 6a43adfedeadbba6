"""Everything that stands between a question and a language model, in one place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import numpy as np

from zhiyin.contracts import LanguageModel
from zhiyin.errors import LlmError, check_options
from zhiyin.llm.breaker import Breaker
from zhiyin.llm.budget import Budget, Limits
from zhiyin.llm.kept_answers import KeptAnswers, key_of
from zhiyin.llm.llm_file import LlmFile, UsageSum, default_file
from zhiyin.llm.masking import Masks
from zhiyin.llm.turns import Question, Turns
from zhiyin.llm.usage import tokens_of
from zhiyin.prepared import prepared
from zhiyin.types import FloatArray, Prompt

__all__ = ["GuardedLanguageModel"]

T = TypeVar("T")


class GuardedLanguageModel:
    """Asks `language_model` with a deadline, tries, a breaker, turns, a budget, a cache, masks and a ledger.

    The caller is free again when its timeout ends, whatever the model does; every fault is an LlmError.
    At most `max_at_once` questions run and `max_waiting` wait. One that may do better later is tried up to
    `tries` times, while there is time. After `open_after` faults in a row the model is left alone for
    `rest_s`, then for longer, up to `longest_rest_s`.

    Answers are kept for `keep_days` in `path` (default: `llm.sqlite` in the folder of the project, see
    `keep_in`, else in the cache directory), at most `max_answers`, under everything that could change them.
    Answers in words are on disk only for `durable_tasks`: others may tell of a person, and stay in memory.
    Scores are on disk.

    `price_in` and `price_out` are money for a million tokens; the limits are for one request (see `request`)
    and for a UTC day over all processes; a day has one unless None takes it away. `mask` replaces what is
    personal before it is sent; None: wherever a server is asked, but not in this process. `names` are
    words to mask too.
    """

    def __init__(
        self,
        *,
        language_model: LanguageModel,
        max_at_once: int = 4,
        max_waiting: int = 32,
        tries: int = 3,
        open_after: int = 5,
        rest_s: float = 5.0,
        longest_rest_s: float = 300.0,
        path: str | Path | None = None,
        keep_days: float = 30.0,
        max_answers: int = 500_000,
        max_in_memory: int = 20_000,
        durable_tasks: Sequence[str] = ("tags", "describe", "order", "verify"),
        price_in: float = 0.0,
        price_out: float = 0.0,
        tokens_per_request: int | None = None,
        money_per_request: float | None = None,
        tokens_per_day: int | None = 2_000_000,
        money_per_day: float | None = None,
        mask: bool | None = None,
        names: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.language_model = language_model
        self.max_at_once = max_at_once
        self.max_waiting = max_waiting
        self.tries = tries
        self.open_after = open_after
        self.rest_s = rest_s
        self.longest_rest_s = longest_rest_s
        self.path = path
        self.keep_days = keep_days
        self.max_answers = max_answers
        self.max_in_memory = max_in_memory
        self.durable_tasks = durable_tasks
        self.price_in = price_in
        self.price_out = price_out
        self.tokens_per_request = tokens_per_request
        self.money_per_request = money_per_request
        self.tokens_per_day = tokens_per_day
        self.money_per_day = money_per_day
        self.mask = mask
        self.names = names
        self.clock, self.now, self.sleep = clock, now, sleep
        self._lock = threading.Lock()
        self._turns: Turns | None = None
        self._kept: KeptAnswers | None = None
        self._folder: Path | None = None
        check_options(
            self, max_at_once=(1, 1e6), max_waiting=(0, 1e6), tries=(1, 1000),
            open_after=(1, 1e6), rest_s=(0, 1e6), longest_rest_s=(0, 1e7), keep_days=(0, 1e6),
            max_answers=(0, 1e12), max_in_memory=(0, 1e12), price_in=(0, 1e9), price_out=(0, 1e9),
            tokens_per_request=(0, 1e15), money_per_request=(0, 1e12), tokens_per_day=(0, 1e15),
            money_per_day=(0, 1e12),
        )  # fmt: skip

    @property
    def identity(self) -> str:
        """That of the model: the guard changes no answer."""
        return self.language_model.identity

    @property
    def sends_out(self) -> bool:
        """Whether questions leave this process."""
        return bool(getattr(self.language_model, "sends_out", True))

    @property
    def breaker(self) -> Breaker:
        """Its state can be watched."""
        return self._opened()[0].breaker

    def keep_in(self, folder: Path) -> None:
        """Answers, costs and the daily budget are this project's, unless `path` says otherwise.

        Asks for the identity now: who asks for a list need not wait until a large file has been read.
        """
        self._folder = folder
        with suppress(Exception):  # a model that is not there says so when it is asked
            _ = self.language_model.identity

    def request(self) -> AbstractContextManager[None]:
        """All questions within are one request, and share its limits."""
        return self._opened()[0].budget.request()

    def usage(self, since: float = 0.0) -> list[UsageSum]:
        """What was asked since a UTC time, by task; of all processes that share the file."""
        turns, kept = self._opened()
        turns.flush()
        return kept.file.sums(since)

    def close(self) -> None:
        """Writes down what is not yet in the ledger, and lets go of the file and of the model."""
        if self._turns is not None and self._kept is not None:
            self._turns.flush()
            self._kept.file.close()
        close = getattr(self.language_model, "close", None)
        if close is not None:
            close()

    # -- the four protocols --------------------------------------------------------------------------

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        """Fresh or kept, it has been through JSON and the schema once more, so that both are the same."""
        masks, asked = self._masked(prompt)
        question = self._question("complete", asked, timeout)
        key = self._key(question, *_parts(asked), _schema_text(cast("Hashable", schema)))
        durable = prompt.task in self.durable_tasks
        found = self._kept_or(question, key, durable, lambda left: self._typed(asked, schema, left))
        try:
            text = masks.unmask_json(found.decode()).encode() if masks.marks else found
            return msgspec.json.decode(text, type=prepared(schema))
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise LlmError(f"the answer is not what was asked for: {error}", why="form") from error

    def complete_many(
        self, prompts: Sequence[Prompt], *, schema: type[T], timeout: float
    ) -> list[T | LlmError]:
        """All within one timeout, `max_at_once` side by side; a fault stands in the place of its answer."""
        ends = self.clock() + timeout

        def one(prompt: Prompt) -> T | LlmError:
            try:
                return self.complete(prompt, schema=schema, timeout=max(0.001, ends - self.clock()))
            except LlmError as error:
                return error

        with ThreadPoolExecutor(max(1, min(self.max_at_once, len(prompts)))) as pool:
            jobs = [pool.submit(copy_context().run, one, prompt) for prompt in prompts]
            return [job.result() for job in jobs]

    def write(self, prompt: Prompt, *, timeout: float) -> Iterator[str]:
        """Piece by piece; nothing is tried again once a piece has come. Texts are not kept."""
        masks, asked = self._masked(prompt)
        question = self._question("write", asked, timeout)
        pieces = self._opened()[0].stream(question, lambda left: self._ability("write")(asked, timeout=left))
        yield from masks.unmask_pieces(pieces)

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        _, [user, *shown] = self._all_masked([prompt.user, *options])
        asked = replace(prompt, user=user)
        question = self._question("choose", asked, timeout, tokens_out=1)
        key = self._key(question, *_parts(asked), *shown)

        def ask(left: float) -> bytes:
            return _numbers(self._ability("choose")(asked, shown, timeout=left), len(shown))

        return np.frombuffer(self._kept_or(question, key, True, ask), np.float32).copy()

    def log_likelihood(
        self, prefix: str, texts: Sequence[str], *, timeout: float, task: str = "order"
    ) -> FloatArray:
        """Each text is kept for itself: only those that are new are asked for, each once."""
        return self._scores("log_likelihood", task, prefix, texts, timeout)

    def relevance(
        self, question: str, texts: Sequence[str], *, timeout: float, task: str = "order"
    ) -> FloatArray:
        return self._scores("relevance", task, question, texts, timeout)

    # -- how a question is asked ----------------------------------------------------------------------

    def _kept_or(self, question: Question, key: bytes, durable: bool, ask: Callable[[float], bytes]) -> bytes:
        turns, kept = self._opened()
        found = kept.one(key, durable)
        if found is not None:
            turns.from_cache(question, 1)
            return found
        answer = turns.ask(question, ask)
        kept.keep({key: answer}, question.task, durable)
        return answer

    def _scores(self, verb: str, task: str, prefix: str, texts: Sequence[str], timeout: float) -> FloatArray:
        if not texts:
            return np.zeros(0, np.float32)
        _, [prefix, *texts] = self._all_masked([prefix, *texts])
        question = Question(verb, task, self._identity(), tokens_of(prefix), 0, timeout)
        keys = [self._key(question, prefix, text) for text in texts]
        turns, kept = self._opened()
        found = kept.many(keys, durable=True)
        missing = {key: text for key, text in zip(keys, texts) if key not in found}
        if len(missing) < len(texts):
            turns.from_cache(question, len(texts) - len(missing))
        if missing:
            asked = list(missing.values())
            question = replace(question, tokens_in=question.tokens_in + sum(map(tokens_of, asked)))

            def ask(left: float) -> bytes:
                return _numbers(self._ability(verb)(prefix, asked, timeout=left), len(asked))

            numbers = turns.ask(question, ask)
            fresh = {key: numbers[4 * at : 4 * at + 4] for at, key in enumerate(missing)}
            kept.keep(fresh, task, durable=True)
            found |= fresh
        return np.frombuffer(b"".join(found[key] for key in keys), np.float32).copy()

    def _typed(self, prompt: Prompt, schema: type[T], left: float) -> bytes:
        answer = self.language_model.complete(prompt, schema=schema, timeout=left)
        try:
            encoded = msgspec.json.encode(answer)
            msgspec.json.decode(encoded, type=prepared(schema))
        except (msgspec.MsgspecError, TypeError) as error:
            raise LlmError(f"the answer is not what was asked for: {error}", why="form") from error
        return encoded

    def _ability(self, verb: str) -> Callable[..., Any]:
        found = getattr(self.language_model, verb, None)
        if found is None:
            raise LlmError(f"{type(self.language_model).__name__} cannot be asked for {verb}", why="unable")
        ability: Callable[..., Any] = found
        return ability

    def _question(self, verb: str, prompt: Prompt, timeout: float, tokens_out: int | None = None) -> Question:
        tokens_in = tokens_of(prompt.system) + tokens_of(prompt.user)
        out = prompt.max_tokens if tokens_out is None else tokens_out
        return Question(verb, prompt.task, self._identity(), tokens_in, out, timeout)

    def _key(self, question: Question, *parts: str) -> bytes:
        return key_of(question.verb, question.identity, *parts)

    def _identity(self) -> str:
        try:
            return self.language_model.identity
        except LlmError:
            raise
        except Exception as error:  # a missing file or package must not reach who asks for a list
            raise LlmError(str(error), why="unable") from error

    @property
    def _masks(self) -> bool:
        return self.sends_out if self.mask is None else self.mask

    def _masked(self, prompt: Prompt) -> tuple[Masks, Prompt]:
        masks, [asked] = self._all_masked([prompt.user])
        return masks, replace(prompt, user=asked)

    def _all_masked(self, texts: Sequence[str]) -> tuple[Masks, list[str]]:
        masks = Masks(self.names)
        return masks, masks.mask_all(texts) if self._masks else list(texts)

    def _file(self) -> Path:
        if self.path is not None:
            return Path(self.path)
        return default_file() if self._folder is None else self._folder / default_file().name

    def _opened(self) -> tuple[Turns, KeptAnswers]:
        with self._lock:
            if self._turns is None or self._kept is None:
                file = LlmFile(self._file(), max_answers=self.max_answers)
                limits = Limits(
                    self.price_in, self.price_out, self.tokens_per_request, self.money_per_request,
                    self.tokens_per_day, self.money_per_day,
                )  # fmt: skip
                breaker = Breaker(
                    open_after=self.open_after, rest_s=self.rest_s, longest_rest_s=self.longest_rest_s,
                    clock=self.clock,
                )  # fmt: skip
                self._turns = Turns(
                    breaker, Budget(limits, file, self.now), file, max_at_once=self.max_at_once,
                    max_waiting=self.max_waiting, tries=self.tries, clock=self.clock, now=self.now,
                    sleep=self.sleep,
                )  # fmt: skip
                self._kept = KeptAnswers(file, self.max_in_memory, self.keep_days * 86400, self.now)
            return self._turns, self._kept


def _parts(prompt: Prompt) -> tuple[str, ...]:
    """Everything of a prompt that can change its answer."""
    return (
        prompt.task, prompt.version, prompt.locale, str(prompt.max_tokens), prompt.system, prompt.user,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _schema_text(schema: Hashable) -> str:
    return msgspec.json.encode(msgspec.json.schema(schema)).decode()


def _numbers(scores: Any, n: int) -> bytes:
    """The scores as they are kept; one finite number a text, or LlmError."""
    array = np.asarray(scores, np.float32)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise LlmError(f"{n} scores were asked for, {array.shape} came or some are not finite", why="form")
    return array.tobytes()
