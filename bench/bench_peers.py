"""Other libraries on the same files, under the same protocol, beside ours: quality, fit time, answer time.

    python bench/bench_peers.py [--sets ml-100k/T+V] [--part test] [--trials 6] [--no-ours]
    python bench/bench_peers.py --python rectools=venv1/bin/python lenskit=venv2/bin/python --trials 2

`implicit` is here because zhiyin depends on it: its ALS, BPR and item-kNN (cosine, BM25), with the best of
some settings on the validation part, the same number of trials for each. RecTools, LensKit and RecBole pin
other versions than we do: they learn in environments of their own (`pip install "rectools[torch]"`, `pip
install lenskit`, `pip install recbole "numpy<2" "pandas<2.3" "setuptools<81"`), which `--python` names, and
know their askers from training: so for them regime T+V (`--regime`). `--peers` takes some of them only, by
a part of the name. Sets come from $ZHIYIN_DATA.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.data.split import LeaveOneOut
from zhiyin.evaluate import evaluate
from zhiyin.evaluate.benchmarks import chosen
from zhiyin.recommender import Recommender
from zhiyin.types import Candidates, Query


class Peer:
    """A library's own training and its own answer for a history that it may not have seen in training."""

    def __init__(self, *, make: Callable[[int], Any], fold_in: bool) -> None:
        self.make = make
        self.fold_in = fold_in

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        keys = np.unique(data.user.astype(np.int64) * data.n_items + data.item)
        rows, columns = np.divmod(keys, data.n_items)
        ones = np.ones(len(keys), np.float32)
        self.matrix = sparse.csr_matrix((ones, (rows, columns)), shape=(data.n_users, data.n_items))
        self.users, self.n_items = data.users, data.n_items
        self.peer = self.make(seed)
        self.peer.fit(self.matrix, show_progress=False)
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        history = np.unique(query.history.items)
        row = sparse.csr_matrix(
            (np.ones(len(history), np.float32), (np.zeros(len(history), int), history)),
            shape=(1, self.n_items),
        )
        user = self.users.code(query.user) if query.user else 0
        items, _ = self.peer.recommend(
            user,
            row,
            N=n,
            recalculate_user=self.fold_in,
            filter_already_liked_items=bool(len(query.exclude)),
        )
        items = items[items >= 0]
        return Candidates(items[~np.isin(items, query.exclude)].astype(np.int32))


class Elsewhere:
    """A library in an environment of its own (`peer_script.py`): learns, and ranks for all users at once."""

    def __init__(
        self, *, python: str, library: str, name: str, n: int = 20, options: Mapping[str, Any]
    ) -> None:
        self.python = python
        self.library, self.name, self.n, self.options = library, name, n, options

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        order = {
            "library": self.library,
            "name": self.name,
            "n": self.n,
            "options": self.options,
            "seed": seed,
        }
        with tempfile.TemporaryDirectory() as folder:
            np.savez(Path(folder) / "log.npz", user=data.user, item=data.item)
            command = [
                str(Path(self.python).absolute()),
                str(Path(__file__).absolute().with_name("peer_script.py")),
                folder,
                json.dumps(order),
            ]
            subprocess.run(command, check=True, cwd=folder)  # RecBole leaves files where it stands
            with np.load(Path(folder) / "top.npz") as found:
                self.items, (fit_s, answer_s) = found["items"], found["seconds"]
        print(
            f"{self.library} {self.name} {self.options}: fit {fit_s:.1f} s, answers {answer_s:.1f} s",
            flush=True,
        )
        self.users = data.users
        return self

    def rank(self, query: Query, n: int) -> Candidates:
        user = self.users.code(query.user) if query.user else -1
        items = self.items[user] if 0 <= user < len(self.items) else np.empty(0, np.int64)
        items = items[(items >= 0) & ~np.isin(items, query.exclude)]
        return Candidates(items[:n].astype(np.int32))


