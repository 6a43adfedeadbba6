"""Whether the cited event mattered: without it the item must score less."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from zhiyin.data.sets import load_bench
from zhiyin.explain import EvidenceExplainer
from zhiyin.retrieve.fuse import gather
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.types import History, Query


@pytest.mark.skipif(
    "ZHIYIN_DATA" not in os.environ, reason="ZHIYIN_DATA does not name a folder with benchmark sets"
)
def test_without_the_cited_event_the_item_scores_less():
    data = load_bench("ml-100k")
    source, explainer = KernelRetriever().fit(data), EvidenceExplainer(n_reasons=1).fit(data)
    lower = []
    for user in np.random.default_rng(0).choice(data.n_users, 40, replace=False):
        history = data.history(int(user)).tail(100)
        query = Query(history, exclude=history.items, at=float(history.at[-1]))
        found, _ = gather({"kernel": source}, query, n_each=10, n=10)
        for item, reasons in zip(found.items, explainer.explain(query, found)):
            for cited in (data.items.ids.code(name) for reason in reasons for name in reason.items):
                keep = history.items != cited
                without = History(history.items[keep], history.weights[keep], history.at[keep])
                scores = [
                    source.relevance(asked).of(np.array([item]))[0]
                    for asked in (query, replace(query, history=without))
                ]
                lower.append(scores[1] < scores[0])
    assert len(lower) > 300
    assert np.mean(lower) >= 0.95
