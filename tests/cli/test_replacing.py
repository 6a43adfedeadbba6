"""A second import replaces the first, and says so; names of columns may have commas, cuts of lists an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from zhiyin.cli import app
from zhiyin.cli.importing import _pairs
from zhiyin.data.dataset import Dataset
from zhiyin.data.saved import sizes_of
from zhiyin.types import Interaction, Item


def ran(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.exception
    return done


def test_a_second_import_says_what_it_replaced(tmp_path: Path) -> None:
    (tmp_path / "jan.csv").write_text("user,item\nann,lamp\nbob,desk\nbob,lamp\n")
    (tmp_path / "feb.csv").write_text("user,item\nann,desk\n")
    (tmp_path / "items.csv").write_text("item,title,price\nlamp,Lamp,3\ndesk,desk,\n")
    (tmp_path / "users.csv").write_text("user,city\nann,Rome\n")
    shop, jan, feb = tmp_path / "shop", tmp_path / "jan.csv", tmp_path / "feb.csv"
    both = ("--items", tmp_path / "items.csv", "--users", tmp_path / "users.csv")
    first = ran("import", shop, jan, *both)
    assert "replaced" not in first.stderr
    dry = ran("import", shop, feb, "--dry-run").stderr
    assert "would be replaced: 3 events, 2 users, 2 items, 1 of them with a title or attributes" in " ".join(
        dry.split()
    )
    again = json.loads(ran("import", shop, feb, "--json").stdout)["replaced"]
    assert (again["n_events"], again["n_items"], again["n_described"]) == (3, 2, 1)
    assert again["lost"] == [
        "without --items the titles and attributes of 1 items are gone",
        "without --users the attributes of 1 users are gone",
    ]
    third = json.loads(ran("import", shop, jan, *both, "--json").stdout)["replaced"]
    assert (third["n_events"], third["n_described"], third["lost"]) == (1, 0, [])
    assert "replaced as a whole" in " ".join(ran("import", "--help").stdout.split())


def test_sizes_of_what_is_saved(tmp_path: Path) -> None:
    events = [Interaction("u", "a"), Interaction("v", "b")]
    items = [Item("a", "a", attributes={"tags": ("x",)}), Item("b", "b", "text"), Item("c", "c")]
    Dataset.of(events, items).save(tmp_path / "data")
    found = sizes_of(tmp_path / "data")
    assert found is not None
    assert (found.n_events, found.n_users, found.n_items, found.n_described) == (2, 2, 3, 2)
    assert sizes_of(tmp_path / "gone") is None
    (tmp_path / "data" / "items.parquet").write_bytes(b"junk")
    assert sizes_of(tmp_path / "data") is None


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        (["user=uid,item=sku"], {"user": "uid", "item": "sku"}),
        (["user=user, id,item=item, id"], {"user": "user, id", "item": "item, id"}),
        (["user=user, id", "kind="], {"user": "user, id", "kind": None}),
        (["kind=,item=a,b,c"], {"kind": None, "item": "a,b,c"}),
    ],
)
def test_names_of_columns_may_have_commas(given: list[str], pairs: dict[str, str | None]) -> None:
    assert _pairs(given) == pairs


def test_a_word_that_is_no_pair_is_refused() -> None:
    for given in (["user"], ["user,item=sku"], ["user=a,user=b"]):
        with pytest.raises(typer.BadParameter):
            _pairs(given)


def test_a_column_with_a_comma_is_mapped_and_long_lines_stay_whole(tmp_path: Path) -> None:
    names = [f"attribute number {place} of many" for place in range(30)]
    (tmp_path / "e.csv").write_text(
        ",".join(['"user, id"', '"item, id"', *names]) + "\n" + ",".join("ab" + "x" * 30) + "\n"
    )
    done = ran(
        "import", tmp_path / "s", tmp_path / "e.csv", "--map", "user=user, id,item=item, id", "--dry-run"
    )
    said = " ".join(done.stdout.split())
    assert "user = 'user, id', item = 'item, id'" in said and "attribute number 29 of many" in said


def test_cuts_end_at_the_catalogue(tmp_path: Path) -> None:
    events = [
        Interaction(f"u{u}", f"i{(u + step) % 5}", at=1e9 + step) for u in range(9) for step in range(4)
    ]
    items = [Item(f"i{place}", attributes={"tags": (f"t{place % 2}",)}) for place in range(5)]
    Dataset.of(events, items).save(tmp_path / "shop" / "data")
    (tmp_path / "shop" / "zhiyin.toml").write_text('[retrievers.popular]\ntype = "popular"\n')
    done = ran("eval", tmp_path / "shop", "--k", 20_000, "--k", 2, "--no-floors", "--json")
    assert "--k 20000: the catalogue has 5 items, so lists are cut at 5" in " ".join(done.stderr.split())
    metrics = json.loads(done.stdout)["rows"][0]["metrics"]
    assert {"ndcg@2", "ndcg@5"} <= set(metrics) and "ndcg@20000" not in metrics
