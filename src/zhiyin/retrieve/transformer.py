"""A causal Transformer over the history (C11): what is next, by everything that came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zhiyin.contracts import Encoder
from zhiyin.errors import ConfigError, check_options
from zhiyin.retrieve.sequence import RANGES, SequenceRetriever
from zhiyin.retrieve.sequence_serving import Arrays, slopes, transformer_state
from zhiyin.types import FloatArray

if TYPE_CHECKING:
    from zhiyin.retrieve.sequence_network import Body

__all__ = ["TransformerRetriever"]


class TransformerRetriever(SequenceRetriever):
    """After SASRec (Kang and McAuley, 2018), trained by cross-entropy over the catalogue.

    Inputs are the items, the times between events and their weights; heads forget with distance (see
    `slopes`), so no position is learnt. Training (torch: the extra `train`) reads windows of `max_len`
    events; answers (numpy) read the last `n_history`. `epochs` None: as many as suit the size of the log; it
    stops after `patience` epochs without a better ndcg@10 on held events. `more_epochs` None: `fit_more`
    learns a log of up to 600,000 events anew, and goes on for a third of `epochs`, at most two million
    events, with a longer one. `dropout` None: a half where items have few events, else a fifth. `negatives`
    items are drawn for each step, by the root of their popularity; 0 compares with the whole catalogue, and
    None does so up to 5,000 items and draws 4,096 above. `crop`, `mask`, `reorder`, `noise` alter what is
    learnt from. `checkpoint` is a folder; a fit that was cut off goes on from it. `encoder` None means the
    embedded one, behind the cache on disk; `n_threads` 0: as torch decides.
    """

    def __init__(
        self,
        *,
        encoder: Encoder | None = None,
        dim: int = 128,
        layers: int = 2,
        heads: int = 4,
        width: int = 2,
        dropout: float | None = None,
        max_len: int = 200,
        n_history: int = 100,
        epochs: int | None = None,
        more_epochs: int | None = None,
        patience: int = 8,
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
        self.heads = heads
        self.width = width
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
        check_options(self, **RANGES, heads=(1, 64), width=(1, 64))
        if dim % heads:
            raise ConfigError(f"dim = {dim}, heads = {heads}: expected a dim that the heads share evenly")

    def _body(self, dropout: float) -> Body:
        from zhiyin.retrieve.sequence_network import TransformerBody

        return TransformerBody(
            dim=self.dim, layers=self.layers, heads=self.heads, width=self.width, dropout=dropout
        )

    def _state(self, x: FloatArray, arrays: Arrays) -> FloatArray:
        forgets = np.array(slopes(self.heads), np.float32)
        return transformer_state(x, arrays, layers=self.layers, slopes=forgets)
