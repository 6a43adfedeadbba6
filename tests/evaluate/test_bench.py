"""Public tables: every benchmark is whole, seeds are told apart, a blind row hears no context."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from zhiyin.cli import main
from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import BENCH_SETS
from zhiyin.errors import ConfigError
from zhiyin.evaluate.bench import OURS, Blind, run_benchmark
from zhiyin.evaluate.benchmarks import BENCHMARKS, chosen
from zhiyin.evaluate.published import PUBLISHED
from zhiyin.recommender import Recommender
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.retrieve.popular import PopularRetriever
from zhiyin.types import History, Interaction, Query


def small() -> Recommender:
    return Recommender(retrievers={"kernel": KernelRetriever(), "popular": PopularRetriever()})


def sides(n_users=30, n_items=12) -> Dataset:
    """Even users walk along the even items, odd users along the odd ones."""
    rows = [
        Interaction(f"u{user}", f"i{(user % 2 + 2 * step) % n_items}", at=float(step))
        for user in range(n_users)
        for step in range(user % 3, user % 3 + 4)
    ]
    return Dataset.of(rows, name="sides")


def test_every_benchmark_names_a_set_and_measures_what_it_promises():
    for one in BENCHMARKS.values():
        assert one.data in BENCH_SETS
        protocol = one.protocol(7)
        assert protocol.seed == 7
        cuts = {int(metric.partition("@")[2]) for metric in one.metrics}
        assert cuts <= set(protocol.k), one.name
        assert set(one.goals) <= set(one.metrics), one.name
    assert set(PUBLISHED) <= set(BENCHMARKS)


def test_the_table_has_floors_published_rows_goals_and_all_seeds():
    one = replace(BENCHMARKS["ml-1m/T"], name="amazon-beauty/T")
    found = run_benchmark(one, sides(), seeds=(3, 4), recommender=small(), sources=("kernel",))
    assert found.seeds == (3, 4)
    names = [row.name for row in found.evaluations[0].rows]
    assert names == ["popular", "item-knn", "ease", "kernel", OURS]
    assert [row.name for row in found.evaluations[1].rows] == [OURS]
    text = found.table()
    for said in ("ease *", "TIGER °", "to reach", "regime T", "seeds     3, 4", "sha256"):
        assert said in text
    told = found.as_dict()
    assert told["settings"].count("[retrievers.kernel]") == 1
    json.dumps(told, allow_nan=False)


def test_published_rows_never_stand_beside_a_sample_or_the_validation_part():
    one = BENCHMARKS["ml-1m/T"]
    assert run_benchmark(one, sides(), recommender=small(), floors=False).published
    for less in ({"part": "validation"}, {"max_questions": 5}):
        found = run_benchmark(one, sides(), recommender=small(), floors=False, **less)
        assert not found.published
        assert "°" not in found.table().splitlines()[2]


def test_a_blind_recommender_hears_neither_context_nor_clock():
    heard = []

    class Ear(PopularRetriever):
        def fit(self, data, *, seed=0):
            heard.append((dict(data.context), data.has_clock))
            return super().fit(data, seed=seed)

        def relevance(self, query):
            heard.append(
                (dict(query.context), bool(np.isfinite(query.at) or np.isfinite(query.history.at).any()))
            )
            return super().relevance(query)

    rows = [Interaction("u", f"i{i}", at=float(i), context={"weather": "rain"}) for i in range(4)]
    blind = Blind(recommender=Recommender(retrievers={"popular": Ear()})).fit(Dataset.of(rows))
    past = History(np.array([0], np.int32), np.ones(1, np.float32), np.array([5.0]))
    assert len(blind.rank(Query(past, at=9.0, context={"weather": "sun"}), 2))
    assert heard == [({}, False), ({}, False)]


def test_a_set_stands_for_all_its_tables_and_a_wrong_name_finds_the_nearest():
    assert {one.name for one in chosen("ml-1m")} == {"ml-1m/T", "ml-1m/cold"}
    with pytest.raises(ConfigError, match="did you mean 'ml-1m'"):
        chosen("ml1m")


def test_the_command_reads_a_set_from_its_folder(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "sets" / "ml-100k"
    folder.mkdir(parents=True)
    data = sides()
    pl.DataFrame({
        "user": [data.users[u] for u in data.user], "item": [data.items.ids[i] for i in data.item],
        "value": np.full(len(data), 5.0), "at": data.at,
    }).write_parquet(folder / "interactions.parquet")  # fmt: skip
    ids = list(data.items.ids)
    pl.DataFrame({
        "item": ids, "title": ids, "release_year": ["1990"] * len(ids), "genres": ["Drama"] * len(ids),
    }).write_parquet(folder / "items.parquet")  # fmt: skip
    pl.DataFrame({
        "user": list(data.users), "gender": ["F"] * data.n_users, "occupation": ["x"] * data.n_users,
        "age": [30] * data.n_users,
    }).write_parquet(folder / "users.parquet")  # fmt: skip
    settings = tmp_path / "small.toml"
    settings.write_text('[retrievers.kernel]\ntype = "kernel"\n[retrievers.popular]\ntype = "popular"\n')
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as ended:
        main([
            "bench", "quality", "--set", "ml-100k", "--data", str(tmp_path / "sets"),
            "--config", str(settings), "--seeds", "2", "--json", "--out", str(tmp_path / "out"),
        ])  # fmt: skip
    assert not ended.value.code
    (told,) = json.loads(capsys.readouterr().out)
    assert told["benchmark"] == "ml-100k/T+V"
    assert told["seeds"] == [0, 1]
    ours = next(row for row in told["evaluations"][0]["rows"] if row["name"] == OURS)
    # Everybody walks on by one step along his side: the kernel knows.
    assert ours["metrics"]["recall@10"]["value"] == 1.0
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".html", ".json", ".toml", ".txt"]
