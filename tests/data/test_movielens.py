"""MovieLens in each of its forms; the two forms of ML-100K are one data set."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.data.test_dataset import same

from zhiyin.data import movielens
from zhiyin.data.movielens import GENRES, fetch_movielens, load_movielens
from zhiyin.data.sets import load_bench
from zhiyin.errors import DataError, FetchError

RATINGS = [
    ("2", "10", 5, 880000003),
    ("1", "20", 3, 880000001),
    ("1", "10", 4, 880000001),
    ("2", "30", 1, 880000003),
]
FILMS = [
    ("10", "Toy Story", "1995", ("Animation", "Comedy")),
    ("20", "Usual Suspects, The", "1995", ("Crime", "Thriller")),
    ("30", "Cité des enfants perdus, La", "1994", ("Sci-Fi",)),
]
PEOPLE = [("1", "24", "M", "technician", "85711"), ("2", "53", "F", "other", "94043")]


def recbole(folder):
    folder.mkdir(parents=True)
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    lines += ["\t".join(map(str, row)) for row in RATINGS]
    (folder / "ml-100k.inter").write_text("\n".join(lines) + "\n")
    lines = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    lines += ["\t".join((item, title, year, " ".join(genres))) for item, title, year, genres in FILMS]
    (folder / "ml-100k.item").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    (folder / "ml-100k.user").write_text("\n".join([*lines, *("\t".join(row) for row in PEOPLE)]) + "\n")
    return folder


def grouplens(folder):
    folder.mkdir(parents=True)
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    lines = []
    for item, title, year, genres in FILMS:
        flags = ["1" if genre in genres else "0" for genre in GENRES]
        lines.append("|".join([item, f"{title} ({year})", f"01-Jan-{year}", "", "http://x", *flags]))
    (folder / "u.item").write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    (folder / "u.user").write_text("".join("|".join(row) + "\n" for row in PEOPLE))
    return folder


def test_the_two_forms_give_the_same_data_set(tmp_path):
    one, two = load_movielens(recbole(tmp_path / "r")), load_movielens(grouplens(tmp_path / "g" / "ml-100k"))
    same(one, two)
    assert one.items.titles == (
        "Toy Story (1995)",
        "The Usual Suspects (1995)",
        "La Cité des enfants perdus (1994)",
    )
    assert one.items.item(0).attributes == {"genres": ("Animation", "Comedy"), "year": 1995.0}
    assert one.user_numbers["age"].tolist() == [24, 53]
    assert one.user_words["occupation"].words(0) == ("technician",)


def test_ties_keep_the_files_order(tmp_path):
    data = load_movielens(recbole(tmp_path / "r"))
    assert [data.items.ids[i] for i in data.item] == ["20", "10", "10", "30"]


def test_an_archive_and_its_parent_folder_load(tmp_path):
    folder = grouplens(tmp_path / "parent" / "ml-100k")
    with zipfile.ZipFile(tmp_path / "ml-100k.zip", "w") as file:
        for name in ("u.data", "u.item", "u.user"):
            file.write(folder / name, f"ml-100k/{name}")
    same(load_movielens(tmp_path / "ml-100k.zip"), load_movielens(tmp_path / "parent"))


def test_ml_1m_and_the_newer_csv_folders(tmp_path):
    old, new = tmp_path / "ml-1m", tmp_path / "ml-latest-small"
    old.mkdir()
    new.mkdir()
    (old / "ratings.dat").write_text("1::5::4::978300760\n2::5::3::978300761\n")
    (old / "movies.dat").write_bytes("5::Misérables, Les (1995)::Drama|Musical\n".encode("latin-1"))
    (old / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    (new / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,5,4.0,978300760\n2,5,3.0,978300761\n"
    )
    (new / "movies.csv").write_text(
        'movieId,title,genres\n5,"Misérables, Les (1995)",Drama|Musical\n', encoding="utf-8"
    )
    for path in (old, new):
        data = load_movielens(path)
        assert data.items.titles == ("Les Misérables (1995)",)
        assert data.items.words["genres"].words(0) == ("Drama", "Musical")
        assert data.items.numbers["year"].tolist() == [1995]
        assert data.value.tolist() == [4, 3]
    assert load_movielens(old).user_words["gender"].words(1) == ("M",)


def test_broken_copies_are_named(tmp_path):
    with pytest.raises(DataError, match="gone"):
        load_movielens(tmp_path / "gone")
    with pytest.raises(DataError, match=r"u\.data"):
        load_movielens(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match=r"x\.zip"):
        load_movielens(tmp_path / "x.zip")
    folder = grouplens(tmp_path / "g")
    (folder / "u.item").unlink()
    with pytest.raises(DataError, match=r"the file u\.item"):
        load_movielens(folder)
    (grouplens(tmp_path / "h") / "u.data").write_text("1\t10\t5\t880000000\n1\t20\tfive\t880000000\n")
    with pytest.raises(DataError, match="row 2, column 'value': expected a number, got 'five'"):
        load_movielens(tmp_path / "h")


def pip_that(monkeypatch, act, returncode=0):
    """Replace the download by `act(folder)`; nothing of the network is touched."""

    def run(command, **_):
        act(Path(command[command.index("--dest") + 1]))
        return movielens.subprocess.CompletedProcess(command, returncode, "", "ERROR: no such index")

    monkeypatch.setattr(movielens.subprocess, "run", run)


def test_a_fetch_is_checked_extracted_and_cached(tmp_path, monkeypatch):
    source = recbole(tmp_path / "r")

    def bring(folder):
        with zipfile.ZipFile(folder / "recbole-1.2.1-py3-none-any.whl", "w") as file:
            for name in movielens.FILES:
                file.write(source / name, movielens.INSIDE + name)
        digest = movielens.sha256(next(folder.glob("*.whl")).read_bytes())
        monkeypatch.setattr(movielens, "WHEEL_SHA256", digest)

    known = {name: movielens.sha256((source / name).read_bytes()) for name in movielens.FILES}
    monkeypatch.setattr(movielens, "FILES", known)
    pip_that(monkeypatch, bring)
    folder = fetch_movielens(tmp_path / "cache")
    same(load_movielens(folder), load_movielens(source))
    assert sorted(file.name for file in (tmp_path / "cache").rglob("*")) == ["ml-100k", *sorted(known)]
    pip_that(monkeypatch, lambda folder: pytest.fail("it was fetched twice"))
    fetch_movielens(tmp_path / "cache")
    (folder / "ml-100k.user").write_text("altered")
    pip_that(monkeypatch, bring)
    fetch_movielens(tmp_path / "cache")
    assert movielens.sha256((folder / "ml-100k.user").read_bytes()) == known["ml-100k.user"]


def test_another_wheel_and_a_failed_download_are_refused(tmp_path, monkeypatch):
    pip_that(monkeypatch, lambda folder: (folder / "recbole-1.2.1-py3-none-any.whl").write_bytes(b"evil"))
    with pytest.raises(FetchError, match=r"SHA-256 .* expected 9c99.*load_movielens"):
        fetch_movielens(tmp_path / "cache")
    pip_that(monkeypatch, lambda folder: None, returncode=1)
    with pytest.raises(FetchError, match=r"no such index.*load_movielens\('ml-100k.zip'\)"):
        fetch_movielens(tmp_path / "cache")
    assert not (tmp_path / "cache" / "ml-100k").exists()


@pytest.mark.skipif(
    "ZHIYIN_DATA" not in os.environ, reason="needs the benchmark sets: set ZHIYIN_DATA to their folder"
)
def test_the_real_set_has_its_size_its_order_and_its_titles():
    data = load_bench("ml-100k")
    assert (data.n_users, data.n_items, len(data)) == (943, 1682, 100_000)
    assert data.items.titles[0] == "Toy Story (1995)"
    assert np.isnan(data.items.numbers["year"]).sum() == 2
    cached = movielens.cache_directory() / "ml-100k"
    if not cached.is_dir():
        pytest.skip("ML-100K was never fetched here: zhiyin demo fetches it")
    fetched = load_movielens(cached)
    same(data, fetched)
