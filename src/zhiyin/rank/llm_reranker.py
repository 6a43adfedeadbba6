"""A language model's opinion on the first few, from what was judged before: a request never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal, Self

from zhiyin.contracts import LanguageModel
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import check_options
from zhiyin.llm.verdict import Way, verdict_of
from zhiyin.rank.judgements import Judgements, Wish, key_of, texts_of
from zhiyin.rank.llm_gate import Gate
from zhiyin.rank.llm_judge import MOST, judged
from zhiyin.rank.llm_prompts import VERSION
from zhiyin.rank.window import blended
from zhiyin.types import Candidates, FloatArray, IntArray, Query

__all__ = ["LlmReranker"]


class LlmReranker:
    """Permutes the first `window` by score + `weight` * what the model thinks, where the gate is open.

    The model reads the last `n_history` liked titles. What it has not judged yet is noted and judged by a
    thread of its own within `timeout_s`; until then the ranking stays as it is. `groups`, `max_spread` and
    `min_words` are the gate's: `zhiyin distil` prints those that held-out data bears out. By default only
    people with 1 to 20 events are asked about. `way` "best" is the one that `zhiyin models verify` found for
    the model in the query's language; where it found that the model only guesses, it is not asked, and a
    model that was never tested is asked for likelihoods.
    """

    def __init__(
        self,
        *,
        llm: LanguageModel,
        way: Way | Literal["best"] = "best",
        window: int = 10,
        weight: float = 0.3,
        n_history: int = 8,
        groups: Sequence[int] = (0, 1),
        max_spread: float = float("inf"),
        min_words: float = 1.5,
        rotations: int = 4,
        timeout_s: float = 60.0,
        max_kept: int = 50_000,
        max_waiting: int = 256,
        background: bool = True,
    ) -> None:
        self.llm = llm
        self.way = way
        self.window = window
        self.weight = weight
        self.n_history = n_history
        self.groups = groups
        self.max_spread = max_spread
        self.min_words = min_words
        self.rotations = rotations
        self.timeout_s = timeout_s
        self.max_kept = max_kept
        self.max_waiting = max_waiting
        self.background = background
        self.titles_: tuple[str, ...] = ()
        self._ways: dict[str, Way | None] = {}
        self._judgements: Judgements[FloatArray] | None = None
        self._lock = threading.Lock()
        check_options(
            self, window=(1, 1000), weight=(0, 100), n_history=(0, 1000),
            max_spread=(0, float("inf")), min_words=(0, 1e6), rotations=(1, 1000),
            timeout_s=(0.001, 1e5), max_kept=(1, 1e9), max_waiting=(1, 1e9),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        """Takes over the titles; there is nothing to learn."""
        self.refresh(data.items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Reads titles from this catalogue from now on; a changed title is judged anew."""
        self.titles_ = items.titles

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates:
        wish = self._wish(query, ranking)
        opinion = None if wish is None else self.judgements.of(wish)
        return ranking if opinion is None else blended(ranking, opinion, self.weight)

    def _wish(self, query: Query, ranking: Candidates) -> Wish | None:
        """What would have to be judged; None where the gate is closed or a title is unknown."""
        codes = ranking.items[: min(self.window, MOST)].tolist()
        titles = texts_of(self.titles_, codes)
        liked = query.history.items[query.history.weights > 0]
        history = texts_of(self.titles_, liked[-self.n_history :].tolist())
        gate = Gate(tuple(self.groups), self.max_spread, self.min_words)
        if len(titles) < len(codes) or not history or not gate.opens(query, ranking, titles):
            return None
        way = self.way_for(query.locale)
        if way is None:
            return None
        head = (self.llm.identity, VERSION, way, str(self.rotations), query.locale)
        return Wish(key_of(*head, *history, "\x00", *titles), history, titles, query.locale)

    @property
    def degraded(self) -> bool:
        """Whether the model failed the last time: lists that it has not judged stay without its opinion."""
        return self._judgements is not None and self._judgements.failing

    def way_for(self, locale: str) -> Way | None:
        """How the model is asked in this language, by its verdict, read once; None where it only guesses."""
        if self.way != "best":
            return self.way
        if locale not in self._ways:
            verdict = verdict_of(self.llm.identity)
            self._ways[locale] = "likelihood" if verdict is None else verdict.best(locale)
        return self._ways[locale]

    @property
    def judgements(self) -> Judgements[FloatArray]:
        """What is kept and what waits; made on first use, because a copy or another process has its own."""
        with self._lock:
            if self._judgements is None:
                self._judgements = Judgements(
                    self._judge,
                    max_kept=self.max_kept,
                    max_waiting=self.max_waiting,
                    background=self.background,
                )
            return self._judgements

    def _judge(self, wish: Wish) -> FloatArray:
        return judged(
            self.llm, self.way_for(wish.locale) or "likelihood", wish.history, wish.titles,
            locale=wish.locale, timeout=self.timeout_s, rotations=self.rotations,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """For copies: what has been judged and the thread stay where they are."""
        left = ("_judgements", "_lock", "_ways")
        return {name: value for name, value in vars(self).items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _judgements=None, _ways={}, _lock=threading.Lock())
