"""Which artefact serves: published by a check, taken by every worker, taken back by one command."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from zhiyin.artefact import Artefact, read_artefact
from zhiyin.errors import ArtefactError, ConfigError, nearest
from zhiyin.prepared import prepared
from zhiyin.store.contract import Store

__all__ = ["Artefacts", "Publication"]

SETTING = "artefacts"


class Publication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One artefact and what became of it."""

    version: str
    at: float
    """When it began to serve, again after a rollback, or was refused; UTC seconds."""
    fitted_at: float = 0.0
    """When it was fitted; no rollback changes it."""
    seq: int = 0
    """Newest event of the log that it was fitted on."""
    revision: int = 0
    """Newest change of the catalogue that it holds."""
    back_seq: int = -1
    """Newest event of the log when a rollback let it serve again; -1 = none did."""
    state: str = "kept"
    """serving | previous | kept | refused"""
    detail: str = ""


class Artefacts:
    """The artefacts of a project: folders named by version under `artefacts/`, and the list in the store."""

    def __init__(self, *, folder: Path, store: Store, keep: int = 3) -> None:
        self.folder = folder
        self.store = store
        self.keep = keep

    def path(self, version: str) -> Path:
        """Where an artefact lies; its version is checked, so that no name leads elsewhere."""
        if not version or not all(letter.isalnum() or letter in "-_" for letter in version):
            raise ArtefactError(f"expected the version of an artefact, got {version!r}")
        return self.folder / version

    def list(self) -> list[Publication]:
        """Newest first."""
        text = self.store.setting(SETTING)
        found = msgspec.json.decode(text, type=prepared(list[Publication])) if text else []
        return [_dated(entry) for entry in found]

    def current(self) -> Publication | None:
        """The one that serves."""
        return next((entry for entry in self.list() if entry.state == "serving"), None)

    def publish(self, source: Path, *, seq: int, revision: int, at: float, actor: str) -> Publication:
        """Moves a checked artefact to its place and lets it serve. The one before stays, for a rollback."""
        artefact = read_artefact(source)
        version = artefact.version
        target = self.path(version)
        if source.resolve() != target.resolve():
            if target.exists():
                shutil.rmtree(target)
            self.folder.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        entries = self.list()
        known = next((old.fitted_at for old in entries if old.version == version), at)
        entry = Publication(
            version=version, at=at, fitted_at=_fitted_at(artefact, known), seq=seq, revision=revision,
            state="serving",
        )  # fmt: skip
        others = [_after(old, "serving") for old in entries if old.version != version]
        self._write([entry, *others], at=at, actor=actor)
        return entry

    def refuse(self, version: str, detail: str, *, at: float, actor: str) -> None:
        """Keeps on record that an artefact did not pass its checks; it never serves."""
        entry = Publication(version=version, at=at, state="refused", detail=detail[:500])
        self._write([entry, *(old for old in self.list() if old.version != version)], at=at, actor=actor)

    def rollback(self, *, to: str = "", at: float, actor: str) -> Publication:
        """Lets the previous one serve again, or the one named `to`; ConfigError where it cannot."""
        entries = self.list()
        usable = [entry for entry in entries if entry.state in ("previous", "kept")]
        wanted = [entry for entry in usable if entry.version == to or (not to and entry.state == "previous")]
        if not wanted:
            names = [entry.version for entry in usable]
            hint = nearest(to, names) if names else "there is none to go back to: fit and publish one first"
            raise ConfigError(f"expected an artefact that has served before, got {to or 'none'!r}; {hint}")
        self._check(wanted[0].version, [entry.version for entry in usable if entry is not wanted[0]])
        back = msgspec.structs.replace(wanted[0], state="serving", at=at, back_seq=self.store.last_seq())
        others = [_after(old, "serving") for old in entries if old.version != back.version]
        self._write([back, *others], at=at, actor=actor)
        return back

    def _check(self, version: str, others: Sequence[str]) -> None:
        """A damaged one must not come back."""
        try:
            read_artefact(self.path(version))
        except ArtefactError as error:
            hint = f"name another one: {', '.join(others)}" if others else "fit and publish a new one"
            raise ConfigError(
                f"artefact {version} is damaged or gone, it cannot serve again; {hint}"
            ) from error

    def _write(self, entries: Iterable[Publication], *, at: float, actor: str) -> None:
        """Folders go once the list without them is on disk: no list names what is not there."""
        kept: list[Publication] = []
        gone: list[Publication] = []
        for entry in entries:
            old = sum(known.state in ("kept", "refused") for known in kept)
            if entry.state in ("serving", "previous") or old < self.keep:
                kept.append(entry)
            elif entry.state != "refused":
                gone.append(entry)
        text = msgspec.json.encode(kept).decode()
        self.store.set_setting(SETTING, text, at=at, actor=actor).result()
        for entry in gone:
            shutil.rmtree(self.path(entry.version), ignore_errors=True)


def _fitted_at(artefact: Artefact, known: float) -> float:
    """As its manifest says; what is `known` where that says nothing, or something later."""
    try:
        created = datetime.fromisoformat(str(artefact.info.get("created_at", "")))
    except ValueError:
        return known
    return min(known, (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp())


def _dated(entry: Publication) -> Publication:
    """Lists of older versions hold no time of the fit: it was published at once."""
    return entry if entry.fitted_at else msgspec.structs.replace(entry, fitted_at=entry.at)


def _after(old: Publication, published: str) -> Publication:
    """What an entry becomes when another one is published."""
    states = {published: "previous", "previous": "kept"}
    return msgspec.structs.replace(old, state=states.get(old.state, old.state))
