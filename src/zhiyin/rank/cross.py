"""The neural ranker: features that multiply each other, under a loss over the whole list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Feature, State
from zhiyin.errors import MissingExtraError, NotFittedError
from zhiyin.rank.cross_rows import Scaling, network_scores
from zhiyin.rank.rows import Rows, features_of, held_out
from zhiyin.types import Candidates, FloatArray, Query

if TYPE_CHECKING:
    from zhiyin.rank.cross_training import Schedule

__all__ = ["CrossRanker"]

N_PERMUTED = 200
"""Questions that tell what each feature is worth."""


class CrossRanker:
    """A deep and cross network (DCN-V2; Wang et al., WWW 2021) over all sources and features.

    Learns from replay rows as the trees do, by torch (extra `train`), and answers by numpy alone. `n_cross`
    layers of `rank` multiply features with each other; `widths` are the layers of the perceptron beside them,
    () leaves it away. A tenth of the questions decides when to stop: after `patience` epochs without a
    better answer, or after `epochs`. A step learns from `batch_questions`. `loss` is "softmax" over the list
    of a question, or "lambda" for LambdaRank's pairs. `n_threads` of 0 means what torch is set to.
    """

    def __init__(
        self,
        *,
        features: Sequence[Feature],
        n_cross: int = 2,
        rank: int = 16,
        widths: tuple[int, ...] = (64, 32),
        dropout: float = 0.2,
        loss: Literal["softmax", "lambda"] = "softmax",
        epochs: int = 60,
        patience: int = 8,
        batch_questions: int = 64,
        learning_rate: float = 0.001,
        weight_decay: float = 0.1,
        n_threads: int = 0,
    ) -> None:
        self.features = features
        self.n_cross = n_cross
        self.rank = rank
        self.widths = widths
        self.dropout = dropout
        self.loss = loss
        self.epochs = epochs
        self.patience = patience
        self.batch_questions = batch_questions
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_threads = n_threads
        self.names_: tuple[str, ...] = ()
        self.scaling_: Scaling | None = None
        self.weights_: dict[str, FloatArray] = {}
        self.worth_: FloatArray = np.empty(0, np.float32)

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        """Trains the network; with too few questions to learn from (fewer than 20) it stays unfitted."""
        try:
            import torch

            from zhiyin.rank.cross_training import CrossNetwork, Lists, trained
        except ImportError as error:
            raise MissingExtraError("torch", extra="train") from error
        self.names_, self.scaling_, self.weights_ = rows.names, None, {}
        if len(rows.group) < 20:
            return self
        fit, check = held_out(rows, np.random.default_rng(seed))
        scaling = Scaling.of(fit.values)
        if not scaling.n_inputs:
            return self
        fit_lists, check_lists = (
            Lists.of(scaling.inputs(part.values), part.label, part.group) for part in (fit, check)
        )
        threads = torch.get_num_threads()
        torch.set_num_threads(self.n_threads or threads)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = CrossNetwork(
                    scaling.n_inputs,
                    layers=self.n_cross,
                    rank=self.rank,
                    widths=tuple(self.widths),
                    dropout=self.dropout,
                )
                self.weights_ = trained(network, fit_lists, check_lists, self._schedule(), seed=seed)
        finally:
            torch.set_num_threads(threads)
        self.scaling_ = scaling
        self.worth_ = self._worth(check.first(N_PERMUTED), np.random.default_rng(seed))
        return self

    def _schedule(self) -> Schedule:
        from zhiyin.rank.cross_training import Schedule

        return Schedule(
            loss=self.loss,
            epochs=self.epochs,
            patience=self.patience,
            batch=self.batch_questions,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _worth(self, rows: Rows, rng: np.random.Generator) -> FloatArray:
        """(f,) by how much the loss grows where a column is dealt out anew; never below 0."""
        usual, worth = self._loss(rows.values, rows), np.zeros(len(rows.names), np.float32)
        values = rows.values.copy()
        for column, kept in enumerate(rows.values.T):
            values[:, column] = rng.permutation(kept)
            worth[column] = max(self._loss(values, rows) - usual, 0.0)
            values[:, column] = kept
        return worth

    def _loss(self, values: FloatArray, rows: Rows) -> float:
        """Mean surprise at what was chosen."""
        score, first = self.score_rows(values).astype(np.float64), np.cumsum(rows.group) - rows.group
        score -= np.repeat(np.maximum.reduceat(score, first), rows.group)
        total = np.repeat(np.log(np.add.reduceat(np.exp(score), first)), rows.group)
        return float((total - score)[rows.label > 0].mean())

    def score(self, query: Query, candidates: Candidates) -> FloatArray:
        return self.score_rows(self.rows(query, candidates))

    def rows(self, query: Query, candidates: Candidates) -> FloatArray:
        """(c, len(names_)) what the network looks at, before it is scaled."""
        return features_of(self.features, query, candidates, self.names_)

    def score_rows(self, rows: FloatArray) -> FloatArray:
        """(c,) scores of such rows."""
        if self.scaling_ is None:
            raise NotFittedError("CrossRanker was asked before fit_rows: call Recommender.fit first")
        return network_scores(self.scaling_.inputs(rows), self.weights_)

    @property
    def fitted(self) -> bool:
        return self.scaling_ is not None

    def importances(self) -> dict[str, float]:
        """Share by feature, largest first, of what is lost where its values are dealt out anew.

        Of features that say the same each has a small share: the others stand in for it.
        """
        if self.scaling_ is None:
            raise NotFittedError("CrossRanker has no importances before fit")
        total = max(float(self.worth_.sum()), 1e-12)
        order = np.argsort(-self.worth_, kind="stable")
        return {self.names_[i]: float(self.worth_[i]) / total for i in order}

    def state(self) -> State:
        state: dict[str, NDArray[np.generic] | str] = {"names": json.dumps(self.names_)}
        if self.scaling_ is not None:
            state |= self.scaling_.state() | {"worth": self.worth_}
            state |= {f"weights.{name}": value for name, value in self.weights_.items()}
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        self.names_ = tuple(json.loads(str(state["names"])))
        self.scaling_ = Scaling.restored(state) if "worth" in state else None
        if self.scaling_ is not None:
            self.worth_ = np.asarray(state["worth"], np.float32)
        self.weights_ = {
            name.removeprefix("weights."): np.asarray(value, np.float32)
            for name, value in state.items()
            if name.startswith("weights.")
        }
        return self
