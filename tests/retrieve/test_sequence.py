"""Sequence networks: what they learn, that nothing looks ahead, and that numpy answers as torch does."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, ConfigError, MissingExtraError
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import GruRetriever, TransformerRetriever
from zhiyin.retrieve.sequence import SequenceRetriever
from zhiyin.retrieve.sequence_windows import Sequences, gap_buckets
from zhiyin.testing import RetrieverTests, checkerboard, history_of, round_trip
from zhiyin.types import History, Interaction, Item, Query

torch = pytest.importorskip("torch")

SMALL: dict[str, Any] = {
    "encoder": HashEncoder(dim=32), "dim": 16, "negatives": 0, "batch_events": 200, "learning_rate": 0.01,
}  # fmt: skip


class TestTransformer(RetrieverTests):
    def make(self) -> TransformerRetriever:
        return TransformerRetriever(**SMALL, epochs=6)


class TestGru(RetrieverTests):
    def make(self) -> GruRetriever:
        return GruRetriever(**SMALL, epochs=6)


def cycle(n_users: int = 60, n_items: int = 12, n_events: int = 14) -> Dataset:
    """Everybody walks round the same circle, from a place of his own: the next item is certain."""
    rows = [
        Interaction(f"u{user}", f"i{(user + step) % n_items}", at=user * 1e5 + 60.0 * step)
        for user in range(n_users)
        for step in range(n_events)
    ]
    return Dataset.of(rows, [Item(f"i{code}", f"item {code}") for code in range(n_items)])


def scattered(n_users: int = 60, n_items: int = 12, n_events: int = 14) -> Dataset:
    """Nothing follows from anything."""
    drawn = np.random.default_rng(0).integers(0, n_items, (n_users, n_events))
    rows = [Interaction(f"u{user}", f"i{item}") for user, items in enumerate(drawn) for item in items]
    return Dataset.of(rows, [Item(f"i{code}", f"item {code}") for code in range(n_items)])


def makers() -> list[Any]:
    return [
        pytest.param(lambda **options: TransformerRetriever(**{**SMALL, **options}), id="transformer"),
        pytest.param(lambda **options: GruRetriever(**{**SMALL, **options}), id="gru"),
    ]


@pytest.mark.parametrize("make", makers())
@pytest.mark.parametrize("negatives", [0, 6])
def test_a_circle_is_learnt(make: Any, negatives: int) -> None:
    """By the whole softmax and by a sample of it, with the time between events unlike that in the log too."""
    data = cycle()
    fitted = make(epochs=20, negatives=negatives).fit(data)
    for start in range(12):
        codes = [data.items.ids.code(f"i{(start + step) % 12}") for step in range(5)]
        wanted = data.items.ids.code(f"i{(start + 5) % 12}")
        history = history_of(*codes)
        top = fitted.relevance(Query(history, at=history.at[-1] + 60)).top(1, history.items)
        assert top.tolist() == [wanted]


@pytest.mark.parametrize("make", makers())
def test_numpy_answers_as_torch_does(make: Any) -> None:
    """Every prefix of a history, asked alone, has the state that one batch over the whole history gives."""
    fitted: SequenceRetriever = make(epochs=2).fit(checkerboard())
    random = np.random.default_rng(0)
    items = random.integers(0, 16, 23).astype(np.int32)
    at = np.cumsum(random.exponential(5000, 24))
    weights = random.choice([-1.0, 0.5, 1.0, 2.0], 23).astype(np.float32)
    history = History(items, weights, at[:-1])
    batch = fitted.batch_states(history, float(at[-1]))
    for end in range(1, 24):
        alone = fitted.state_of(Query(History(items[:end], weights[:end], at[:end]), at=float(at[end])))
        assert alone is not None
        np.testing.assert_allclose(alone, batch[end - 1], atol=1e-4)


@pytest.mark.parametrize("make", makers())
def test_no_state_sees_a_later_event(make: Any) -> None:
    fitted: SequenceRetriever = make(epochs=1).fit(checkerboard())
    before = history_of(0, 2, 4, 6, 8, 10)
    after = replace(before, items=np.array([0, 2, 4, 6, 9, 11], np.int32))
    first, second = fitted.batch_states(before, 1e6), fitted.batch_states(after, 1e6)
    np.testing.assert_array_equal(first[:4], second[:4])
    assert not np.allclose(first[4:], second[4:])


@pytest.mark.parametrize("make", makers())
def test_what_the_catalogue_does_not_know_is_skipped(make: Any) -> None:
    fitted = make(epochs=1).fit(checkerboard())
    known, strange = history_of(0, 2, 4), history_of(0, 2, -1, 99, 4)
    strange = replace(strange, at=np.array([0.0, 60.0, 70.0, 80.0, 120.0]))
    every = np.arange(16, dtype=np.int32)
    one, other = (fitted.relevance(Query(asked, at=1e6)).of(every) for asked in (known, strange))
    np.testing.assert_array_equal(one, other)
    assert np.isnan(fitted.relevance(Query(history_of(-1, 99))).of(every)).all()


def test_a_new_item_is_placed_by_its_text() -> None:
    """It was not there at the fit: its words alone say that it belongs to the even ones."""
    data = checkerboard(n_users=60)
    fitted = TransformerRetriever(**SMALL, heads=2, epochs=20).fit(data)
    more = data.items.with_items(
        [
            Item("new even", "violin sonata for quiet evenings 77", attributes={"side": "violin"}),
            Item("new odd", "drill and hammer for the workshop 78", attributes={"side": "drill"}),
        ]
    )
    fitted.refresh(more, np.array([16, 17], np.int32))
    new = np.array([16, 17], np.int32)
    even = fitted.relevance(Query(history_of(0, 2, 4), at=1e6)).of(new)
    odd = fitted.relevance(Query(history_of(1, 3, 5), at=1e6)).of(new)
    assert even[0] > even[1]
    assert odd[1] > odd[0]
    heard = fitted.relevance(Query(history_of(16, 16, 16), at=1e6)).top(4, new)
    assert (heard % 2 == 0).all()


def test_what_is_refreshed_and_saved_comes_back() -> None:
    fitted = TransformerRetriever(**SMALL, epochs=2).fit(checkerboard())
    more = checkerboard().items.with_items([Item("late", "violin sonata")])
    fitted.refresh(more)
    back = TransformerRetriever(**SMALL).restore(round_trip(fitted.state()))
    query, every = Query(history_of(0, 16, 2), at=1e6), np.arange(17, dtype=np.int32)
    np.testing.assert_array_equal(fitted.relevance(query).of(every), back.relevance(query).of(every))
    assert np.isfinite(back.relevance(query).of(every)).all()


def test_a_network_of_older_layers_is_refused_not_misread() -> None:
    state = dict(TransformerRetriever(**SMALL, epochs=1).fit(checkerboard()).state())
    del state["form"]
    with pytest.raises(ArtefactError, match=r"form 1.*fit the recommender again"):
        TransformerRetriever(**SMALL).restore(round_trip(state))


@pytest.mark.parametrize(("n_users", "wanted"), [(100, 0.2), (20, 0.5)])
def test_dropout_follows_the_shape_of_the_data(n_users: int, wanted: float) -> None:
    """Many events for each of 12 items, or few; an option that was set is kept."""
    assert TransformerRetriever(**SMALL)._dropout(cycle(n_users)) == wanted
    assert TransformerRetriever(**SMALL, dropout=0.3)._dropout(cycle(n_users)) == 0.3


def test_what_is_kept_is_the_average_of_the_steps() -> None:
    """Two trainings of one epoch with a rate so large that the last step is far from the mean of all."""
    from zhiyin.retrieve.sequence_training import Training

    kept: list[Training] = []

    class Noting(Training):
        def run(self) -> None:
            super().run()
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zhiyin.retrieve.sequence_training.Training", Noting)
        fitted = TransformerRetriever(**SMALL, epochs=1).fit(cycle())
    mean = kept[0].mean.module.get_parameter("own").detach().numpy()
    assert fitted.learnt_ is not None
    np.testing.assert_array_equal(fitted.learnt_.own, mean)
    assert int(kept[0].mean.n_averaged) > 2


def test_bare_ids_have_no_vector_before_behaviour() -> None:
    rows = [Interaction(f"u{user}", f"i{(user + step) % 5}") for user in range(20) for step in range(4)]
    data = Dataset.of(rows, [Item("cold")])
    fitted = TransformerRetriever(**SMALL, epochs=2).fit(data)
    cold = data.items.ids.code("cold")
    asked = fitted.relevance(Query(history_of(data.items.ids.code("i1"))))
    assert np.isnan(asked.of(np.array([cold], np.int32))).all()
    assert cold not in asked.top(10, np.empty(0, np.int32))


class CutOffError(Exception):
    pass


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    data = cycle(30)
    whole = TransformerRetriever(**SMALL, epochs=5, checkpoint=str(tmp_path / "one")).fit(data, seed=3)
    cut = TransformerRetriever(**SMALL, epochs=5, checkpoint=str(tmp_path / "two"))

    def stop(done: int, of: int) -> None:
        if done == 2:
            raise CutOffError

    cut.watch = stop
    with pytest.raises(CutOffError):
        cut.fit(data, seed=3)
    seen: list[int] = []
    cut.watch = lambda done, of: seen.append(done)
    cut.fit(data, seed=3)
    assert seen == [3, 4, 5]
    one, two = whole.state(), cut.state()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_checkpoint_of_other_texts_is_not_gone_on_from(tmp_path: Path) -> None:
    data = cycle()
    options: dict[str, Any] = {**SMALL, "epochs": 1, "checkpoint": str(tmp_path)}
    TransformerRetriever(**options).fit(data)
    TransformerRetriever(**options).fit(data)
    assert len(list(tmp_path.iterdir())) == 1
    TransformerRetriever(**{**options, "encoder": HashEncoder(dim=48)}).fit(data)
    assert len(list(tmp_path.iterdir())) == 2
    renamed = data.items.with_items([Item("i3", "another title")])
    TransformerRetriever(**options).fit(replace(data, items=renamed))
    assert len(list(tmp_path.iterdir())) == 3


def test_two_fits_are_one_and_another_seed_is_another() -> None:
    data = checkerboard()
    twice = TransformerRetriever(**SMALL, epochs=2)
    twice.fit(cycle())
    twice.fit(data)
    once = TransformerRetriever(**SMALL, epochs=2).fit(data)
    other = TransformerRetriever(**SMALL, epochs=2).fit(data, seed=1)
    query, every = Query(history_of(0, 2)), np.arange(16, dtype=np.int32)
    first, second, third = (part.relevance(query).of(every) for part in (twice, once, other))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, third)


def test_fit_more_goes_on_from_the_part() -> None:
    """With hardly any step of its own it still knows the circle, and it knows items that came since."""
    data = cycle()
    part = data.take(data.item != data.items.ids.code("i11"))
    options = {**SMALL, "epochs": 25, "more_epochs": 1, "learning_rate": 0.01}
    fitted = TransformerRetriever(**options).fit(part)
    fitted.fit_more(data)
    codes = [data.items.ids.code(f"i{step}") for step in range(4)]
    top = fitted.relevance(Query(history_of(*codes), at=240.0)).top(1, np.array(codes, np.int32))
    assert top.tolist() == [data.items.ids.code("i4")]
    late = np.array([data.items.ids.code("i11")], np.int32)
    assert np.isfinite(fitted.relevance(Query(history_of(*codes))).of(late)).all()


def test_a_short_log_is_learnt_anew() -> None:
    """One part lacks half of each walk, the other every second item: what is learnt of everything is one."""
    data = checkerboard()
    half, even = data.take(data.item < 8), data.take(data.item % 2 == 0)
    once = TransformerRetriever(**SMALL, epochs=1).fit(half).fit_more(data)
    twice = TransformerRetriever(**SMALL, epochs=1).fit(even).fit_more(data)
    on = TransformerRetriever(**SMALL, epochs=1, more_epochs=1).fit(half).fit_more(data)
    query, every = Query(history_of(0, 2)), np.arange(16, dtype=np.int32)
    first, second, third = (one.relevance(query).of(every) for one in (once, twice, on))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, third)


def test_what_is_learnt_anew_takes_half_as_long_again_as_was_best_for_the_part() -> None:
    """No check of a few events ends the second training, which holds none of them out."""
    data = scattered()
    part = data.take(data.item > 0)
    fitted = TransformerRetriever(**{**SMALL, "epochs": 40, "patience": 3, "learning_rate": 0.01}).fit(part)
    checks = list(fitted.ndcg_)
    best = 2 + int(np.argmax(np.convolve(checks, np.ones(3), "valid")))
    assert best < 40
    seen: list[tuple[int, int]] = []
    fitted.watch = lambda done, total: seen.append((done, total))
    fitted.fit_more(data)
    more = round(1.5 * best)
    assert seen == [(epoch, more) for epoch in range(1, more + 1)]
    assert not len(fitted.ndcg_)


@pytest.mark.parametrize("make", [TransformerRetriever, GruRetriever])
@pytest.mark.parametrize(
    ("option", "value"),
    [("dim", 0), ("dropout", 1.0), ("epochs", 0), ("learning_rate", 0.0), ("negatives", -1), ("mask", 1.5)],
)
def test_a_setting_that_cannot_learn_is_refused_before_the_fit(make: Any, option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"{option} = \S+: expected a number from"):
        make(**{option: value})


def test_heads_share_the_numbers_evenly() -> None:
    with pytest.raises(ConfigError, match="dim = 130, heads = 4: expected"):
        TransformerRetriever(dim=130)


def test_without_torch_the_error_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("zhiyin.retrieve.sequence_")]:
        if name.rsplit("_", 1)[1] in ("network", "training", "loss", "checkpoint"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'zhiyin\[train\]'"):
        TransformerRetriever(**SMALL, epochs=1).fit(checkerboard())


def test_windows_cover_every_step_once() -> None:
    data = cycle(3, 7, 40)
    sequences = Sequences.of(data)
    start, size = sequences.windows(9, np.random.default_rng(1))
    rows = np.concatenate([np.arange(first, first + n) for first, n in zip(start, size)])
    last = data.indptr[1:] - 1
    assert sorted(rows) == sorted(set(range(len(data))) - set(last.tolist()))
    assert size.max() <= 9
    batches = list(sequences.batches(9, 30, np.random.default_rng(1)))
    assert sum(int(batch.asked.sum()) for batch in batches) == len(rows)
    assert all(batch.items.size <= 30 for batch in batches)
    for batch in batches:
        assert ((batch.items + 1) % 7 == batch.targets)[batch.asked].all()


def test_what_is_disliked_is_known_but_never_asked_for() -> None:
    rows = [Interaction("u", item, kind) for item, kind in (("a", "click"), ("b", "hide"), ("c", "click"))]
    batch = next(Sequences.of(Dataset.of(rows)).batches(9, 30, np.random.default_rng(0)))
    assert batch.asked.tolist() == [[False, True]]
    assert batch.weights[0, 1] == 0


def test_gaps_by_doubling() -> None:
    found = gap_buckets(np.array([np.nan, -5.0, 0.0, 1.0, 2.0, 3.0, 1e12]))
    assert found.tolist() == [0, 1, 1, 2, 3, 3, 29]
