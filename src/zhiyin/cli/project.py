"""The folder of one project: `zhiyin.toml`, `data/`, `artefact/`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.errors import ConfigError, DataError, NotFittedError, ZhiyinError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.data.catalogue import Catalogue
    from zhiyin.data.dataset import Dataset
    from zhiyin.recommender import Recommender

__all__ = ["UNORDERED", "Project", "catalogue", "item_code", "suggestions"]

UNORDERED = "the log has no times, and the order of its rows says nothing: it is sorted or mixed"


@dataclass(frozen=True, slots=True)
class Project:
    """Where the parts of a project lie; each loader says which command makes what is missing."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "zhiyin.toml"

    @property
    def has_config(self) -> bool:
        """Whether anything stands there: a folder or a broken link is an error, not the default."""
        return os.path.lexists(self.config)

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def artefact(self) -> Path:
        return self.path / "artefact"

    @property
    def is_served(self) -> bool:
        """Whether `zhiyin serve` has made a store: from then on the log lives there."""
        return (self.path / "store.db").is_file()

    def load_data(self) -> Dataset:
        from zhiyin.data.dataset import Dataset

        if not self.data.is_dir() or not any(self.data.iterdir()):
            raise DataError(
                "imported data",
                file=self.data,
                hint=f"run: zhiyin import {self.path} events.csv --items items.csv",
            )
        return Dataset.load(self.data)

    def configured(
        self, data: Dataset, allow_import: Sequence[str] = (), *, sequence: bool = False
    ) -> Recommender:
        """The recommender of zhiyin.toml, unfitted; what it leaves out is the default for this data.

        `sequence` puts a `TransformerRetriever` beside its sources, where it has none.
        """
        from zhiyin.defaults import configured_recommender

        return configured_recommender(self.path, data, allow_import=allow_import, sequence=sequence)

    def is_untouched(self) -> bool:
        """Whether zhiyin.toml holds what `init` writes, or what `suit` wrote for the data that is there."""
        from zhiyin.config import commented_toml
        from zhiyin.recommender import Recommender

        if not self.config.is_file():
            return False
        text = self.config.read_text("utf-8-sig")
        if text == commented_toml(Recommender.default()):
            return True
        try:
            return text == commented_toml(Recommender.default(self.load_data()))
        except ZhiyinError:  # no data, or data that can only be replaced
            return False

    def suit(self, data: Dataset) -> bool:
        """Lets an untouched zhiyin.toml hold the default for this data; whether it changed."""
        from zhiyin.config import commented_toml
        from zhiyin.recommender import Recommender

        fresh = commented_toml(Recommender.default(data))
        changed = self.config.read_text("utf-8-sig") != fresh
        if changed:
            self.config.write_text(fresh, encoding="utf-8")
        return changed

    def load(self, allow_import: Sequence[str] = ()) -> Recommender:
        """What `zhiyin fit` has left; a served project answers from another artefact (`answering.py`)."""
        from zhiyin.recommender import Recommender
        from zhiyin.saving import keep_models_in

        if not self.artefact.is_dir():
            way_out = "refit" if self.is_served else "fit"
            raise ConfigError(
                f"{self.artefact}: expected a fitted recommender. Run: zhiyin {way_out} {self.path}"
            )
        return keep_models_in(Recommender.load(self.artefact, allow_import=allow_import), self.path)


def catalogue(recommender: Recommender) -> Catalogue:
    """The items of a fitted recommender."""
    if recommender.items_ is None:
        raise NotFittedError("this recommender knows no items yet: run zhiyin fit first")
    return recommender.items_


def suggestions(name: str, choices: Sequence[str], n: int = 3) -> list[str]:
    """The nearest few of many names: same beginning first, then small slips."""
    low = name.casefold()
    inside = [choice for choice in choices if low and low in choice.casefold()]
    inside.sort(key=len)
    close = difflib.get_close_matches(name, choices[:100_000], n=n, cutoff=0.6) if len(inside) < n else []
    return list(dict.fromkeys([*inside[:n], *close]))[:n]


def item_code(items: Catalogue, name: str) -> int:
    """The item with this id or this very title; an error names the nearest."""
    code = items.ids.code(name)
    if code >= 0:
        return code
    same = [place for place, title in enumerate(items.titles) if title.casefold() == name.casefold()]
    if len(same) == 1:
        return same[0]
    near = [items.titles.index(title) for title in suggestions(name, items.titles)]
    near += [items.ids.code(found) for found in suggestions(name, items.ids)]
    listed = "; ".join(f"{items.ids[place]} {items.titles[place]!r}" for place in (same or near)[:4])
    hint = f"Did you mean {listed}?" if listed else f"The catalogue has {len(items):,} items"
    raise DataError("the id or the title of an item", value=printable(name), hint=printable(hint))
