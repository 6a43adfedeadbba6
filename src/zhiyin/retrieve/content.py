"""Items that read like what the user chose lately, and like the words of the request (C6, C7, R2, R6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, LlmError, NotFittedError, check_options
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.items import ItemVectors
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.represent.user import attention
from zhiyin.represent.vector_index import MAX_EXACT
from zhiyin.represent.words import words_vectors
from zhiyin.retrieve.near import N_READ
from zhiyin.retrieve.relevance import SilentRelevance, best
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["ContentRelevance", "ContentRetriever"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ContentRelevance:
    """Likeness to the history and to the words; each event's own likeness is the evidence."""

    vectors: ItemVectors
    wanted: FloatArray
    """(dim,) whose products with the rows are the scores; at a temperature above 0 they only choose what is
    read, and `heard` and `words` make the scores."""
    past: FloatArray
    """(h, dim) the vectors of the events; zeros for an event that does not speak."""
    weights: FloatArray
    """(h,) how much each event counts in a score."""
    words: FloatArray
    """(dim,) those of the request, by their share; zeros when there are none."""
    temperature: float = 0.0
    scale: float = 1.0
    """What the sum over the events was multiplied by."""
    n_read: int = N_READ
    degraded: bool = False
    """The words were left out because the encoder failed."""

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        index = self.vectors.index
        if self.temperature <= 0 or allowed is not None:
            codes, scores = index.search(self.wanted, max(self.n_read, 4 * n), allowed)
            scores = self.of(codes) if self.temperature > 0 else scores
        else:
            spans = index.spans(self.wanted, max(self.n_read, 4 * n))
            found = [self._scores(index.wide(slice(start, end))) for start, end in spans]
            codes, scores = index.alive(spans, np.concatenate(found))
        speaks = ~self.vectors.blank[codes]
        return best(codes[speaks], scores[speaks], n, exclude, allowed, len(index))

    def of(self, items: IntArray) -> FloatArray:
        found = self._scores(self.vectors.take(items))
        inside = (items >= 0) & (items < len(self.vectors))
        found[~inside | self.vectors.blank[np.where(inside, items, 0)]] = np.nan
        return found

    def _scores(self, rows: FloatArray) -> FloatArray:
        """(k,) of some rows."""
        if self.temperature <= 0:
            return rows @ self.wanted
        heard = np.flatnonzero(self.weights)
        liked = self.weights[heard] @ attention(self.past[heard] @ rows.T, self.temperature)
        return np.asarray(liked + rows @ self.words, np.float32)

    def evidence(self, items: IntArray) -> FloatArray | None:
        """(h, c) what each event gives each candidate; with the decayed weights it adds up to what the
        history has in the score. Words are not in it."""
        cosine = self.past @ self.vectors.take(items).T
        return attention(cosine, self.temperature) * np.float32(self.scale)


class ContentRetriever:
    """Cosine of item vectors with a user vector that is made from the query alone.

    The user vector is the sum of the history's item vectors, decayed by `decay` per step. Every item
    with a text can be found, with or without behaviour. `temperature` above 0 lets each candidate hear
    mostly those of the last `window` events that are like it, which costs one product per event instead
    of one in all; .8 finds more among products (Beauty, Games) and less among films. Words of the query
    get the share `words_share` of the score; with `only_words` a query without words gets no answer, which
    saves the pass over all vectors where other sources know the texts' likeness already.

    Up to `max_exact` items the search is exact, at 2 kB per item of 512 dimensions. Above it reads the
    `n_read` vectors that promise most, kept in 16 bits (see `VectorIndex`); scores stay exact. `encoder` None
    means the embedded one, behind the cache on disk.
    """

    hears_words = True
    """Its order for a query with words is an answer to the words."""

    def __init__(
        self,
        *,
        encoder: Encoder | None = None,
        decay: float = 0.8,
        temperature: float = 0.0,
        window: int = 20,
        words_share: float = 0.7,
        only_words: bool = False,
        max_exact: int = MAX_EXACT,
        n_read: int = N_READ,
    ) -> None:
        self.encoder = encoder
        self.decay = decay
        self.temperature = temperature
        self.window = window
        self.words_share = words_share
        self.only_words = only_words
        self.max_exact = max_exact
        self.n_read = n_read
        self.vectors_: ItemVectors | None = None
        self._default: Encoder | None = None
        check_options(
            self, decay=(0, 1), temperature=(0, 1000), window=(1, 1e6), words_share=(0, 1),
            max_exact=(0, 1e9), n_read=(1, 1e9),
        )  # fmt: skip

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.vectors_ = ItemVectors.of(self._encoder(), data.items, max_exact=self.max_exact)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Encodes the items whose text is new; they can be found, and speak in histories, at once."""
        old = self._fitted()
        self.vectors_ = ItemVectors.of(self._encoder(), items, old, changed, max_exact=self.max_exact)

    def relevance(self, query: Query) -> ContentRelevance | SilentRelevance:
        vectors, history = self._fitted(), query.history
        words, degraded = self._words(query.words)
        if self.only_words and words is None:
            return SilentRelevance(degraded)
        past = vectors.take(history.items)
        if self.temperature > 0:
            past[: -self.window] = 0
        weights = np.where(past.any(axis=1), history.decayed(self.decay), np.float32(0))
        speaks = bool(weights.any())
        if not speaks and words is None:
            return SilentRelevance(degraded)
        share = 0.0 if words is None else self.words_share if speaks else 1.0
        said = np.zeros(past.shape[1], np.float32) if words is None else np.float32(share) * words
        scale = (1 - share) * self._scale(past, weights)
        return ContentRelevance(
            vectors,
            wanted=np.float32(scale) * (weights @ past) + said,
            past=past,
            weights=np.float32(scale) * weights,
            words=said,
            temperature=self.temperature,
            scale=scale,
            n_read=self.n_read,
            degraded=degraded,
        )

    def state(self) -> State:
        return {**self._fitted().state(), "encoder": self._encoder().identity}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        here, saved = self._encoder().identity, state["encoder"]
        if here != saved:
            raise ArtefactError(
                f"the item vectors were made by the encoder {str(saved)!r}, but this one is {here!r}: "
                "give that encoder, or fit again"
            )
        self.vectors_ = ItemVectors.saved(state, max_exact=self.max_exact)
        return self

    def _scale(self, past: FloatArray, weights: FloatArray) -> float:
        """The factor that brings the sums over the events to at most 1."""
        length = np.abs(weights).sum() if self.temperature > 0 else np.linalg.norm(weights @ past)
        return 1 / max(float(length), 1e-9)

    def _words(self, words: str) -> tuple[FloatArray | None, bool]:
        """The vector of the words, if any, and whether the encoder failed."""
        if not words.strip() or self.words_share <= 0:
            return None, False
        try:
            vector = self._fitted().space.put(words_vectors(self._encoder(), [words]))[0]
        except LlmError as error:
            # A request must not fail because an encoder is away: the history still speaks.
            log.warning("words of a query were left out: %s", error.bare)
            return None, True
        return (vector, False) if vector.any() else (None, False)

    def _encoder(self) -> Encoder:
        if self.encoder is not None:
            return self.encoder
        if self._default is None:
            self._default = CachedEncoder(UseEncoder())
        return self._default

    def _fitted(self) -> ItemVectors:
        if self.vectors_ is None:
            raise NotFittedError("ContentRetriever was asked before fit: call fit(dataset) first")
        return self.vectors_
