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
from zhiyin.errors import ArtefactError, LlmError, NotFittedError
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.items import ItemVectors
from zhiyin.represent.space import Space
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.represent.user import attention, user_vector
from zhiyin.represent.words import words_vectors
from zhiyin.retrieve.relevance import DenseRelevance
from zhiyin.types import FloatArray, IntArray, Query

__all__ = ["ContentRelevance", "ContentRetriever"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ContentRelevance(DenseRelevance):
    """Likeness to the history and to the words; each event's own likeness is the evidence."""

    vectors: ItemVectors | None = None
    past: FloatArray | None = None
    """(h, dim) the vectors of the events; zeros for an event that does not speak."""
    temperature: float = 0.0
    scale: float = 1.0
    """What the sum over the events was multiplied by."""
    degraded: bool = False
    """The words were left out because the encoder failed."""

    def evidence(self, items: IntArray) -> FloatArray | None:
        """(h, c) what each event gives each candidate; with the decayed weights it adds up to what the
        history has in the score. Words are not in it."""
        if self.vectors is None or self.past is None:
            return None
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

    Exact search: 2 kB per item at 512 dimensions, good to about 100,000 items. `encoder` None means
    the embedded one, behind the cache on disk.
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
    ) -> None:
        self.encoder = encoder
        self.decay = decay
        self.temperature = temperature
        self.window = window
        self.words_share = words_share
        self.only_words = only_words
        self.vectors_: ItemVectors | None = None
        self._default: Encoder | None = None

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        self.vectors_ = ItemVectors.of(self._encoder(), data.items)
        return self

    def refresh(self, items: Catalogue) -> None:
        """Encodes the items whose text is new; they can be found, and speak in histories, at once."""
        self.vectors_ = ItemVectors.of(self._encoder(), items, self._fitted())

    def relevance(self, query: Query) -> ContentRelevance:
        vectors, history = self._fitted(), query.history
        words, degraded = self._words(query.words)
        if self.only_words and words is None:
            return ContentRelevance(np.full(len(vectors), np.nan, np.float32), degraded=degraded)
        past = vectors.take(history.items)
        if self.temperature > 0:
            past[: -self.window] = 0
        weights = np.where(past.any(axis=1), history.decayed(self.decay), np.float32(0))
        speaks = bool(weights.any())
        if not speaks and words is None:
            return ContentRelevance(np.full(len(vectors), np.nan, np.float32), degraded=degraded)
        share = 0.0 if words is None else self.words_share if speaks else 1.0
        liked, scale = self._liked(vectors.rows, past, weights)
        scores = np.float32(1 - share) * liked
        if words is not None:
            scores += np.float32(share) * (vectors.rows @ words)
        scores[vectors.blank] = np.nan
        return ContentRelevance(
            scores,
            vectors=vectors,
            past=past,
            temperature=self.temperature,
            scale=scale * (1 - share),
            degraded=degraded,
        )

    def state(self) -> State:
        vectors = self._fitted()
        return {
            "vectors": vectors.halves,
            "digests": vectors.digests,
            "centre": vectors.space.centre,
            "turn": vectors.space.turn,
            "encoder": self._encoder().identity,
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        here, saved = self._encoder().identity, state["encoder"]
        if here != saved:
            raise ArtefactError(
                f"the item vectors were made by the encoder {str(saved)!r}, but this one is {here!r}: "
                "give that encoder, or fit again"
            )
        self.vectors_ = ItemVectors.saved(
            np.asarray(state["vectors"], np.float16),
            np.asarray(state["digests"], np.uint64),
            Space(np.asarray(state["centre"], np.float32), np.asarray(state["turn"], np.float32)),
        )
        return self

    def _liked(self, rows: FloatArray, past: FloatArray, weights: FloatArray) -> tuple[FloatArray, float]:
        """(n,) sums over the events, and the factor that has brought them to at most 1."""
        if self.temperature > 0:
            heard = np.flatnonzero(weights)
            scale = 1 / max(float(np.abs(weights).sum()), 1e-9)
            shares: FloatArray = np.float32(scale) * weights[heard]
            return shares @ attention(past[heard] @ rows.T, self.temperature), scale
        scale = 1 / max(float(np.linalg.norm(weights @ past)), 1e-9)
        return rows @ user_vector(past, weights), scale

    def _words(self, words: str) -> tuple[FloatArray | None, bool]:
        """The vector of the words, if any, and whether the encoder failed."""
        if not words.strip() or self.words_share <= 0:
            return None, False
        try:
            vector = self._fitted().space.put(words_vectors(self._encoder(), [words]))[0]
        except LlmError as error:
            # A request must not fail because an encoder is away: the history still speaks.
            log.warning("words of a query were left out: %s", error)
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
