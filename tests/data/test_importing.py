"""Import: what is guessed, what is mended, what is dropped, and that all of it is told."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.clean import Cleaning
from zhiyin.data.importing import import_events
from zhiyin.data.item_files import import_items
from zhiyin.data.tables import Fix
from zhiyin.data.weights import KindWeights
from zhiyin.errors import ConfigError, DataError
from zhiyin.types import KINDS


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def rows_of(data):
    return [
        (
            data.users[u],
            data.items.ids[i],
            KINDS[k],
            None if np.isnan(v) else float(v),
            None if np.isnan(t) else float(t),
        )
        for u, i, k, v, t in zip(data.user, data.item, data.kind, data.value, data.at)
    ]


def test_columns_are_guessed_from_usual_names(tmp_path):
    file = write(
        tmp_path / "log.csv",
        "visitor_id;sku;Event-Type;ts;device\nu1;a;addtocart;1600000000;ios\nu1;b;buy;1600000009;\n",
    )
    result = import_events(file)
    assert rows_of(result.data) == [
        ("u1", "a", "cart", None, 1.6e9),
        ("u1", "b", "purchase", None, 1.6e9 + 9),
    ]
    assert result.data.context["device"].tolist() == ["ios", ""]
    assert result.columns.as_dict() == {
        "user": "visitor_id", "item": "sku", "kind": "Event-Type", "at": "ts", "device": "device"
    }  # fmt: skip
    again = import_events(file, mapping=result.columns.as_dict())
    assert rows_of(again.data) == rows_of(result.data), "a guessed mapping can be given back"


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_chinese_files_in_every_usual_encoding(tmp_path, encoding, delimiter):
    table = [
        ("用户", "商品", "行为", "时间"),
        ("张三", "苹果手机", "点击", "2024-01-03 12:00"),
        ("李四", "香蕉牛奶", "加购", "2024年1月3日 12:00:05"),
        ("张三", "绿茶", "收藏", "2024/01/04 00:00"),
    ]
    file = write(tmp_path / "行为.csv", "\n".join(delimiter.join(row) for row in table) + "\n", encoding)
    data = import_events(file).data
    noon = 1704283200.0
    assert rows_of(data) == [
        ("张三", "苹果手机", "click", None, noon),
        ("张三", "绿茶", "like", None, noon + 43200),
        ("李四", "香蕉牛奶", "cart", None, noon + 5),
    ]


def test_no_header_as_in_the_classic_rating_files(tmp_path):
    data = import_events(
        write(tmp_path / "u.data", "196\t242\t3\t881250949\n186\t302\t3.5\t891717742\n")
    ).data
    assert rows_of(data) == [
        ("196", "242", "rating", 3.0, 881250949.0),
        ("186", "302", "rating", 3.5, 891717742.0),
    ]


def test_data_with_only_an_order(tmp_path):
    file = write(tmp_path / "s.csv", "user,item,position\nu,c,3\nu,a,1\nv,x,1\nu,b,2\nu,a,4\n")
    data = import_events(file).data
    assert not data.has_clock
    assert [(u, i) for u, i, *_ in rows_of(data)] == [
        ("u", "a"),
        ("u", "b"),
        ("u", "c"),
        ("u", "a"),
        ("v", "x"),
    ]


def test_data_without_time_and_order_keeps_the_files_order_and_repetitions(tmp_path):
    file = write(tmp_path / "s.csv", "user,item\nu,c\nv,x\nu,a\nu,c\n")
    data = import_events(file).data
    assert [(u, i) for u, i, *_ in rows_of(data)] == [("u", "c"), ("u", "a"), ("u", "c"), ("v", "x")]


def test_small_whole_numbers_in_a_column_of_times_are_an_order(tmp_path):
    result = import_events(write(tmp_path / "s.csv", "user,item,timestamp\nu,b,7\nu,a,5\n"))
    assert not result.data.has_clock
    assert [i for _, i, *_ in rows_of(result.data)] == ["a", "b"]
    assert any("positions, not times" in note for note in result.report.notes)


def test_equal_times_keep_the_files_order(tmp_path):
    items = [f"i{n}" for n in np.random.default_rng(1).permutation(200)]
    lines = "".join(f"u{n % 2},{item},{1_600_000_000 + n // 50}\n" for n, item in enumerate(items))
    data = import_events(write(tmp_path / "t.csv", "user,item,at\n" + lines)).data
    for user in range(2):
        found = [data.items.ids[i] for i in data.item[data.indptr[user] : data.indptr[user + 1]]]
        assert found == [item for n, item in enumerate(items) if n % 2 == user]


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("1600000000", 1.6e9),
        ("1600000000.25", 1.6e9 + 0.25),
        ("1600000000000", 1.6e9),
        ("1600000000000000", 1.6e9),
        ("2020-09-13T12:26:40Z", 1.6e9),
        ("2020-09-13 12:26:40", 1.6e9),
        ("2020-09-13T12:26:40.500+00:00", 1.6e9 + 0.5),
        ("2020-09-13T20:26:40+08:00", 1.6e9),
        ("2020-09-13T07:56:40-0430", 1.6e9),
        ("2020/09/13 12:26", 1.6e9 - 40),
        ("2020-09-13", 1.6e9 - 44800),
        ("20200913", 1.6e9 - 44800),
        ("20200913122640", 1.6e9),
        ("2020年9月13日 12:26:40", 1.6e9),
    ],
)
def test_times_of_every_usual_form(tmp_path, cell, seconds):
    data = import_events(write(tmp_path / "t.csv", f"user,item,time\nu,i,{cell}\n")).data
    assert data.at[0] == pytest.approx(seconds, abs=1e-3)


def test_a_time_format_can_be_given(tmp_path):
    file = write(tmp_path / "t.csv", "user,item,date\nu,i,13.09.2020 12:26\n")
    assert import_events(file, time_format="%d.%m.%Y %H:%M").data.at[0] == 1.6e9 - 40
    with pytest.raises(
        DataError, match=r"t.csv, row 2, column 'date': expected a time, got '13.09.2020 12:26'.*time_format"
    ):
        import_events(file)


MESSY = """user_id,sku,action,stars,ts
u1,a,buy,,1600000000
 u1 ,a,buy,,1600000000
