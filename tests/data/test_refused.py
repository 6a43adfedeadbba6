"""What cannot be used is refused where it comes in, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zhiyin.cli.output import plain
from zhiyin.data.catalogue import Catalogue, Ids
from zhiyin.data.histories import Histories
from zhiyin.data.importing import import_events
from zhiyin.errors import DataError
from zhiyin.store.records import InterestRecord
from zhiyin.testing import checkerboard
from zhiyin.types import Interaction, Item


@pytest.mark.parametrize(
    "event",
    [
        Interaction("u0", "i4", "rating", value="five"),  # type: ignore[arg-type]
        Interaction("u0", "i4", at="2026-01-01"),  # type: ignore[arg-type]
        Interaction("u0", "i4", at=float("nan")),
        Interaction("u0", "i4", "rating", value=float("inf")),
        Interaction("u0", ""),
        Interaction(5, "i4"),  # type: ignore[arg-type]
    ],
)
def test_an_event_that_cannot_be_read_changes_nothing(event: Interaction) -> None:
    data = checkerboard()
    histories, user = Histories(data), data.users[0]
    before = histories.of(user, data.items.ids)
    with pytest.raises(DataError, match="expected"):
        histories.append(event)
    assert histories.of(user, data.items.ids).items.tolist() == before.items.tolist()


@pytest.mark.parametrize("item", [Item("bad", None), Item("bad", "x", 5), Item(5, "five"), Item("")])  # type: ignore[arg-type]
def test_an_item_that_cannot_be_read_is_named(item: Item) -> None:
    catalogue = Catalogue.of([Item("a", "A")])
    for make in (Catalogue.of, catalogue.with_items):
        with pytest.raises(DataError, match="expected"):
            make([Item("ok", "fine"), item])
    assert len(catalogue) == 1


def test_an_attribute_of_none_is_missing() -> None:
    priced: Any = [Item("a", attributes={"price": 3.0}), Item("b", attributes={"price": None, "x": None})]
    made = Catalogue.of(priced)
    assert made.numbers["price"][0] == 3 and made.numbers["price"][1] != made.numbers["price"][1]
    assert not made.words and "x" not in made.numbers
    more: Any = [Item("a", attributes={"price": None}), Item("c", attributes={"price": 5})]
    later = made.with_items(more)
    assert [value == value for value in later.numbers["price"]] == [False, False, True] and not later.words


def test_one_text_is_no_list_of_ids() -> None:
    with pytest.raises(DataError, match=r"a list of ids, got 'i3'. Write \['i3'\]"):
        Ids(["i3"]).codes("i3")


def test_what_was_only_shown_is_no_choice(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    kinds = ["click", "impression", "曝光", "Expose", "view"]
    file.write_text("user,item,kind\n" + "".join(f"u{n},i{n},{kind}\n" for n, kind in enumerate(kinds)))
    found = import_events(file)
    assert list(found.dataset.users) == ["u0", "u4"]
    assert "impression" in str(found.report) and "shown, not chosen" in str(found.report)


def test_records_become_json_with_their_fields() -> None:
    record = InterestRecord(words="tea", weight=float("nan"), items=["a"])
    told = json.loads(json.dumps(plain({"kept": [record]})))["kept"][0]
    assert (told["words"], told["weight"], told["items"]) == ("tea", None, ["a"])