def elsewhere(named: Sequence[str]) -> dict[str, list[Elsewhere]]:
    """Peer -> the settings that are tried, the library's own first, or those of its papers and guides."""
    tried: dict[str, dict[str, list[Mapping[str, Any]]]] = {
        "rectools": {
            "SASRec": [
                {"session_max_len": 50, "n_factors": 128, "n_heads": 2, "epochs": 20},
                {"session_max_len": 50, "n_factors": 64, "n_heads": 1, "epochs": 40, "dropout_rate": 0.5},
            ],
            "EASE": [{"regularization": strength} for strength in (500.0, 100.0)],
            "ALS": [{"factors": factors, "regularization": 0.1, "alpha": 10.0} for factors in (64, 128)],
        },
        "recbole": {
            "EASE": [{"reg_weight": strength} for strength in (250.0, 500.0)],
            "SASRec": [
                {"loss_type": "CE", "train_neg_sample_args": None, "epochs": 10, **more}
                for more in (
                    {"hidden_size": 64},
                    {"hidden_size": 64, "n_layers": 1, "hidden_dropout_prob": 0.2},
                )
            ],
        },
        "lenskit": {
            "ItemKNN": [{"max_nbrs": n, "feedback": "implicit"} for n in (20, 100)],
            "UserKNN": [{"max_nbrs": n, "feedback": "implicit"} for n in (20, 100)],
            "ALS": [{"embedding_size": size, "weight": 40.0} for size in (64, 32)],
            "EASE": [{"regularization": strength} for strength in (100.0, 500.0)],
        },
    }
    found: dict[str, list[Elsewhere]] = {}
    for library, _, python in (one.partition("=") for one in named):
        if library not in tried or not Path(python).is_file():
            known = ", ".join(tried)
            raise SystemExit(f"--python {library}={python}: expected LIBRARY=PYTHON with one of {known}")
        for name, settings in tried[library].items():
            found[f"{library} {name}"] = [
                Elsewhere(python=python, library=library, name=name, options=options) for options in settings
            ]
    return found


def grids() -> Mapping[str, tuple[bool, list[Callable[[int], Any]]]]:
    """Peer -> whether it folds a history in, and the settings that are tried, the library's own first."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    def als(factors: int, regularization: float, alpha: float) -> Callable[[int], Any]:
        return lambda seed: AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, random_state=seed, num_threads=1
        )

    def bpr(factors: int, rate: float, rounds: int) -> Callable[[int], Any]:
        return lambda seed: BayesianPersonalizedRanking(
            factors=factors, learning_rate=rate, iterations=rounds, random_state=seed, num_threads=1
        )

    return {
        "implicit ALS": (
            True,
            [als(*one) for one in itertools.product((64, 32, 128), (0.01, 0.1, 1.0), (1.0, 10.0))],
        ),
        "implicit BPR": (
            False,
            [bpr(*one) for one in itertools.product((100, 50), (0.01, 0.05), (100, 200))],
        ),
        "implicit cosine": (
            True,
            [lambda seed, k=k: CosineRecommender(K=k, num_threads=1) for k in (20, 50, 100, 200)],
        ),
        "implicit BM25": (
            True,
            [
                lambda seed, k=k, b=b: BM25Recommender(K=k, K1=1.2, B=b, num_threads=1)
                for k, b in itertools.product((20, 50, 100, 200), (0.75, 0.2))
            ],
        ),
    }


def beside() -> dict[str, list[Peer]]:
    """Peer -> its settings, for what is installed here."""
    return {
        name: [Peer(make=make, fold_in=fold_in) for make in settings]
        for name, (fold_in, settings) in grids().items()
    }


def tuned(
    data: Dataset, protocol: Any, metric: str, tried: Mapping[str, Sequence[Any]], n_trials: int
) -> dict[str, Any]:
    """The best of the first `n_trials` settings of each peer, on the validation part."""
    rules, best = replace(protocol, part="validation"), {}
    for name, settings in tried.items():
        peers = settings[:n_trials]
        rows = {str(at): peer for at, peer in enumerate(peers)}
        found = evaluate(rows, data, rules, floors=False)
        winner = max(found.rows, key=lambda row: row.metrics[metric].value)
        best[name] = peers[int(winner.name)]
        print(
            f"{name}: settings {winner.name} of {len(peers)}, validation {winner.metrics[metric]}", flush=True
        )
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["ml-100k/T+V"])
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--regime", choices=("T", "T+V"), help="leave-one-out under this regime instead")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--max-questions", type=int, default=0)
    parser.add_argument("--no-ours", action="store_true")
    parser.add_argument("--python", nargs="+", default=[], metavar="LIBRARY=PYTHON", help="peers elsewhere")
    parser.add_argument("--peers", nargs="+", default=[""], metavar="PART OF A NAME")
    args = parser.parse_args()
    known: Mapping[str, Sequence[Any]] = elsewhere(args.python) if args.python else beside()
    tried = {name: settings for name, settings in known.items() if any(part in name for part in args.peers)}
    if not tried:
        raise SystemExit(f"--peers {' '.join(args.peers)}: expected parts of {', '.join(known)}")
    for benchmark in [one for name in args.sets for one in chosen(name)]:
        data = load_bench(benchmark.data)
        protocol = replace(benchmark.protocol(0), part=args.part, max_questions=args.max_questions)
        if args.regime:
            protocol = replace(protocol, splitter=LeaveOneOut(regime=args.regime))
        rows: dict[str, Any] = tuned(data, protocol, benchmark.metrics[-1], tried, args.trials)
        if not args.no_ours:
            rows["zhiyin"] = Recommender.default(data)
        print(
            f"\n## {benchmark.data}, {protocol.splitter}\n\n{evaluate(rows, data, protocol).table()}",
            flush=True,
        )


if __name__ == "__main__":
    main()