,b,click,,1600000001
u2,null,click,,1600000001
u2,b,teleport,,1600000001
u2,b,PageView,,1600000001
u3,c,rate,inf,1600000001
u3,c,rate,9,1600000001
u3,c,rate,4,1600000001
u4,c,,,1600000002
u4,d,play,-3,1600000002
u5,c,click,,12
u5,c,click,,1900000000
u5,c,click,,
"""


def messy(tmp_path, **options):
    return import_events(
        write(tmp_path / "messy.csv", MESSY), cleaning=Cleaning(scale=(1, 5), now=1.7e9), **options
    )


def test_every_dropped_and_mended_row_is_reported_with_its_number_and_value(tmp_path):
    report = messy(tmp_path).report
    found = {(f.reason, f.action): [(r.row, r.column, r.value) for r in f.rows] for f in report.findings}
    assert found == {
        ("spaces in user", "mended"): [(3, "user_id", " u1 ")],
        ("no user", "dropped"): [(4, "user_id", "")],
        ("no item", "dropped"): [(5, "sku", "null")],
        ("unknown kind", "dropped"): [(6, "action", "teleport")],
        ("no kind", "mended"): [(11, "action", "")],
        ("impossible value", "dropped"): [(8, "stars", "inf")],
        ("rating off the scale", "dropped"): [(9, "stars", "9")],
        ("negative value", "dropped"): [(12, "stars", "-3")],
        ("impossible time", "dropped"): [(13, "ts", "12")],
        ("time in the future", "dropped"): [(14, "ts", "1900000000")],
        ("no time", "dropped"): [(15, "ts", "")],
        ("duplicate", "dropped"): [(3, "sku", "a")],
    }
    assert (report.n_read, report.n_kept) == (14, 4)
    assert report.n_dropped == sum(f.n for f in report.findings if f.action == "dropped")


def test_the_report_is_text_and_json(tmp_path):
    report = messy(tmp_path).report
    told = json.loads(json.dumps(report.as_dict()))
    assert told["n_dropped"] == 10
    assert {"reason": "no user", "action": "dropped", "n": 1}.items() <= told["findings"][1].items()
    text = str(report)
    assert "14 rows read, 4 kept, 10 dropped" in text
    assert "row 6, column 'action': 'teleport'" in text


def test_examples_are_capped_but_counts_are_not(tmp_path):
    file = write(tmp_path / "a.csv", "user,item\nu,i\n" + ",i\n" * 500)
    finding = import_events(file, max_rows=7).report.findings[0]
    assert (finding.n, len(finding.rows)) == (500, 7)


def test_hostile_cells_reach_the_report_as_plain_text(tmp_path):
    file = write(tmp_path / "a.csv", "user,item,kind\nu,i,click\nu,i,\x1b[2Jboo\n")
    text = str(import_events(file).report)
    assert "\x1b" not in text
    assert "boo" in text


def test_a_dry_run_shows_mapping_and_sample_and_builds_nothing(tmp_path):
    result = messy(tmp_path, dry_run=True)
    assert result.data is None
    assert result.report.n_kept == 4
    assert result.sample[0] == {"user": "u1", "item": "a", "kind": "purchase", "value": None, "at": 1.6e9}
    with pytest.raises(DataError, match="dry run"):
        _ = result.dataset


def test_a_column_can_be_forced_and_forbidden(tmp_path):
    file = write(tmp_path / "a.csv", "user,item,price,weather\nu,i,7,sun\n")
    free = import_events(file)
    assert rows_of(free.data) == [("u", "i", "purchase", 7.0, None)]
    assert free.report.unused == ("weather",)
    data = import_events(file, mapping={"value": None, "context.weather": "weather"}, kind="like").data
    assert rows_of(data) == [("u", "i", "like", None, None)]
    assert data.context["weather"].tolist() == ["sun"]


def test_unknown_roles_kinds_and_columns_are_named(tmp_path):
    file = write(tmp_path / "a.csv", "user,item\nu,i\n")
    with pytest.raises(ConfigError, match=r"'usr'.*did you mean 'user'"):
        import_events(file, mapping={"usr": "user"})
    with pytest.raises(DataError, match=r"the column of the role 'user', got 'usr'.*did you mean 'user'"):
        import_events(file, mapping={"user": "usr"})
    with pytest.raises(ConfigError, match="did you mean 'click'"):
        import_events(file, kind="clik")


def test_bots_are_told_and_dropped_only_on_demand(tmp_path):
    fast = "".join(f"robot,i{n},{1_600_000_000 + n / 10}\n" for n in range(300))
    slow = "".join(f"human,i{n},{1_600_000_000 + 10 * n}\n" for n in range(300))
    file = write(tmp_path / "a.csv", "user,item,at\n" + fast + slow)
    kept = import_events(file)
    assert len(kept.data) == 600
    assert any("'robot'" in note and "human" not in note for note in kept.report.notes)
    dropped = import_events(file, cleaning=Cleaning(drop_bots=True))
    assert list(dropped.data.users) == ["human"]
    assert dropped.report.counts == {"bot": 300}


def test_an_event_id_counts_once(tmp_path):
    file = write(
        tmp_path / "a.csv",
        "event_id,user,item,at\ne1,u,i,1600000000\ne1,u,i,1600000005\n,u,j,1600000006\n,u,k,1600000007\n",
    )
    result = import_events(file)
    assert len(result.data) == 3
    assert result.report.counts == {"duplicate id": 1}


def test_ids_that_a_gap_made_floats_are_whole_again(tmp_path):
    pl.DataFrame({"user": [1.0, None, 3.0], "item": [10, 20, 30]}).write_parquet(tmp_path / "a.parquet")
    data = import_events(tmp_path / "a.parquet").data
    assert list(data.users) == ["1", "3"]
    assert list(data.items.ids) == ["10", "30"]


def test_json_lines_with_a_nested_context_and_mixed_ids(tmp_path):
    lines = [
        {
            "user": 7,
            "item": "a",
            "kind": "play",
            "value": 90,
            "at": "2020-09-13T12:26:40Z",
            "context": {"place": "北京"},
        },
        {"user": "seven", "item": 5, "kind": "view"},
    ]
    file = write(tmp_path / "e.jsonl", "\n".join(json.dumps(line) for line in lines[:1]) + "\n")
    data = import_events(file).data
    assert rows_of(data) == [("7", "a", "play", 90.0, 1.6e9)]
    assert data.context["place"].tolist() == ["北京"]
    mixed = import_events(write(tmp_path / "m.jsonl", "\n".join(json.dumps(line) for line in lines)))
    assert mixed.report.counts == {"no time": 1}


def test_gzip_is_read(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress("用户,商品\n张三,苹果\n".encode("gbk")))
    assert rows_of(import_events(tmp_path / "a.csv.gz").data) == [("张三", "苹果", "click", None, None)]


def test_quoted_fields_with_delimiters_and_line_breaks(tmp_path):
    data = import_events(write(tmp_path / "a.csv", 'user,item\n"u,1","line\nbreak"\n"say ""hi""",b\n')).data
    assert rows_of(data) == [
        ("u,1", "line\nbreak", "click", None, None),
        ('say "hi"', "b", "click", None, None),
    ]


