"""`zhiyin import`: every argument of the library has its option, and hints name the option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from zhiyin.cli import app
from zhiyin.data.dataset import Dataset


@pytest.fixture
def bring(tmp_path: Path) -> Any:
    """Writes files by option, imports them, gives what was said or the error."""

    def call(*options: str, **files: bytes) -> Any:
        named = {name: tmp_path / f"{name}.csv" for name in files}
        for name, content in files.items():
            named[name].write_bytes(content)
        more = [word for name, path in named.items() if name != "events" for word in (f"--{name}", str(path))]
        arguments = ["import", str(tmp_path / "shop"), str(named["events"]), *more, *options, "--json"]
        done = CliRunner().invoke(app, arguments)
        return done.exception if done.exit_code else json.loads(done.stdout)

    return call


def test_encodings_of_all_three_files(bring: Any, tmp_path: Path) -> None:
    done = bring(
        "--encoding", "latin-1", "--encoding-items", "cp1250", "--encoding-users", "utf-16",
        events="user,item\nJosé,1\n".encode("latin-1"), items="item,title\n1,Łódź\n".encode("cp1250"),
        users="user,city\nJosé,Zürich\n".encode("utf-16"),
    )  # fmt: skip
    data = Dataset.load(tmp_path / "shop" / "data")
    assert done["events"]["n_kept"] == 1
    assert (data.users[0], data.items.titles[0]) == ("José", "Łódź")
    assert list(data.user_words["city"].values) == ["Zürich"]


def test_times_delimiter_header_and_bots(bring: Any, tmp_path: Path) -> None:
    bring("--time-format", "%d.%m.%Y", events=b"user,item,at\na,x,31.12.2023\n")
    assert Dataset.load(tmp_path / "shop" / "data").at.tolist() == [1_703_980_800.0]
    bring("--time-unit", "ms", events=b"user,item,at\na,x,5000000000\n")
    assert Dataset.load(tmp_path / "shop" / "data").at.tolist() == [5_000_000.0]
    done = bring("--delimiter", ";", "--no-header", events=b"a,b;x\na,b;y\n")
    assert done["sample"][0]["user"] == "a,b" and done["events"]["n_kept"] == 2
    fast = (
        "user,item,at\n"
        + "".join(f"bot,i{n},{1_600_000_000 + n / 9}\n" for n in range(200))
        + "a,x,1600000000\n"
    )
    assert "--drop-bots" in " ".join(bring(events=fast.encode())["events"]["notes"])
    assert bring("--drop-bots", events=fast.encode())["events"]["n_kept"] == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"events": b"uzr,item\na,x\n"}, "--map user=COLUMN"),
        ({"events": b"user,item\na,x\n", "items": b"nr,name\nx,t\n"}, "--map-items item=COLUMN"),
        ({"events": b"user,item\nJos\xe9,x\n"}, "--encoding latin-1"),
        ({"events": b"user,item\na,x\n", "items": b"item,title\nx,\xe9\n"}, "--encoding-items latin-1"),
        ({"events": b"user,item\na,x\n", "users": b"user,city\na,\xe9\n"}, "--encoding-users latin-1"),
        ({"events": b"user,item,at\na,x,31.12.2023\n"}, "--time-format '%d.%m.%Y'"),
        ({"events": b"user,item,at\na,x,31.12.2023\n"}, "--errors drop"),
        ({"events": b"user,item,rating\na,x,good\n"}, "--map can name another column"),
        ({"events": b"user,item,kind\na,x,foo\n"}, "--map kind= takes all rows"),
    ],
)
def test_hints_name_the_option_and_no_argument_of_python(
    bring: Any, files: dict[str, bytes], said: str
) -> None:
    message = str(bring(**files))
    assert said in message
    assert not [word for word in ("mapping=", "errors=", "encoding=", "time_format=") if word in message]


def test_an_order_is_told_with_its_option(bring: Any) -> None:
    notes = " ".join(bring(events=b"user,item,at\na,x,1\na,y,2\n")["events"]["notes"])
    assert "--time-unit" in notes and "time_unit" not in notes


def test_roles_given_twice_and_long_delimiters_are_wrong_usage(bring: Any) -> None:
    events = b"user,item\na,x\n"
    for wrong in (("--map", "user=user,user=item"), ("--delimiter", "ab"), ("--delimiter", '"')):
        assert isinstance(bring(*wrong, events=events), SystemExit)
    assert "at once" in str(bring("--map", "user=item,item=item", events=events))


def test_parquet_needs_none_of_it(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["a"], "item": ["x"]}).write_parquet(tmp_path / "e.parquet")
    done = CliRunner().invoke(app, ["import", str(tmp_path / "shop"), str(tmp_path / "e.parquet")])
    assert done.exit_code == 0, done.output
