"""Amazon, MIND and the benchmark sets: the fields of each year land where they belong."""

import gzip
import json
import os

import numpy as np
import pytest

from zhiyin.data.amazon import load_amazon
from zhiyin.data.mind import load_mind, read_impressions
from zhiyin.data.sets import BENCH_SETS, load_bench
from zhiyin.data.split import MarkedSplit
from zhiyin.errors import ConfigError, DataError
from zhiyin.types import KINDS

SIZES = {
    "ml-100k": (943, 1682, 100_000),
    "ml-1m": (6040, 3416, 998_312),
    "amazon-beauty": (22_363, 12_101, 198_502),
    "amazon-games": (50_546, 16_859, 440_264),
    "mind-news": (57_128, 3827, 178_096),
    "foursquare-nyc": (1083, 5135, 147_938),
    "frappe": (957, 4082, 96_203),
    "lastfm": (1892, 17_632, 92_834),
    "filmtrust": (1508, 2071, 35_497),
}


def lines(path, rows):
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_amazon_of_2018_with_products(tmp_path):
    reviews = lines(
        tmp_path / "Games_5.json.gz",
        [
            {
                "reviewerID": "A",
                "asin": "B1",
                "overall": 5.0,
                "unixReviewTime": 1400000000,
                "reviewText": "good",
                "verified": True,
            },
            {"reviewerID": "A", "asin": "B2", "overall": 2.0, "unixReviewTime": 1300000000},
        ],
    )
    products = lines(
        tmp_path / "meta.json",
        [
            {
                "asin": "B1",
                "title": "Game",
                "description": ["one", "two"],
                "category": ["Games", "PC"],
                "brand": "X",
                "price": "$9.50",
            },
            {
                "asin": "B9",
                "title": "Never reviewed",
                "description": [],
                "category": [],
                "brand": "",
                "price": "",
            },
        ],
    )
    data = load_amazon(reviews, products)
    assert list(data.items.ids) == ["B1", "B2"]
    assert [KINDS[k] for k in data.kind] == ["review", "review"]
    assert data.value.tolist() == [2, 5]
    item = data.items.item(0)
    assert (item.title, item.text) == ("Game", "one two")
    assert item.attributes == {"brand": ("X",), "categories": ("Games", "PC"), "price": 9.5}


def test_amazon_of_2023_has_milliseconds(tmp_path):
    reviews = lines(
        tmp_path / "r.jsonl",
        [
            {
                "rating": 4.0,
                "title": "nice",
                "asin": "B1a",
                "parent_asin": "B1",
                "user_id": "A",
                "timestamp": 1588687728923,
            }
        ],
    )
    data = load_amazon(reviews)
    assert (list(data.items.ids), data.at[0]) == (["B1"], 1588687728.923)


def test_amazon_needs_its_fields(tmp_path):
    with pytest.raises(DataError, match=r"r.jsonl, row 1: expected the fields of Amazon reviews"):
        load_amazon(lines(tmp_path / "r.jsonl", [{"user": "A"}]))


def mind_folder(folder, rows, news):
    folder.mkdir()
    (folder / "behaviors.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    (folder / "news.tsv").write_text("".join("\t".join((*row, "u", "[]", "[]")) + "\n" for row in news))
    return folder


def test_mind_histories_clicks_and_slates(tmp_path):
    news = [
        ("N1", "sports", "golf", 'A "golf" title', "About golf"),
        ("N2", "news", "us", "B", ""),
        ("N3", "news", "uk", "C", ""),
    ]
    train = mind_folder(
        tmp_path / "train",
        [
            ("1", "U1", "11/13/2019 8:36:57 AM", "N1", "N2-0 N3-1"),
            ("2", "U1", "11/13/2019 1:00:00 PM", "N1", "N2-1 N1-0"),
            ("3", "U2", "11/13/2019 12:00:01 AM", "", "N2-0"),
        ],
        news,
    )
    test = mind_folder(tmp_path / "dev", [("9", "U1", "11/14/2019 8:00:00 AM", "N1", "N1-1 N2-0")], news[:2])
    data = load_mind(train, test)
    assert [data.items.ids[i] for i in data.item] == ["N1", "N3", "N2", "N1"]
    assert data.context["part"].tolist() == ["train", "train", "train", "test"]
    assert data.context["impression"].tolist() == ["", "1", "2", "9"]
    assert data.at[0] == data.at[1] == 1573634217
    assert data.items.item(data.items.ids.code("N1")).title == 'A "golf" title'
    slates = read_impressions(train)
    assert slates["item"].to_list() == ["N2", "N2", "N3", "N2", "N1"]
    assert slates["clicked"].to_list() == [False, False, True, True, False]
    asked = MarkedSplit().split(data).holdout
    assert [data.items.ids[i] for i in asked.targets(0)] == ["N1"]


def test_broken_mind_files_are_named(tmp_path):
    folder = mind_folder(tmp_path / "m", [("1", "U", "yesterday", "", "N1-1")], [("N1", "a", "b", "c", "d")])
    with pytest.raises(DataError, match=r"behaviors.tsv, row 1, column 'at'.*got 'yesterday'"):
        load_mind(folder)
    (folder / "behaviors.tsv").unlink()
    with pytest.raises(DataError, match=r"behaviors.tsv"):
        load_mind(folder)


def test_unknown_and_absent_benchmark_sets_are_named(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="did you mean 'ml-100k'"):
        load_bench("ml100k", tmp_path)
    with pytest.raises(DataError, match="is ZHIYIN_DATA right"):
        load_bench("ml-100k", tmp_path)
    monkeypatch.delenv("ZHIYIN_DATA", raising=False)
    with pytest.raises(DataError, match="set ZHIYIN_DATA"):
        load_bench("ml-100k")


@pytest.mark.skipif(
    "ZHIYIN_DATA" not in os.environ, reason="needs the benchmark sets: set ZHIYIN_DATA to their folder"
)
@pytest.mark.parametrize("name", BENCH_SETS)
def test_the_real_sets_have_their_sizes_and_texts(name):
    data = load_bench(name)
    if name in SIZES:
        assert (data.n_users, data.n_items, len(data)) == SIZES[name]
    assert (np.diff(data.indptr) >= (0 if name == "ml-100k" else 1)).all()
    assert (data.weight > 0).all()
    if name not in {"filmtrust", "foursquare-nyc"}:
        titled = np.mean([title != identity for title, identity in zip(data.items.titles, data.items.ids)])
        assert titled > 0.85