def test_unreadable_cells_can_be_dropped_instead(tmp_path):
    file = write(
        tmp_path / "a.csv", "user,item,rating,at\nu,a,4,1600000000\nu,b,four,1600000001\nu,c,4,soon\n"
    )
    result = import_events(file, errors="drop")
    assert len(result.data) == 1
    assert result.report.counts == {"unreadable value": 1, "unreadable at": 1}


def test_the_weights_of_the_import_are_the_data_sets(tmp_path):
    file = write(tmp_path / "a.csv", "user,item,playtime,duration\nu,a,30,60\n")
    result = import_events(file, weights=KindWeights(kinds={"play": 3.0}))
    assert result.data.weight.tolist() == [1.5]
    assert result.data.kind_weights.kinds == {"play": 3.0}


def test_items_and_users_come_with_the_events(tmp_path):
    events = write(tmp_path / "e.csv", "user,item\nu2,b\nu1,a\nu1,new\n")
    items = write(
        tmp_path / "i.csv",
        "id,name,genres,year,about\na,Alpha,x|y,1999,first\nb,Beta,y,n/a,second\nc,Gamma,,2001,\n",
    )
    users = write(tmp_path / "u.csv", "user_id,age,job\nu1,30,chef\nu2,,pilot\nu9,1,none\n")
    result = import_events(events, items=items, users=users)
    data = result.data
    assert list(data.items.ids) == ["a", "b", "c", "new"]
    assert data.items.titles == ("Alpha", "Beta", "Gamma", "new")
    assert [data.items.words["genres"].words(i) for i in range(4)] == [("x", "y"), ("y",), (), ()]
    assert data.items.texts[:2] == ("first", "second")
    assert data.user_words["job"].words(data.users.code("u2")) == ("pilot",)
    assert data.user_numbers["age"][data.users.code("u1")] == 30
    assert any("1 users of u.csv did nothing" in note for note in result.report.notes)
    assert result.items_report.n_kept == 3


