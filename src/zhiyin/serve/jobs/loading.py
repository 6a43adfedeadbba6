"""The job that loads an uploaded file into the store, or only says what it would load."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.importing import import_events
from zhiyin.data.item_files import import_items
from zhiyin.data.tables import Fix
from zhiyin.errors import ConfigError
from zhiyin.serve.jobs.drawing import opened
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.uploads import Uploads
from zhiyin.store.records import Event, ItemRecord
from zhiyin.types import KINDS

__all__ = ["load_upload"]

BATCH = 2_000


def load_upload(work: Work) -> dict[str, Any]:
    """Events keep ids that follow from what they say, so that the same file twice is loaded once."""
    request = work.request
    uploads = Uploads(work.places.uploads, 1 << 62)
    file, name = uploads.file(request.upload), uploads.name(request.upload)
    fixes = [Fix(one.row, one.column, one.value) for one in request.fixes]
    work.tell("reading", 0, 0)
    if request.holds == "items":
        found = import_items(file, mapping=request.mapping or None, fixes=fixes)
        report, sample = found.report.as_dict(), _sample_items(found.items)
        rows: Iterator[Any] = _records(found.items)
        n = len(found.items)
    else:
        imported = import_events(
            file, mapping=request.mapping or None, kind=request.event_kind or None, errors=request.errors,
            dry_run=request.dry_run, fixes=fixes,
        )  # fmt: skip
        report, sample = imported.report.as_dict(), [dict(row) for row in imported.sample]
        data = imported.data
        rows, n = (iter(()), 0) if data is None else (_events(data), len(data))
    result = {
        "name": name, "holds": request.holds, "dry_run": request.dry_run,
        "report": {**report, "file": name}, "sample": sample,
    }  # fmt: skip
    if request.dry_run:
        return result
    result |= _written(work, rows, n)
    uploads.remove(request.upload)
    return result


def _written(work: Work, rows: Iterator[Any], n: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    with opened(work) as store:
        fault = store.writable()
        if fault:
            raise ConfigError(f"the store cannot write: {fault}")
        done = 0
        while batch := list(islice(rows, BATCH)):
            if work.request.holds == "items":
                store.put_items(batch, at=work.now()).result()
                counts["written"] += len(batch)
            else:
                outcomes = store.append(batch, at=work.now()).result()
                counts.update(outcome.status for outcome in outcomes)
            done += len(batch)
            work.tell("writing", done, n)
    return dict(counts)


def _events(data: Dataset) -> Iterator[Event]:
    """In the order of time, so that the log grows as it would have."""
    order = np.argsort(data.at, kind="stable") if data.has_clock else np.arange(len(data))
    seen: Counter[str] = Counter()
    for row in order.tolist():
        user, item = data.users[data.user[row]], data.items.ids[data.item[row]]
        kind, value, at = KINDS[data.kind[row]], float(data.value[row]), float(data.at[row])
        context = {name: str(words[row]) for name, words in data.context.items() if words[row]}
        session = context.pop("session", "")
        said = "\x1f".join((user, item, kind, repr(value), repr(at), session))
        digest = hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        seen[digest] += 1
        yield Event(
            user=user, item=item, kind=kind, value=None if np.isnan(value) else value,
            at=None if np.isnan(at) else at, event_id=f"import-{digest}-{seen[digest]}", session=session,
            context=context,
        )  # fmt: skip


def _records(items: Catalogue) -> Iterator[ItemRecord]:
    for code, id in enumerate(items.ids):
        item = items.item(code)
        attributes: dict[str, float | str | list[str]] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in item.attributes.items()
        }
        title = "" if item.title == id else item.title
        yield ItemRecord(id=id, title=title, text=item.text, attributes=attributes)


def _sample_items(items: Catalogue) -> list[dict[str, Any]]:
    return [
        {"id": item.id, "title": item.title, "text": item.text[:200], "attributes": dict(item.attributes)}
        for item in (items.item(code) for code in range(min(5, len(items))))
    ]
