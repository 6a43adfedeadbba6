"""Times, encodings, types and ids of files from elsewhere: read as meant, or refused with the way out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.importing import import_events
from zhiyin.data.item_files import import_items
from zhiyin.data.report import ImportReport
from zhiyin.data.tables import read_table
from zhiyin.data.times import as_seconds
from zhiyin.errors import DataError
from zhiyin.types import Item

AT = datetime(2024, 1, 2, 3, 4, 1, 500_000, UTC).timestamp()
KOREAN = "user,title\n" + "".join(
    f"u{n},{title}\n" for n, title in enumerate(["사과 나무", "바다의 노래", "하늘과 바람", "별이 빛나는 밤"])
)
RUSSIAN = "user,title\n" + "".join(
    f"u{n},{title}\n"
    for n, title in enumerate(["Москва слезам", "Ирония судьбы", "Белое солнце", "Служебный роман", "Чайка"])
)
CHINESE = "user,title\n" + "".join(
    f"u{n},{title}\n"
    for n, title in enumerate(["苹果和香蕉", "鑫淼商店", "城市的夜晚", "我和我的祖国", "大鱼海棠", "红楼梦"])
)


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-02 03:04:01.5+00", "2024-01-02 11:04:01.5+08", "2024-01-02T00:04:01.500-03",
        "2024-01-02 03:04:01,5", "2024-01-02T03:04:01,500Z", "2024-01-02 08:34:01,5+05:30",
        "2024-01-02 11:04:01.5 +0800", "2024/01/02 03:04:01.500",
    ],
)  # fmt: skip
def test_offsets_of_hours_and_fractions_behind_a_comma(written: str) -> None:
    assert as_seconds(pl.Series([written]))[0].to_list() == [AT]


@pytest.mark.parametrize("written", ["14/11/23 10:05", "23-11-14", "14-11-23 10:05:00", "1/2/3"])
def test_a_year_has_four_digits(tmp_path: Path, written: str) -> None:
    assert as_seconds(pl.Series([written]))[0].to_list() == [None]
    (tmp_path / "e.csv").write_text(f"user,item,at\nu,a,2023-11-14 10:05\nu,b,{written}\n")
    with pytest.raises(DataError, match=f"row 3, column 'at': expected a time, got '{written}'.*time_format"):
        import_events(tmp_path / "e.csv")


def test_a_report_shows_cells_as_the_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(
        "user,item,rating,at\nu,a,4,2023-11-14 10:05\nu,b,inf,2023-11-14 10:06\nu,c,3,0001-11-14 10:07\n"
        "u,d,3,someday\n"
    )
    found = import_events(tmp_path / "e.csv", errors="drop").report.findings
    rows = {one.reason: [(row.row, row.value) for row in one.rows] for one in found}
    assert rows == {
        "impossible value": [(3, "inf")],
        "impossible time": [(4, "0001-11-14 10:07")],
        "unreadable at": [(5, "someday")],
    }


def test_durations_are_seconds_and_bytes_are_no_times(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "user": ["u", "v"], "item": ["a", "b"], "duration": [timedelta(seconds=90), None],
            "blob": [b"\xff\xfe", b"\x80"], "took": [timedelta(minutes=1)] * 2,
        }
    ).write_parquet(tmp_path / "e.parquet")  # fmt: skip
    found = import_events(tmp_path / "e.parquet", mapping={"value": "duration"}, kind="play")
    assert sorted(found.dataset.value[~pl.Series(found.dataset.value).is_nan().to_numpy()]) == [90.0]
    assert found.report.unused == ("blob", "took")
    pl.DataFrame(
        {"item": ["a"], "title": ["A"], "length": [timedelta(minutes=2)], "blob": [b"\xff"]}
    ).write_parquet(tmp_path / "i.parquet")
    items = import_items(tmp_path / "i.parquet")
    assert items.items.numbers["length"].tolist() == [120.0] and items.report.unused == ("blob",)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(KOREAN, "euc-kr"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r")],
)
def test_other_scripts_are_not_taken_for_chinese(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=r"say so: encoding='latin-1', 'gb18030', 'euc-kr', 'cp1251'"):
        read_table(tmp_path / "a.csv")
    assert read_table(tmp_path / "a.csv", encoding=encoding).frame["title"][0] in text


def test_chinese_is_found_and_named_as_a_guess(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CHINESE.replace("title", "item").encode("gbk"))
    found = import_events(tmp_path / "a.csv")
    assert found.dataset.items.ids[0] == "苹果和香蕉"
    assert any("read as gb18030, a guess" in note and "encoding=" in note for note in found.report.notes)
    said = import_events(tmp_path / "a.csv", encoding="gb18030").report.notes
    assert "the text was read as gb18030" in said
    (tmp_path / "b.csv").write_bytes("user,item\n张三,苹果\n".encode("gbk"))
    assert import_events(tmp_path / "b.csv").dataset.users[0] == "张三", "a few letters tell no script"


@pytest.mark.parametrize("indent", [None, 1])
def test_an_object_around_the_rows_is_told(tmp_path: Path, indent: int | None) -> None:
    rows = [{"user": "u", "item": f"i{place}"} for place in range(3)]
    (tmp_path / "e.json").write_text(json.dumps({"events": rows, "n": 3}, indent=indent))
    with pytest.raises(DataError, match=r"expected an array of objects, or one object a line, got .*alone"):
        import_events(tmp_path / "e.json")
    (tmp_path / "e.json").write_text(json.dumps(rows, indent=indent))
    assert import_events(tmp_path / "e.json").report.n_kept == 3


def test_ids_that_match_nothing_are_told_in_a_dry_run_too(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item\nu,i1\nu,i2\nv,i3\n")
    (tmp_path / "i.csv").write_text("item,title\ni1.0,A\ni2.0,B\n")
    for dry in (True, False):
        notes = import_events(tmp_path / "e.csv", items=tmp_path / "i.csv", dry_run=dry).report.notes
        note = next(note for note in notes if "are in i.csv" in note)
        assert note.startswith("none of the 3 items") and "'i1' here, 'i1.0' there" in note
    some = Catalogue.of([Item("i1", "A"), Item("x", "X")])
    notes = import_events(tmp_path / "e.csv", items=some).report.notes
    assert any(note.startswith("only 1 of the 3 items") and "the catalogue" in note for note in notes)
    (tmp_path / "i.csv").write_text("item,title\ni1,A\ni2,B\n")
    notes = import_events(tmp_path / "e.csv", items=tmp_path / "i.csv").report.notes
    assert not [note for note in notes if "items of the events" in note]


def test_users_are_read_in_a_dry_run_too(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item\nu,i1\n")
    (tmp_path / "u.csv").write_text("user,city\nu,N/A\nw,Rome\n")
    found = import_events(tmp_path / "e.csv", users=tmp_path / "u.csv", dry_run=True)
    assert any("1 users of u.csv did nothing" in note for note in found.report.notes)


def test_a_report_cuts_names_and_not_lines() -> None:
    names = tuple(f"column {place} with a name" for place in range(50))
    said = str(ImportReport("e.csv", 1, 1, {"user": "u" * 500, "item": "i"}, (*names, "z" * 500)))
    assert "item = 'i'" in said and "u" * 61 not in said
    assert "column 39 with a name'" in said and "… and 11 more" in said
