"""Files on their way into the store: sent in pieces, looked at, loaded by a job, then forgotten."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import msgspec

from zhiyin.data.guess import ROLES, guess_events
from zhiyin.data.item_files import ITEM_ROLES, item_roles
from zhiyin.data.tables import read_table
from zhiyin.errors import ConfigError, ZhiyinError, shorten

__all__ = ["Upload", "Uploads"]

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
UPLOAD = re.compile(r"up_[0-9a-f]{16}")
KEEP = 8
"""Files at a time: the oldest goes when another one comes."""
N_HEAD = 10
HEAD_BYTES = 1 << 20


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is here, whole or in part."""

    id: str
    name: str
    size: int
    columns: list[str] = []
    rows: list[list[str]] = []
    """The first rows as text."""
    events: dict[str, str] = {}
    """role -> column, as guessed for a file of events; empty where it cannot be one."""
    items: dict[str, str] = {}
    kind: str = ""
    """What rows of events are that do not say."""
    roles: dict[str, list[str]] = {}
    """What a column can be: of events, of items."""
    notes: list[str] = []
    fault: str = ""
    """Why it cannot be read."""


class Uploads:
    """The folder of files that wait; `limit` is the most bytes of one."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    def begin(self, name: str, piece: bytes) -> str:
        """A new file with its first piece; its id."""
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES:
            raise ConfigError(f"{shorten(repr(name))}: expected a file that ends in {', '.join(SUFFIXES)}")
        self._sweep()
        id = f"up_{secrets.token_hex(8)}"
        place = self.folder / id
        place.mkdir(parents=True)
        (place / "name").write_text(Path(name).name[:200], "utf-8")
        (place / f"data{suffix}").touch(mode=0o600)
        self.add(id, 0, piece)
        return id

    def add(self, id: str, offset: int, piece: bytes) -> int:
        """Writes behind what is there; the size after. A piece that is there already is not written again."""
        file = self.file(id)
        size = file.stat().st_size
        if offset + len(piece) <= size and offset < size:
            return size
        if offset != size:
            raise ConfigError(f"expected the piece at {size}, got the one at {offset}")
        if size + len(piece) > self.limit:
            self.remove(id)
            raise ConfigError(f"the file is larger than serve.max_upload_bytes = {self.limit}")
        with file.open("ab") as out:
            out.write(piece)
        return size + len(piece)

    def file(self, id: str) -> Path:
        """Where it lies; its id is checked, so that none leads elsewhere."""
        found = next(iter((self.folder / id).glob("data.*")), None) if UPLOAD.fullmatch(id) else None
        if found is None:
            raise ConfigError(f"no file has the id {shorten(repr(id))}: send it again")
        return found

    def name(self, id: str) -> str:
        return (self.file(id).parent / "name").read_text("utf-8")

    def remove(self, id: str) -> None:
        shutil.rmtree(self.file(id).parent, ignore_errors=True)

    def look(self, id: str) -> Upload:
        """Columns, first rows, and what they are taken for; reads the beginning of a text file only."""
        file = self.file(id)
        known: dict[str, Any] = {"id": id, "name": self.name(id), "size": file.stat().st_size}
        try:
            table = read_table(_head(file))
        except (ZhiyinError, OSError) as error:
            return Upload(**known, fault=_without_path(str(error), file))
        head = table.frame.head(N_HEAD)
        rows = [["" if cell is None else shorten(str(cell), 120) for cell in row] for row in head.rows()]
        notes: list[str] = []
        events: dict[str, str] = {}
        kind = ""
        try:
            guessed = guess_events(table)
            events, kind, notes = guessed.as_dict(), guessed.kind, list(guessed.notes)
        except ZhiyinError as error:
            notes = [_without_path(str(error), file)]
        try:
            items = item_roles(table, {})[0]
        except ZhiyinError:
            items = {}
        return Upload(
            **known, columns=table.frame.columns, rows=rows, events=events, items=items, kind=kind,
            roles={"events": list(ROLES), "items": list(ITEM_ROLES)}, notes=notes,
        )  # fmt: skip

    def _sweep(self) -> None:
        places = sorted(self.folder.glob("up_*"), key=lambda place: place.stat().st_mtime)
        for old in places[: max(0, len(places) - KEEP + 1)]:
            shutil.rmtree(old, ignore_errors=True)


def _head(file: Path) -> Path:
    """The file itself when it is small or cannot be cut; else its first lines beside it."""
    if file.suffix == ".parquet" or file.stat().st_size <= HEAD_BYTES:
        return file
    head = file.parent / f"head{file.suffix}"
    with file.open("rb") as whole:
        start = whole.read(HEAD_BYTES)
    head.write_bytes(start[: start.rfind(b"\n") + 1] or start)
    return head


def _without_path(text: str, file: Path) -> str:
    """Messages name the file by its place, which is nobody's business."""
    return text.replace(f"{file.parent}/", "")
