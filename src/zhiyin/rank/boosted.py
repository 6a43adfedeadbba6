"""The learned ranker: boosted trees under a ranking loss."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Feature, State
from zhiyin.errors import NotFittedError, check_options, needs_openmp
from zhiyin.rank.ranker import RowsRanker
from zhiyin.rank.rows import Rows, held_out
from zhiyin.types import FloatArray

__all__ = ["BoostedRanker", "boosting"]


class BoostedRanker(RowsRanker):
    """LambdaMART (Burges, MSR-TR-2010-82) by LightGBM over all sources and features.

    Learns from replay rows; a tenth of the questions decides how many trees are worth having.
    """

    def __init__(
        self,
        *,
        features: Sequence[Feature],
        n_trees: int = 200,
        n_leaves: int = 15,
        learning_rate: float = 0.08,
        min_rows_in_leaf: int = 50,
        truncation: int = 20,
        n_threads: int = 0,
    ) -> None:
        self.features = features
        self.n_trees = n_trees
        self.n_leaves = n_leaves
        self.learning_rate = learning_rate
        self.min_rows_in_leaf = min_rows_in_leaf
        self.truncation = truncation
        self.n_threads = n_threads
        check_options(
            self, n_trees=(1, 100_000), n_leaves=(2, 131_072), learning_rate=(1e-6, 1),
            min_rows_in_leaf=(0, 1e9), truncation=(1, 10_000), n_threads=(0, 1024),
        )  # fmt: skip
        self.names_: tuple[str, ...] = ()
        self.booster_: Any = None

    def fit_rows(self, rows: Rows, *, seed: int = 0) -> Self:
        """Grows the trees; with too few questions to learn from (fewer than 20) it stays unfitted."""
        lightgbm = boosting()
        self.names_, self.booster_ = rows.names, None
        if len(rows.group) < 20:
            return self
        fit, check = held_out(rows, np.random.default_rng(seed))
        train = lightgbm.Dataset(fit.values, fit.label, group=fit.group, free_raw_data=True)
        valid = lightgbm.Dataset(check.values, check.label, group=check.group, reference=train)
        self.booster_ = lightgbm.train(
            self._parameters(seed),
            train,
            num_boost_round=self.n_trees,
            valid_sets=[valid],
            callbacks=[lightgbm.early_stopping(30, verbose=False)],
        )
        # Trees beyond the best round are only a cost at every request.
        self.booster_ = lightgbm.Booster(
            model_str=self.booster_.model_to_string(num_iteration=self.booster_.best_iteration)
        )
        return self

    def _parameters(self, seed: int) -> dict[str, object]:
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "lambdarank_truncation_level": self.truncation,
            "num_leaves": self.n_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_rows_in_leaf,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 5.0,
            "max_bin": 127,
            "num_threads": self.n_threads,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbose": -1,
        }

    def score_rows(self, rows: FloatArray) -> FloatArray:
        if self.booster_ is None:
            raise NotFittedError("BoostedRanker was asked before fit_rows: call Recommender.fit first")
        score: FloatArray = self.booster_.predict(rows, num_threads=1).astype(np.float32)
        return score

    @property
    def fitted(self) -> bool:
        return self.booster_ is not None

    def importances(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        if self.booster_ is None:
            raise NotFittedError("BoostedRanker has no importances before fit")
        gain = self.booster_.feature_importance("gain")
        order = np.argsort(-gain, kind="stable")
        total = max(float(gain.sum()), 1e-12)
        return {self.names_[i]: float(gain[i]) / total for i in order}

    def state(self) -> State:
        trees = "" if self.booster_ is None else self.booster_.model_to_string()
        return {"trees": trees, "names": json.dumps(self.names_)}

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        lightgbm = boosting()
        self.names_ = tuple(json.loads(str(state["names"])))
        trees = str(state["trees"])
        self.booster_ = lightgbm.Booster(model_str=trees) if trees else None
        return self


def boosting() -> Any:
    """The library lightgbm; a MissingLibraryError where the system lacks what it is linked with."""
    with needs_openmp("LightGBM"):
        import lightgbm
    return lightgbm