def test_item_attributes_are_told_apart(tmp_path):
    frame = pl.DataFrame({
        "sku": ["1", "2", "3", "4"],
        "title": ["One", "Two", "Three", ""],
        "price": ["9.5", "1", "", "3"],
        "style": ["Comedy Drama", "Comedy", "Drama", "Drama Comedy"],
        "shelf": ["Science Fiction", "Romance", "True Crime", "Romance"],
        "author": ["Smith, John", "Doe, Jane", "Roe, Rick", "Poe, Edgar"],
        "story": ["long " * 30, "tale " * 30, "text " * 40, "word " * 50],
        "cover": ["https://a.b/1", "https://a.b/2", "http://c", "http://d"],
        "tags": [["p", "q"], [], None, ["q"]],
    })  # fmt: skip
    frame.write_parquet(tmp_path / "i.parquet")
    result = import_items(tmp_path / "i.parquet")
    items = result.items
    assert items.titles[3] == "4"
    assert items.words["style"].words(0) == ("Comedy", "Drama")
    assert items.words["shelf"].words(0) == ("Science Fiction",)
    assert items.words["author"].words(0) == ("Smith, John",)
    assert [items.words["tags"].words(i) for i in range(4)] == [("p", "q"), (), (), ("q",)]
    assert items.texts[0].startswith("long long")
    assert np.array_equal(items.numbers["price"], [9.5, 1, np.nan, 3], equal_nan=True)
    assert result.report.unused == ("cover",)


