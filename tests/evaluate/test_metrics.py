"""Values worked out by hand, and an independent library on random lists."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zhiyin.evaluate.metrics import ACCURACY

pytrec_eval = pytest.importorskip("pytrec_eval")

#              found at places 1 and 4   nothing   a short list, found at 2
HITS = np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
N_TARGETS = np.array([3, 1, 1])
BEST3 = 1 + 1 / math.log2(3) + 1 / 2


@pytest.mark.parametrize(
    ("metric", "k", "expected"),
    [
        ("precision", 5, [2 / 5, 0, 1 / 5]),
        ("precision", 3, [1 / 3, 0, 1 / 3]),
        ("recall", 5, [2 / 3, 0, 1]),
        ("recall", 1, [1 / 3, 0, 0]),
        ("f1", 5, [2 * (2 / 5) * (2 / 3) / (2 / 5 + 2 / 3), 0, 2 * 0.2 / 1.2]),
        ("hit", 1, [1, 0, 0]),
        ("hit", 5, [1, 0, 1]),
        ("mrr", 5, [1, 0, 1 / 2]),
        ("mrr", 1, [1, 0, 0]),
        ("map", 5, [(1 + 2 / 4) / 3, 0, 1 / 2]),
        ("map", 3, [1 / 3, 0, 1 / 2]),
        ("ndcg", 5, [(1 + 1 / math.log2(5)) / BEST3, 0, 1 / math.log2(3)]),
        ("ndcg", 1, [1, 0, 0]),
    ],
)
def test_by_hand(metric, k, expected):
    assert ACCURACY[metric](HITS, N_TARGETS, k) == pytest.approx(expected)


def test_a_cut_longer_than_the_lists_counts_empty_places_as_misses():
    assert ACCURACY["precision"](HITS, N_TARGETS, 10) == pytest.approx([0.2, 0, 0.1])
    assert ACCURACY["ndcg"](HITS, N_TARGETS, 10)[0] == pytest.approx((1 + 1 / math.log2(5)) / BEST3)


def random_lists(seed, *, q=60, n_items=40, depth=25):
    """Scores with many ties, lists of random length; ties fall to the higher code, as trec_eval has it."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 8, (q, n_items)).astype(float)
    lists = np.full((q, depth), -1)
    run, qrel = {}, {}
    n_targets = rng.integers(1, 13, q)
    for row in range(q):
        length = int(rng.integers(0, depth + 1))
        chosen = rng.permutation(n_items)[:length]
        order = chosen[np.lexsort((-chosen, -scores[row, chosen]))]
        lists[row, :length] = order
        # a question without an answer has to be in the run to be counted: an item that nobody asks for
        run[f"q{row}"] = {f"d{i:03d}": float(scores[row, i]) for i in chosen} or {"none": 0.0}
        targets = rng.permutation(n_items)[: n_targets[row]]
        qrel[f"q{row}"] = {f"d{i:03d}": 1 for i in targets}
    hits = np.array([[f"d{i:03d}" in qrel[f"q{row}"] for i in lists[row]] for row in range(q)])
    return hits & (lists >= 0), n_targets, run, qrel


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("ndcg", "ndcg_cut"), ("recall", "recall"), ("precision", "P"), ("map", "map_cut"), ("hit", "success")],
)
def test_agrees_with_trec_eval(ours, theirs, seed):
    hits, n_targets, run, qrel = random_lists(seed)
    cuts = (1, 5, 10, 20)
    measures = {f"{theirs}." + ",".join(map(str, cuts))}
    found = pytrec_eval.RelevanceEvaluator(qrel, measures).evaluate(run)
    for k in cuts:
        expected = [found[f"q{row}"][f"{theirs}_{k}"] for row in range(len(hits))]
        assert ACCURACY[ours](hits, n_targets, k) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_reciprocal_rank_agrees_with_trec_eval(seed):
    hits, n_targets, run, qrel = random_lists(seed)
    found = pytrec_eval.RelevanceEvaluator(qrel, {"recip_rank"}).evaluate(run)
    expected = [found[f"q{row}"]["recip_rank"] for row in range(len(hits))]
    assert ACCURACY["mrr"](hits, n_targets, hits.shape[1]) == pytest.approx(expected, abs=1e-6)
