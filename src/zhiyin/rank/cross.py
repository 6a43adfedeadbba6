"""The neural ranker: features that multiply each other, under a loss over the whole list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zhiyin.contracts import Feature, State
from zhiyin.errors import NotFittedError, check_options
from zhiyin.rank.cross_network import CrossNetwork, Lists, Schedule, softmax_loss, train
from zhiyin.rank.cross_rows import Scaling
from zhiyin.rank.ranker import RowsRanker
from zhiyin.rank.rows import Rows, held_out
from zhiyin.types import FloatArray

__all__ = ["CrossRanker"]

N_PERMUTED = 200
"""Questions that tell what each feature is worth."""


class CrossRanker(RowsRanker):
    """A cross network (DCN-V2; Wang et al., WWW 2021) over all sources and features.

    Learns from replay rows under a loss over the list of each question. `n_cross` layers of `rank` multiply
    features with each other; 0 layers make it linear. A tenth of the questions decides when to stop: after
    `patience` epochs without a better answer, or after `epochs`. A step learns from `batch_questions` and
    does not see a share `dropout` of the inputs. `n_threads` is 1 because the products are small: more
    threads gain nothing on free cores and wait for each other on busy ones; 0 means what numpy is set to.
    """

    def __init__(
        self,
        *,
        features: Sequence[Feature],
        n_cross: int = 2,
        rank: int = 16,
        dropout: float = 0.1,
        epochs: int = 60,
        patience: int = 8,
        batch_questions: int = 64,
        learning_rate: float = 0.001,
        weight_decay: float = 0.1,
        n_threads: int = 1,
    ) -> None:
        self.features = features
        self.n_cross = n_cross
        self.rank = rank
        self.dropout = dropout
        self.epochs = epochs
        self.patience = patience
        self.batch_questions = batch_questions
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_threads = n_threads
        check_options(
            self, n_cross=(0, 16), rank=(1, 1024), dropout=(0, 0.9), epochs=(1, 10_000), patience=(1, 10_000),
            batch_questions=(1, 1e6), learning_rate=(1e-6, 1), weight_decay=(0, 100), n_threads=(0, 1024),
        )  # fmt: skip
        self.names_: tuple[str, ...] = ()
        self.scaling_: Scaling | None = None
        self.network_: CrossNetwork | None = None
        self.worth_: FloatArray = np.empty(0, np.float32)

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        """Trains the network; with too few questions to learn from (fewer than 20) it stays unfitted."""
        self.names_, self.scaling_, self.network_ = rows.names, None, None
        if len(rows.group) < 20:
            return self
        fit, check = held_out(rows, np.random.default_rng(seed))
        scaling = Scaling.of(fit.values)
        if not scaling.n_inputs:
            return self
        rng = np.random.default_rng(seed)
        network = CrossNetwork.fresh(scaling.n_inputs, layers=self.n_cross, rank=self.rank, rng=rng)
        with threadpool_limits(self.n_threads or None):
            train(network, _lists(scaling, fit), _lists(scaling, check), self._schedule(), seed=seed)
            self.scaling_, self.network_ = scaling, network
            self.worth_ = self._worth(check.first(N_PERMUTED), rng)
        return self

    def _schedule(self) -> Schedule:
        return Schedule(
            epochs=self.epochs,
            patience=self.patience,
            batch=self.batch_questions,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
        )

    def _worth(self, rows: Rows, rng: np.random.Generator) -> FloatArray:
        """(f,) by how much the loss grows where a column is dealt out anew; never below 0."""
        scaling, network = self._fitted()
        lists, worth = _lists(scaling, rows), np.zeros(len(rows.names), np.float32)
        usual, values = softmax_loss(network.scores(lists.x), lists), rows.values.copy()
        for column, kept in enumerate(rows.values.T):
            values[:, column] = rng.permutation(kept)
            worth[column] = max(softmax_loss(network.scores(scaling.inputs(values)), lists) - usual, 0.0)
            values[:, column] = kept
        return worth

    def score_rows(self, rows: FloatArray) -> FloatArray:
        scaling, network = self._fitted()
        return network.scores(scaling.inputs(rows))

    def _fitted(self) -> tuple[Scaling, CrossNetwork]:
        if self.scaling_ is None or self.network_ is None:
            raise NotFittedError("CrossRanker was asked before fit_rows: call Recommender.fit first")
        return self.scaling_, self.network_

    @property
    def fitted(self) -> bool:
        return self.scaling_ is not None

    def importances(self) -> dict[str, float]:
        """Share by feature, largest first, of what is lost where its values are dealt out anew.

        Of features that say the same each has a small share: the others stand in for it.
        """
        self._fitted()
        total = max(float(self.worth_.sum()), 1e-12)
        order = np.argsort(-self.worth_, kind="stable")
        return {self.names_[i]: float(self.worth_[i]) / total for i in order}

    def state(self) -> State:
        state: dict[str, NDArray[np.generic] | str] = {"names": json.dumps(self.names_)}
        if self.scaling_ is not None and self.network_ is not None:
            network = self.network_
            shape = np.array([network.n, network.layers, network.rank])
            state |= self.scaling_.state()
            state |= {"worth": self.worth_, "weights": network.flat, "shape": shape}
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.names_ = tuple(json.loads(str(state["names"])))
        self.scaling_ = self.network_ = None
        if "weights" in state:
            self.scaling_ = Scaling.restored(state)
            n, layers, rank = (int(size) for size in state["shape"])
            self.network_ = CrossNetwork(np.array(state["weights"], np.float32), n, layers, rank)
            self.worth_ = np.asarray(state["worth"], np.float32)
        return self


def _lists(scaling: Scaling, rows: Rows) -> Lists:
    return Lists(scaling.inputs(rows.values), rows.label.astype(np.float32), rows.group)
