"""The data set itself: order, weights, cards, and its image on disk."""

import numpy as np
import polars as pl
import pytest

from zhiyin.data.columns import dataset_of
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import KindWeights
from zhiyin.errors import DataError
from zhiyin.types import Interaction, Item


def same(one, two):
    """Equal in everything that a reader can see, types included."""
    assert list(one.users) == list(two.users)
    assert list(one.items.ids) == list(two.items.ids)
    assert (one.items.titles, one.items.texts) == (two.items.titles, two.items.texts)
    for name in ("user", "item", "kind", "value", "weight", "at", "indptr"):
        left, right = getattr(one, name), getattr(two, name)
        assert left.dtype == right.dtype, name
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), name
    assert list(one.context) == list(two.context)
    assert all(np.array_equal(one.context[name], two.context[name]) for name in one.context)
    for left, right in ((one.items.words, two.items.words), (one.user_words, two.user_words)):
        assert list(left) == list(right)
        for name in left:
            n = len(left[name].indptr) - 1
            assert [left[name].words(i) for i in range(n)] == [right[name].words(i) for i in range(n)]
    for left, right in ((one.items.numbers, two.items.numbers), (one.user_numbers, two.user_numbers)):
        assert list(left) == list(right)
        assert all(np.array_equal(left[name], right[name], equal_nan=True) for name in left)
    assert one.kind_weights == two.kind_weights
    assert one.name == two.name


def full():
    rows = [
        Interaction("u1", "a", "play", 30.0, 100.0, context={"place": "上海", "duration": "60"}),
        Interaction("u0", "b", "purchase", None, 50.0),
        Interaction("u1", "c", "hide", None, 90.0, context={"place": "<b>"}),
    ]
    items = [
        Item("a", "苹果", "红", {"genre": ("x", "y"), "price": 2.5}),
        Item("z", attributes={"genre": "x"}),
        Item("b", "Bee"),
    ]
    return Dataset.of(rows, items, weights=KindWeights(rating_low=0.5), name="tiny")


def test_rows_are_sorted_by_user_and_time_and_weighed():
    data = full()
    assert list(data.users) == ["u1", "u0"]
    assert [data.items.ids[i] for i in data.item] == ["c", "a", "b"]
    assert data.weight.tolist() == [-1.0, 0.5, 2.0]


def test_equal_times_keep_their_order():
    rows = [Interaction("u", str(n), at=7.0) for n in np.random.default_rng(0).permutation(100)]
    data = Dataset.of(rows)
    assert [data.items.ids[i] for i in data.item] == [row.item for row in rows]


def test_columns_and_objects_give_the_same_data_set():
    rows = [Interaction(f"u{n % 3}", f"i{n % 5}", "rating", n / 2, 1e9 - n % 4) for n in range(40)]
    frame = pl.DataFrame(
        {"user": [r.user for r in rows], "item": [r.item for r in rows], "value": [r.value for r in rows],
         "at": [r.at for r in rows]}
    )  # fmt: skip
    same(Dataset.of(rows), dataset_of(frame, kind="rating"))


def test_saved_and_loaded_is_the_same(tmp_path):
    data = full()
    data.save(tmp_path / "d")
    same(data, Dataset.load(tmp_path / "d"))
    data.take(data.kind >= 0).save(tmp_path / "d")
    assert [p.name for p in tmp_path.iterdir()] == ["d"], "nothing temporary stays"


def test_user_attributes_survive(tmp_path):
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"]})
    from zhiyin.data.catalogue import Categories

    data = dataset_of(
        frame,
        user_words={"job": Categories.of([["chef"], []])},
        user_numbers={"age": np.array([3.0, np.nan])},
    )
    data.save(tmp_path / "d")
    same(data, Dataset.load(tmp_path / "d"))


def test_an_empty_data_set_can_be_described_and_saved(tmp_path):
    data = Dataset.of([])
    assert data.describe()["interactions"] == 0
    assert "tiny" not in data._repr_html_()
    data.save(tmp_path / "d")
    same(data, Dataset.load(tmp_path / "d"))


def test_a_folder_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("x")
    with pytest.raises(DataError, match=r"photos.*choose another"):
        full().save(tmp_path / "photos")
    assert (tmp_path / "photos" / "me.jpg").exists()


@pytest.mark.parametrize("name", ["events.parquet", "items.parquet", "users.parquet", "data.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "junk"])
def test_a_damaged_copy_is_refused_by_the_files_name(tmp_path, name, damage):
    full().save(tmp_path / "d")
    file = tmp_path / "d" / name
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\x00junk" * 9)
    with pytest.raises(DataError, match=name):
        Dataset.load(tmp_path / "d")


def test_codes_that_point_nowhere_are_refused(tmp_path):
    full().save(tmp_path / "d")
    file = tmp_path / "d" / "events.parquet"
    pl.read_parquet(file).with_columns(item=pl.lit(99, pl.Int32)).write_parquet(file)
    with pytest.raises(DataError, match="out of range"):
        Dataset.load(tmp_path / "d")


def test_the_card_escapes_what_came_from_outside():
    rows = [Interaction("u", "<script>", at=1e9)]
    html = Dataset.of(rows, [Item("x", attributes={"<img src=x>": "y"})], name="<b>evil</b>")._repr_html_()
    assert "<script>" not in html and "<img" not in html and "<b>evil" not in html
    assert "&lt;b&gt;evil" in html


def test_the_description_counts():
    facts = full().describe()
    assert (facts["users"], facts["items"], facts["interactions"]) == (2, 4, 3)
    assert facts["kinds"] == {"purchase": 1, "play": 1, "hide": 1}
    assert facts["items_never_used"] == 1
    assert facts["first"] == "1970-01-01 00:00:50Z"
    assert facts["density"] == 3 / 8


def test_the_repr_is_one_line():
    assert repr(full()) == "Dataset('tiny': 2 users, 4 items, 3 interactions)"