def test_the_last_of_two_items_with_one_id_holds(tmp_path):
    result = import_items(write(tmp_path / "i.csv", "item,title\na,old\nb,B\na,new\n"))
    assert result.items.titles == ("B", "new")
    assert result.report.counts == {"duplicate item": 1}


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda word: (
        word.strip() == word
        and word not in {"null", "NULL", "None", "NaN", "nan", "\\N"}
        and "\ufeff" not in word
    )
)
EVENT = st.tuples(
    WORDS,
    WORDS,
    st.sampled_from(KINDS),
    st.none() | st.integers(0, 1000).map(lambda n: n / 8),
    st.integers(10**9, 2 * 10**9),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=20))
def test_csv_json_lines_and_parquet_give_the_same_data_set(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("formats")
    columns = {"user": pl.String, "item": pl.String, "kind": pl.String, "value": pl.Float64, "at": pl.Int64}
    frame = pl.DataFrame(events, schema=columns, orient="row")
    frame.write_csv(folder / "e.csv")
    frame.write_parquet(folder / "e.parquet")
    frame.write_ndjson(folder / "e.jsonl")
    options = {"delimiter": ",", "header": True, "time_unit": "s"}
    results = [import_events(folder / f"e.{form}", **options) for form in ("csv", "parquet", "jsonl")]
    assert rows_of(results[0].data) == rows_of(results[1].data) == rows_of(results[2].data)
    expected = list(dict.fromkeys((u, i, k, t) for u, i, k, _, t in events))
    found = [(u, i, k, t) for u, i, k, _, t in rows_of(results[0].data)]
    assert sorted(found) == sorted(expected)


def test_single_cells_are_taken_as_they_were_corrected(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("user,item,rating,at\nu1,a,4,2026-01-02\n,b,5,2026-01-03\nu2,c,five,2026-01-04\n")
    found = import_events(file, errors="drop")
    notes = [row for finding in found.report.findings for row in finding.rows]
    assert {(note.row, note.column) for note in notes} == {(3, "user"), (4, "rating")}
    fixes = [Fix(3, "user", "u9"), Fix(4, "rating", "wrong again"), Fix(4, "rating", "5")]
    mended = import_events(file, fixes=fixes)
    assert mended.report.n_kept == 3 and mended.report.findings == ()
    assert "2 cells were taken as they were corrected" in mended.report.notes
    assert mended.dataset.users.code("u9") >= 0
    with pytest.raises(DataError, match="row from 2 to 4"):
        import_events(file, fixes=[Fix(5, "user", "x")])
    with pytest.raises(DataError, match="did you mean 'rating'"):
        import_events(file, fixes=[Fix(2, "ratin", "x")])
    assert file.read_text().count("five") == 1, "the file stays as it is"


def test_a_corrected_cell_of_a_typed_column_is_read_like_text(tmp_path: Path) -> None:
    file = tmp_path / "items.parquet"
    pl.DataFrame({"id": [1, 2, None], "title": ["a", "b", "c"], "price": [1.0, None, 3.0]}).write_parquet(
        file
    )
    found = import_items(file, fixes=[Fix(3, "id", "3"), Fix(2, "price", "2.5")])
    assert set(found.items.ids) == {"1", "2", "3"} and found.report.n_kept == 3
    assert found.items.numbers["price"].tolist() == [1.0, 2.5, 3.0]
