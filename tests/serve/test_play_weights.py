"""A play counts for the live popularity what it will count for the next fit."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.recommender import Recommender
from zhiyin.retrieve import PopularRetriever
from zhiyin.serve.artefacts import Publication
from zhiyin.serve.serving import Serving
from zhiyin.store import Event, SqliteStore
from zhiyin.types import Interaction, Item


def songs() -> Dataset:
    items = [Item(f"s{n}") for n in range(4)]
    log = [
        Interaction(f"u{u}", f"s{n}", "play", value=100.0, at=1000.0 + 10 * u, context={"duration": "200"})
        for u in range(4)
        for n in range(2)
    ]
    return Dataset.of(log, items)


def popularity(recommender: Recommender) -> dict[str, float]:
    popular, items = recommender.retrievers["popular"], recommender.items_
    assert isinstance(popular, PopularRetriever) and items is not None
    counts = popular.counts_[items.ids.codes(["s2", "s3"])]
    return {"s2": float(counts[0]), "s3": float(counts[1])}


def test_a_song_that_is_skipped_does_not_rise(tmp_path: Path) -> None:
    def fitted() -> Recommender:
        return Recommender(retrievers={"popular": PopularRetriever()}).fit(store.snapshot())

    with closing(SqliteStore.open(tmp_path / "store.db", commit_ms=0)) as store:
        store.load(songs(), at=2000.0)
        fitted().save(tmp_path / "artefact", histories=False)
        made = Recommender.load(tmp_path / "artefact", histories=False)
        known = Publication(version="v", at=2000.0, seq=store.last_seq(), revision=store.last_revision())
        serving = Serving.of(made, known, ())
        serving.bind(store.changes(0, 100))
        skipped = [
            Event(user=f"n{n}", item="s2", kind="play", value=30.0, context={"duration": "600"})
            for n in range(20)
        ]
        whole = [
            Event(user=f"m{n}", item="s3", kind="play", value=30.0, context={"duration": "30"})
            for n in range(10)
        ]
        store.append([*skipped, *whole], at=3000.0).result()
        serving.learn(store.events_after(serving.seq, 100, context=serving.weighed))
        live, again = popularity(made), popularity(fitted())
    assert live["s2"] < live["s3"], "by seconds alone it would be the other way round"
    assert live == pytest.approx(again) and np.isfinite(list(live.values())).all()
