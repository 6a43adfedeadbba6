"""Broken files: each ends in one message with the file, the place, what was expected and the way out."""

import gzip
import zipfile

import polars as pl
import pytest

from zhiyin.data.importing import import_events
from zhiyin.data.item_files import import_items
from zhiyin.errors import ConfigError, DataError

GOOD = "user,item,rating,at\nu1,a,4,1600000000\n"
LATIN = "user,item\nJosé,Café\nAndré,Crème brûlée\n".encode("latin-1")


def parquet(cut):
    frame = pl.DataFrame({"user": ["a"] * 1000, "item": [str(n) for n in range(1000)]})
    import io

    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return cut(buffer.getvalue())


def archive():
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.csv", GOOD)
    return buffer.getvalue()


BROKEN = {
    "empty": ("e.csv", b"", ["e.csv", "expected rows", "an empty file"]),
    "blank": ("e.csv", b"\n\n  \n", ["e.csv", "expected rows", "an empty file"]),
    "header only": ("e.csv", b"user,item\n", ["e.csv", "at least one row", "no rows"]),
    "all rows bad": ("e.csv", b"user,item\n,a\n,b\n", ["e.csv", "at least one row", "2 \xd7 no user"]),
    "truncated parquet": (
        "e.parquet",
        parquet(lambda b: b[: len(b) // 2]),
        ["e.parquet", "a whole Parquet file", "again"],
    ),
    "parquet without a tail": ("x.bin", parquet(lambda b: b[:-9]), ["x.bin", "a whole Parquet file"]),
    "junk called parquet": ("e.parquet", b"hello", ["e.parquet", "a whole Parquet file"]),
    "binary junk": ("e.csv", bytes(range(256)) * 20, ["e.csv", "row 1", "UTF-8 text", "binary file"]),
    "latin-1": ("e.csv", LATIN, ["e.csv", "row 2", "UTF-8 text", "encoding='latin-1'"]),
    "a flaw in UTF-8": (
        "e.csv",
        "user,item\n张三,苹果\n李四,".encode() + b"\xff\xfe\n",
        ["e.csv", "row 3", "b'\\xff\\xfe", "UTF-8 text"],
    ),
    "no user": (
        "e.csv",
        b"who,item\nu,a\n",
        ["e.csv", "row 1", "a column of users", "'who'", "mapping={'user'"],
    ),
    "no item": ("e.csv", b"user,thing\nu,a\n", ["e.csv", "row 1", "a column of items", "mapping={'item'"]),
    "one column": ("e.csv", b"user\nu\n", ["e.csv", "a column of items"]),
    "too many fields": (
        "e.csv",
        b"user,item\nu,a\nu,b,c\nu,d\n",
        ["e.csv", "row 3", "expected 2 fields", "got 3", "'u', 'b', 'c'"],
    ),
    "too few fields": (
        "e.csv",
        b"user,item,at\nu,a,1600000000\nu,b\n",
        ["e.csv", "row 3", "expected 3 fields", "got 2"],
    ),
    "an open quote": ("e.csv", b'user,item\nu,a\nu,"b\nu,c\n', ["e.csv", "row 3", "quote"]),
    "bad JSON in line 7": (
        "e.jsonl",
        b'{"user":"u","item":"i"}\n' * 6 + b'{"user":"u","item":\n',
        ["e.jsonl", "row 7", "a JSON object"],
    ),
    "a line that is no object": (
        "e.jsonl",
        b'{"user":"u","item":"i"}\n5\n',
        ["e.jsonl", "row 2", "a JSON object", "got 5"],
    ),
    "NaN in JSON": (
        "e.jsonl",
        b'{"user":"u","item":"i","value":NaN}\n',
        ["e.jsonl", "row 1", "NaN is not JSON"],
    ),
    "half a JSON file": ("e.json", b'[{"user":"u","item":"i"},', ["e.json", "JSON"]),
    "no number": (
        "e.csv",
        (GOOD + "u1,b,four,1600000001\n").encode(),
        ["e.csv", "row 3", "column 'rating'", "a number", "'four'", "drop"],
    ),
    "no time": (
        "e.csv",
        (GOOD + "u1,b,4,soon\n").encode(),
        ["e.csv", "row 3", "column 'at'", "a time", "'soon'", "time_format"],
    ),
    "a list for an id": (
        "e.jsonl",
        b'{"user":["u"],"item":"i"}\n',
        ["e.jsonl", "column 'user'", "one user per row", "List"],
    ),
    "zip": ("e.zip", archive(), ["e.zip", "a zip or Excel file", "unpack"]),
    "half a gzip": (
        "e.csv.gz",
        gzip.compress(GOOD.encode() * 99)[:-12],
        ["e.csv.gz", "a whole gzip file", "again"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_says_what_and_where(tmp_path, case):
    name, content, parts = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        import_events(tmp_path / name)
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert len(message) < 700
    assert "\n" not in message


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(DataError, match=r"gone.csv: expected a file.*is the path right"):
        import_events(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="got 'a directory'"):
        import_events(tmp_path)


def test_an_encoding_that_is_none_or_wrong(tmp_path):
    (tmp_path / "e.csv").write_bytes(LATIN)
    assert list(import_events(tmp_path / "e.csv", encoding="latin-1").data.users) == ["José", "André"]
    with pytest.raises(DataError, match="got 'klingon'"):
        import_events(tmp_path / "e.csv", encoding="klingon")
    with pytest.raises(DataError, match="row 2"):
        import_events(tmp_path / "e.csv", encoding="ascii")


def test_a_star_in_a_name_is_a_name(tmp_path):
    """A reader that expands patterns would read two files."""
    (tmp_path / "a*.csv").write_text("user,item\nu,a\n")
    (tmp_path / "ab.csv").write_text("user,item\nv,b\n")
    assert list(import_events(tmp_path / "a*.csv").data.users) == ["u"]


def test_broken_item_files(tmp_path):
    (tmp_path / "i.csv").write_text("name,price\nx,3\n")
    with pytest.raises(DataError, match=r"i.csv, row 1: expected a column of item ids.*mapping"):
        import_items(tmp_path / "i.csv")
    (tmp_path / "j.csv").write_text("id,name\n,x\n")
    with pytest.raises(DataError, match="at least one item"):
        import_items(tmp_path / "j.csv")


ROWS = [("a", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.jsonl", "\ufeff" + '{"user":"a","item":"x"}\n{"user":"b","item":"y"}\n'),
        ("bom.csv", "\ufeff\n\nuser,item\na,x\nb,y\n"),
        ("mac.csv", "user,item\ra,x\rb,y\r"),
        ("mac_blank.csv", "\r\ruser,item\ra,x\rb,y"),
        ("blank.csv", "\n  \n\nuser,item\na,x\nb,y\n"),
        ("blank.tsv", "\r\n\r\nuser\titem\r\na\tx\r\nb\ty\r\n"),
    ],
)
def test_marks_old_line_ends_and_blank_lines_before_the_first_row(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode())
    data = import_events(tmp_path / name).dataset
    assert [(data.users[u], data.items.ids[i]) for u, i in zip(data.user, data.item)] == ROWS


def test_blank_lines_count_in_row_numbers(tmp_path):
    (tmp_path / "e.csv").write_text("\n\nuser,item\na,x\n,y\n")
    (finding,) = import_events(tmp_path / "e.csv").report.findings
    assert finding.rows[0].row == 5, "as an editor shows it"
    (tmp_path / "r.csv").write_text("\n\nuser,item\na,x\nb,y,z\n")
    with pytest.raises(DataError, match="row 5: expected 2 fields as in row 3"):
        import_events(tmp_path / "r.csv")


@pytest.mark.parametrize("depth", [3_000, 200_000])
def test_json_nested_beyond_reading_is_refused(tmp_path, depth):
    (tmp_path / "e.jsonl").write_text('{"user":"a","item":"x","z":' + "[" * depth + "]" * depth + "}\n")
    with pytest.raises(DataError, match="row 1: expected JSON of a few levels"):
        import_events(tmp_path / "e.jsonl")


def test_bytes_are_text_or_refused_by_row(tmp_path):
    path = tmp_path / "e.parquet"
    pl.DataFrame({"user": [b"a", b"b"], "item": ["x", "y"]}).write_parquet(path)
    assert list(import_events(path).dataset.users) == ["a", "b"]
    pl.DataFrame({"user": [b"a", b"\xff"], "item": ["x", "y"]}).write_parquet(path)
    with pytest.raises(DataError, match="row 2, column 'user': expected text"):
        import_events(path)
    pl.DataFrame({"user": ["a"], "item": ["x"], "at": [b"\xff"]}).write_parquet(path)
    with pytest.raises(DataError, match="row 1, column 'at': expected text"):
        import_events(path)


def test_ids_stay_exact_or_are_refused(tmp_path):
    """9007199254740993 is 2**53 + 1: as a float it is its neighbour."""
    path = tmp_path / "e.jsonl"
    for ids in (["9007199254740993", "9007199254740992"], ["18446744073709551615", "18446744073709551614"]):
        path.write_text("".join(f'{{"user":{one},"item":1}}\n' for one in ids))
        assert list(import_events(path).dataset.users) == ids
    path.write_text('{"user":9007199254740993,"item":1}\n{"user":5.0,"item":1}\n')
    with pytest.raises(DataError, match=r"row 1, column 'user': expected ids that are exact.*2\^53"):
        import_events(path)
    path.write_text('{"user":2,"item":1e19}\n{"user":2,"item":2e19}\n')
    with pytest.raises(DataError, match="column 'item': expected ids that are exact, got 1e"):
        import_events(path)
    (tmp_path / "i.jsonl").write_text('{"item":1e19,"title":"t"}\n')
    with pytest.raises(DataError, match="ids that are exact"):
        import_items(tmp_path / "i.jsonl")
    path.write_text('{"user":5,"item":1}\n{"user":1.5,"item":1}\n{"user":null,"item":1}\n')
    assert list(import_events(path).dataset.users) == ["5", "1.5"]


def test_another_unit_among_the_times_is_noted_with_its_count(tmp_path):
    rows = [f"u{n % 5},i{n},{1_600_000_000 + n}" for n in range(50)]
    path = tmp_path / "e.csv"
    path.write_text("\n".join(["user,item,at", *rows, "u1,i1,1600000000123", "u2,i1,1600000000124"]))
    (note,) = [note for note in import_events(path).report.notes if "years" in note]
    assert note.startswith("2 times lie more than 30 years") and "row 52" in note
    path.write_text("\n".join(["user,item,at", *(row + "000" for row in rows), "u1,i1,1600000000"]))
    (note,) = [note for note in import_events(path).report.notes if "years" in note]
    assert note.startswith("1 times lie"), "seconds among milliseconds are in January 1970"
    path.write_text("\n".join(["user,item,at", *rows, "u1,i1,0"]))
    assert not [note for note in import_events(path).report.notes if "years" in note], "that row is dropped"


def test_when_every_kind_is_unknown_they_are_named(tmp_path):
    (tmp_path / "e.csv").write_text("user,item,kind\na,x,foo\nb,y,bar\nc,z,bar\n")
    with pytest.raises(DataError, match=r"3 × unknown kind: 'foo', 'bar'\. There are: view, search"):
        import_events(tmp_path / "e.csv")


def test_one_column_cannot_be_user_and_item(tmp_path):
    (tmp_path / "e.csv").write_text("user,item,session\na,x,s\n")
    with pytest.raises(ConfigError, match="'item' cannot be user and item at once"):
        import_events(tmp_path / "e.csv", mapping={"user": "item", "item": "item"})
    both = import_events(tmp_path / "e.csv", mapping={"user": "session", "session": "session"})
    assert list(both.dataset.users) == ["s"], "a session may well be the user"


def test_a_time_of_another_form_than_was_said_names_the_form(tmp_path):
    (tmp_path / "e.csv").write_text("user,item,at\na,x,2023-01-01\n")
    with pytest.raises(DataError, match=r"expected a time written as %d\.%m\.%Y, got '2023-01-01'"):
        import_events(tmp_path / "e.csv", time_format="%d.%m.%Y")
