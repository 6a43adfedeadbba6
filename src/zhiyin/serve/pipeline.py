"""The pipeline of a served project as text and as a structure, and which changes may come over HTTP."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zhiyin.components import first_sentence, options_of, type_of
from zhiyin.config import commented_toml, filled, from_toml, to_toml
from zhiyin.errors import ConfigError, ZhiyinError
from zhiyin.recommender import Recommender
from zhiyin.serve.ground import Places
from zhiyin.serve.own_parts import allowed_modules

__all__ = ["OUTWARD", "checked", "faults_of", "present_toml", "slots_of"]

OUTWARD = re.compile(r"(?i)(^|_)(url|uri|endpoint|host|path|file|folder|dir|env|command|proxy)$")
"""Options that lead out of the process: a file, an address, a variable. Over HTTP they keep their values."""
SLOTS = ("encoder", "retrievers", "ranker", "rerankers", "explainer")


def present_toml(places: Places, serving: Recommender | None) -> tuple[str, str]:
    """The text, and where it is from: file, artefact (the default for this data), default."""
    config = places.project / "zhiyin.toml"
    if config.is_file():
        return filled(config.read_text("utf-8-sig"), lambda: serving or Recommender.default()), "file"
    if serving is not None:
        return to_toml(serving), "artefact"
    return commented_toml(Recommender.default()), "default"


def checked(places: Places, text: str, present: str) -> Recommender:
    """The recommender of a changed text; a ConfigError names everything that is wrong with it."""
    known = set(_outward(_table(present)))
    new = [place for place, value in _outward(_table(text)) if (place, value) not in known]
    if new:
        raise ConfigError(
            "\n".join(
                f"configuration: {place}: files, addresses and variables are changed on the machine itself,"
                " in zhiyin.toml, not over HTTP"
                for place in new
            )
        )
    if _table(text).get("serve") != _table(present).get("serve"):
        raise ConfigError("configuration: serve: settings of the service are changed on the machine itself")
    return from_toml(text + "\n", allow_import=allowed_modules(places.project))


def faults_of(places: Places, text: str, present: str) -> list[dict[str, str]]:
    """path and message of each mistake; empty when the text can be used."""
    try:
        checked(places, text, present)
    except ZhiyinError as error:
        return [_fault(line) for line in str(error).splitlines() if line.strip()]
    return []


def slots_of(recommender: Recommender) -> list[dict[str, Any]]:
    """Every part in the order of the flow, one-to-one with the TOML."""
    found = []
    for slot in SLOTS:
        part = getattr(recommender, slot)
        named = (
            part.items() if isinstance(part, dict)
            else enumerate(part) if isinstance(part, (list, tuple))
            else [("", part)] if part is not None
            else []
        )  # fmt: skip
        found += [_part(slot, str(name), inner) for name, inner in named]
        if slot == "ranker" and part is not None:
            found += [_part("features", str(place), feature) for place, feature in enumerate(part.features)]
    return found


def _part(slot: str, name: str, part: object) -> dict[str, Any]:
    options = {
        option.name: value
        for option in options_of(type(part))
        if option.shape == "value"
        and isinstance(value := getattr(part, option.name, None), (str, int, float, bool))
        and not OUTWARD.search(option.name)
    }
    changed = [
        option.name
        for option in options_of(type(part))
        if option.name in options and option.default != options[option.name]
    ]
    return {
        "slot": slot, "name": name, "type": type_of(type(part)), "about": first_sentence(type(part)),
        "options": options, "changed": changed,
    }  # fmt: skip


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"configuration: this is not TOML: {error}") from error


def _outward(table: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(place, value) of every option that leads out."""
    if isinstance(table, dict):
        for key, value in table.items():
            place = f"{path}.{key}".lstrip(".")
            if OUTWARD.search(key):
                yield place, repr(value)
            yield from _outward(value, place)
    if isinstance(table, list):
        for number, value in enumerate(table):
            yield from _outward(value, f"{path}[{number}]")


def _fault(line: str) -> dict[str, str]:
    """`configuration: retrievers.ease.k: expected …` as path and message."""
    line = line.removeprefix("configuration: ")
    path, colon, message = line.partition(": ")
    if colon and re.fullmatch(r"[\w.\[\]-]+", path):
        return {"path": path, "message": message}
    return {"path": "", "message": line}


def write_toml(places: Places, text: str) -> None:
    """Replaces zhiyin.toml as a whole; the one before stays beside it."""
    config = places.project / "zhiyin.toml"
    if config.is_file():
        Path(places.project / "zhiyin.toml.before").write_bytes(config.read_bytes())
    fresh = places.project / ".zhiyin.toml.fresh"
    fresh.write_text(text if text.endswith("\n") else text + "\n", "utf-8")
    fresh.replace(config)
