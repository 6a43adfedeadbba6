"""A recurrent network over the history (C11): cheaper than attention for short histories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhiyin.contracts import Encoder
from zhiyin.errors import check_options
from zhiyin.retrieve.sequence import RANGES, SequenceRetriever
from zhiyin.retrieve.sequence_serving import Arrays, gru_state
from zhiyin.types import FloatArray

if TYPE_CHECKING:
    from zhiyin.retrieve.sequence_network import Body

__all__ = ["GruRetriever"]


class GruRetriever(SequenceRetriever):
    """Gated recurrent layers, trained and asked as `TransformerRetriever` is; the options mean the same.

    Answers read the last `n_history` events one after the other.
    """

    def __init__(
        self,
        *,
        encoder: Encoder | None = None,
        dim: int = 64,
        layers: int = 1,
        dropout: float = 0.2,
        max_len: int = 100,
        n_history: int = 50,
        epochs: int | None = None,
        more_epochs: int | None = None,
        patience: int = 4,
        batch_events: int = 4_000,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        negatives: int | None = None,
        crop: float = 0.0,
        mask: float = 0.0,
        reorder: float = 0.0,
        noise: float = 0.0,
        checkpoint: str | None = None,
        n_threads: int = 0,
    ) -> None:
        self.encoder = encoder
        self.dim = dim
        self.layers = layers
        self.dropout = dropout
        self.max_len = max_len
        self.n_history = n_history
        self.epochs = epochs
        self.more_epochs = more_epochs
        self.patience = patience
        self.batch_events = batch_events
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.negatives = negatives
        self.crop = crop
        self.mask = mask
        self.reorder = reorder
        self.noise = noise
        self.checkpoint = checkpoint
        self.n_threads = n_threads
        check_options(self, **RANGES)

    def _body(self, dropout: float) -> Body:
        from zhiyin.retrieve.sequence_network import GruBody

        return GruBody(dim=self.dim, layers=self.layers, dropout=dropout)

    def _state(self, x: FloatArray, arrays: Arrays) -> FloatArray:
        return gru_state(x, arrays, layers=self.layers)
