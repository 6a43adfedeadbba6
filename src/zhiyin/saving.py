"""A recommender to and from an artefact directory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from zhiyin.artefact import SAFE_NAME, read_artefact, write_artefact
from zhiyin.config import from_toml, to_toml
from zhiyin.contracts import Persistent, Refreshable
from zhiyin.data.dataset import Dataset
from zhiyin.data.histories import Histories
from zhiyin.data.saved import about_of, dataset_of, tables_of
from zhiyin.errors import ArtefactError
from zhiyin.llm.guarded import GuardedLanguageModel
from zhiyin.types import NO_ITEMS

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["keep_models_in", "load_recommender", "save_recommender"]

R = TypeVar("R", bound="Recommender")
PERSONAL = ("events", "users")
"""Tables that say who did what."""
REMOVED = "removed"
"""The table of the items that must not be proposed; there only when there are any."""


def save_recommender(
    recommender: Recommender, path: str | Path, data: Dataset, *, created_at: str, histories: bool
) -> str:
    """Writes the parts, the settings and the tables of `data`; returns the version."""
    tables = tables_of(data)
    if not histories:
        tables = {name: table.clear() if name in PERSONAL else table for name, table in tables.items()}
    if len(recommender.barred_):
        tables[REMOVED] = pl.DataFrame({"id": data.items.ids.named(recommender.barred_)})
    return write_artefact(
        path,
        parts={folder_of(name): state for name, state in recommender.states().items()},
        config=to_toml(recommender),
        tables=tables,
        info={"created_at": created_at, "data": about_of(data)},
    )


def load_recommender(path: str | Path, *, allow_import: Sequence[str], histories: bool) -> Recommender:
    """See `Recommender.load`."""
    artefact = read_artefact(path, without_rows=() if histories else PERSONAL)
    recommender = from_toml(artefact.config, allow_import=allow_import, strict=False)
    data = dataset_of(artefact.tables, dict(artefact.info["data"]), Path(path))
    recommender.items_, recommender.histories_ = data.items, Histories(data)
    removed = artefact.tables.get(REMOVED)
    # What a part has taken over is let go at once, or all would stand in memory twice.
    states, artefact = dict(artefact.parts), replace(artefact, parts={}, tables={})
    for name, part in recommender.parts().items():
        if isinstance(part, Persistent):
            if folder_of(name) not in states:
                raise ArtefactError(
                    f"{path}: config.toml names {name!r}, but nothing was saved for it. Fit again"
                )
            part.restore(states.pop(folder_of(name)))
        if isinstance(part, Refreshable):
            part.refresh(data.items, NO_ITEMS)
    if removed is not None:
        recommender.remove_items(removed["id"].to_list())
    recommender.version_ = artefact.version
    return recommender


def folder_of(part: str) -> str:
    """The name of a part as that of a folder: retrievers may be called 流行, or a/b.

    >>> folder_of("retriever.ease"), folder_of("retriever.a/b")
    ('retriever.ease', 'retriever.a_b-6f5427be')
    """
    if SAFE_NAME.fullmatch(part):
        return part
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", part)[:80]
    return f"{plain}-{hashlib.sha256(part.encode()).hexdigest()[:8]}"


def keep_models_in(recommender: R, folder: Path) -> R:
    """The same; what its language models answer and cost is written down in this project's folder."""
    parts = (recommender, *recommender.parts().values())
    for guard in {id(one): one for part in parts for one in vars(part).values()}.values():
        if isinstance(guard, GuardedLanguageModel):
            guard.keep_in(folder)
    return recommender
