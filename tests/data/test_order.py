"""Whether the rows of a log tell what came first: a chain does, a sorted or a shuffled table does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.config import from_toml, to_toml
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.order import is_ordered, shuffled
from zhiyin.defaults import configured_recommender, default_recommender
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.types import Interaction, Item

N_USERS, N_ITEMS, LENGTH = 800, 300, 8


def chain(*, timed: bool = False, seed: int = 0) -> Dataset:
    """Everybody goes on from an item to one of its five neighbours, now and then somewhere else."""
    rng = np.random.default_rng(seed)
    ring = rng.permutation(N_ITEMS)  # neighbours on the ring are no neighbours in the order of the ids
    events = []
    for user in range(N_USERS):
        place = int(rng.integers(N_ITEMS))
        for step in range(LENGTH):
            place = int(rng.integers(N_ITEMS)) if rng.random() < 0.2 else place + int(rng.integers(1, 6))
            item = f"{ring[place % N_ITEMS]}"
            at = 1e9 + 60.0 * step if timed else None
            events.append(Interaction(f"u{user}", item, at=at, value=float(rng.integers(1, 1000))))
    return Dataset.of(events, [Item(f"{n}") for n in range(N_ITEMS)])


def by(data: Dataset, key: np.ndarray) -> Dataset:
    """The rows of each user sorted by a key."""
    return data.take(np.lexsort((key, data.user)))


def test_a_chain_shows_by_itself_and_its_shuffled_rows_do_not() -> None:
    data = chain()
    assert all(is_ordered(data, seed=seed) for seed in range(5))
    mixed = [is_ordered(shuffled(data, seed=seed), seed=seed) for seed in range(10)]
    assert sum(mixed) <= 1  # one in a hundred looks ordered by chance


@pytest.mark.parametrize("names", ["numbers", "words"])
def test_a_table_that_is_sorted_by_item_is_no_order(names: str) -> None:
    data = chain()
    ids = [f"{n}" if names == "numbers" else f"x{n}" for n in range(N_ITEMS)]
    data = replace(data, items=Catalogue.of([Item(name) for name in ids]))
    key = np.array(ids) if names == "words" else np.arange(N_ITEMS)
    assert not is_ordered(by(data, np.argsort(np.argsort(key))[data.item]))
    assert not is_ordered(by(data, -data.item))


def test_a_table_that_is_sorted_by_value_is_no_order() -> None:
    data = chain()
    assert not is_ordered(by(data, -data.value))
    assert is_ordered(replace(data, value=np.ones_like(data.value)))


def test_times_are_believed_and_so_are_small_logs() -> None:
    timed = chain(timed=True)
    assert is_ordered(replace(timed, item=np.sort(timed.item)))
    few = chain()
    few = few.take(few.user < 50)
    assert is_ordered(by(few, few.item))


def test_shuffling_keeps_every_row_of_every_user() -> None:
    data = chain()
    mixed = shuffled(data, seed=3)
    assert (mixed.user == data.user).all() and (mixed.indptr == data.indptr).all()
    assert (mixed.item != data.item).any()
    for user in range(0, N_USERS, 97):
        rows = slice(data.indptr[user], data.indptr[user + 1])
        assert sorted(zip(mixed.item[rows], mixed.value[rows])) == sorted(
            zip(data.item[rows], data.value[rows])
        )
    assert (shuffled(data, seed=3).item == mixed.item).all()


def test_the_default_for_a_sorted_table_knows_no_order_and_says_so_in_toml() -> None:
    data = by(chain(), chain().item)
    found = default_recommender(data)
    assert not found.ordered and "slit" not in found.retrievers
    decays = [getattr(part, "decay", 1.0) for part in found.retrievers.values()]
    assert set(decays) == {1.0}
    assert "ordered = false" in to_toml(found)
    assert not from_toml(to_toml(found)).ordered
    assert default_recommender(chain()).ordered


def test_a_fit_without_order_learns_from_all_pairs_and_not_from_those_that_were_sorted_together() -> None:
    """A kernel of one step sees nothing but rising pairs in a sorted log, and any pair in a mixed one."""
    from zhiyin.recommender import Recommender

    data = by(chain(), chain().item)
    falling = {}
    for ordered in (True, False):
        part = KernelRetriever(window=1, backward=0.0)
        Recommender(retrievers={"popular": part}, ordered=ordered).fit(data)
        assert part.neighbours_ is not None
        said = part.neighbours_.weights > 0
        falling[ordered] = int((said & (part.neighbours_.ids < np.arange(N_ITEMS)[:, None])).sum())
    assert falling[True] == 0
    assert falling[False] > 1000


def test_a_project_whose_file_says_nothing_is_suited_to_the_data(tmp_path: Path) -> None:
    assert not configured_recommender(tmp_path, by(chain(), chain().item)).ordered
