"""The verbs: what a part must be able to do to take a place in the flow.

Batch and single are the same computation. An unknown user or item is data, not an exception:
NaN, an empty list, then the fallback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import Candidates, FloatArray, IntArray, Interaction, Prompt, Query, Reason, TimeArray

if TYPE_CHECKING:
    from zhiyin.data.catalogue import Catalogue
    from zhiyin.data.dataset import Dataset

__all__ = [
    "Continuable",
    "Countable",
    "Encoder",
    "Explainer",
    "Feature",
    "LanguageModel",
    "LikelihoodModel",
    "LooksBack",
    "Persistent",
    "Refreshable",
    "Relevance",
    "RelevanceModel",
    "Reranker",
    "Retriever",
    "Scorer",
    "State",
    "Trainable",
    "Updatable",
    "WritingModel",
]

T = TypeVar("T")

State: TypeAlias = dict[str, NDArray[np.generic] | str]
"""What a part has learnt: arrays go to safetensors, strings to text files. Never code."""


@runtime_checkable
class Encoder(Protocol):
    """Texts to unit vectors of shape (n, dim), float32."""

    @property
    def dim(self) -> int: ...
    @property
    def identity(self) -> str:
        """Names the model and everything that changes its vectors: the cache's key."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray: ...


class Relevance(Protocol):
    """What one retriever thinks of the whole catalogue for one query, before anything is cut."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        """At most `n` item codes, best first, none of `exclude`; only items that it can score.

        `allowed` (n_items,) says which items may come at all (None: all); one beyond its end may not. Sources
        that look at a part of the catalogue only look as far as they must to find `n` allowed ones.
        """
        ...

    def of(self, items: IntArray) -> FloatArray:
        """(c,) scores of any items, each once; NaN = cannot score."""
        ...

    def evidence(self, items: IntArray) -> FloatArray | None:
        """(h, c) what each event of the history gives each of them, before decay; None = cannot say."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Whole catalogue to candidates. `relevance(query)` is the one question that it must answer.

    A retriever is asked once per query; fusion takes `top` of every source, then `of` for the union,
    so that the ranker sees every source's opinion of every candidate.
    """

    def relevance(self, query: Query) -> Relevance: ...


@runtime_checkable
class Scorer(Protocol):
    """Numbers of shape (len(candidates),); NaN = cannot score."""

    def score(self, query: Query, candidates: Candidates) -> FloatArray: ...


@runtime_checkable
class Feature(Protocol):
    """Columns for the learned ranker: trained and served values come from this one method."""

    def names(self, candidates: Candidates) -> tuple[str, ...]:
        """Names of the columns for candidates that come from such sources; the same for every query."""
        ...

    def values(self, query: Query, candidates: Candidates) -> FloatArray:
        """(c, len(names)) values; NaN = unknown."""
        ...


@runtime_checkable
class LooksBack(Protocol):
    """A part that looks at the context of past events: only under these names, and of them only under those
    that the question has a value for. A history brings no others."""

    @property
    def contexts(self) -> tuple[str, ...]: ...


@runtime_checkable
class Reranker(Protocol):
    """List in, list out: a permutation or a cut, never a new item."""

    def rerank(self, query: Query, ranking: Candidates, n: int) -> Candidates: ...


@runtime_checkable
class Explainer(Protocol):
    """At most a few reasons for each item of the ranking."""

    def explain(self, query: Query, ranking: Candidates) -> list[tuple[Reason, ...]]: ...


@runtime_checkable
class LanguageModel(Protocol):
    """A typed answer or LlmError; the caller owns the deadline. `timeout` is in seconds, everywhere here."""

    @property
    def identity(self) -> str:
        """Names the weights and everything that changes an answer: the cache's key."""
        ...

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        """An instance of `schema`, a msgspec.Struct (or any type that msgspec decodes)."""
        ...


@runtime_checkable
class WritingModel(Protocol):
    """Writes text bit by bit, or raises LlmError."""

    @property
    def identity(self) -> str: ...
    def write(self, prompt: Prompt, *, timeout: float) -> Iterator[str]: ...


@runtime_checkable
class LikelihoodModel(Protocol):
    """Says how probable text is, which needs no generation and no parsing; or raises LlmError."""

    @property
    def identity(self) -> str: ...

    def log_likelihood(self, prefix: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """(n,) natural log of the probability of each whole text after `prefix`; -inf is never returned."""
        ...

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        """(n,) log-probabilities of the answer's beginning with each of `options`, normalised over them."""
        ...


@runtime_checkable
class RelevanceModel(Protocol):
    """A cross-encoder behind a rerank endpoint, or LlmError."""

    @property
    def identity(self) -> str: ...

    def relevance(self, question: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """(n,) how well each text answers the question; only the order means something."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """Learns from a data set; fitting twice is the same as fitting once on the last."""

    def fit(self, data: Dataset, *, seed: int = 0) -> Self: ...


@runtime_checkable
class Continuable(Protocol):
    """Trainable at a price: fitted on a part of a log and then on all of it, it may go on from there."""

    def fit_more(self, data: Dataset, *, seed: int = 0) -> Self:
        """`data` holds everything that it was fitted on, and more."""
        ...


@runtime_checkable
class Updatable(Protocol):
    """Learns from one event; replay calls the same method."""

    def update(self, event: Interaction) -> None: ...


@runtime_checkable
class Countable(Protocol):
    """Learns from events as counts: many at once, without users; in which batches they come changes nothing.

    Answers that run meanwhile see the old state or the new.
    """

    def update_many(
        self, items: IntArray, at: TimeArray, weights: FloatArray, kinds: NDArray[np.int8]
    ) -> None:
        """(e,) item codes, UTC seconds (NaN = unknown), weights (below 0: a dislike), places in `KINDS`."""
        ...


@runtime_checkable
class Refreshable(Protocol):
    """Can take in items that were added or changed, without a new fit; codes never change their meaning."""

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """`changed` holds the codes that are new or altered since the last catalogue; None = look yourself.

        Answers that run meanwhile see all of the old state or all of the new: what a request reads is put in
        place by one assignment.
        """
        ...


@runtime_checkable
class Persistent(Protocol):
    """Can be saved and loaded without pickle."""

    def state(self) -> State: ...
    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self: ...
