"""TOML to objects."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module as imported_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zhiyin.components import Option, component_of, components, options_of
from zhiyin.config.words import SECRET, SHARED, no_secrets, shared_word, without_paths
from zhiyin.errors import ConfigError, nearest, shorten
from zhiyin.llm.guarded import GuardedLanguageModel

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["from_toml"]

VERBS = {
    "Encoder": ("encode",), "Retriever": ("relevance",), "Feature": ("names", "values"), "Scorer": ("score",),
    "Ranker": ("fit_rows", "score"), "Reranker": ("rerank",), "Explainer": ("explain",),
    "LanguageModel": ("complete",),
}  # fmt: skip
"""What a class of the user's own must be able to do."""


def from_toml(
    source: str | Path, *, allow_import: Sequence[str] = (), strict: bool = True, name: str = ""
) -> Recommender:
    """An unfitted recommender from a path or from TOML text. All mistakes are told at once, with their paths.

    `allow_import` names the modules whose classes the file may use as `type = "module:Class"`. Not `strict`,
    it reads what an artefact holds, whose fallback was taken when it was fitted. `name` is what messages call
    the source.
    """
    # By name: the recommender saves itself through this room, so it stands below it.
    whole = imported_module("zhiyin.recommender").Recommender
    where, text = _text(source)
    name = name or where
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{name}: this is not TOML: {error}") from error
    table.pop("serve", None)  # settings of the service, which has its own reader
    reading = _Reading(tuple(allow_import))
    reading.refuse_secrets(table, "")
    for role, slot in SHARED.items():
        if slot in table:
            option = next(option for option in options_of(whole) if option.name == slot)
            reading.shared[role] = reading.component(table[slot], option, slot)
            table = {**table, slot: reading.shared[role]}
    recommender = reading.build(whole, table, "")
    if strict:
        reading.judge(table)
    if reading.errors:
        raise ConfigError(f"{name}: " + "\n".join(dict.fromkeys(reading.errors)))
    return typing.cast("Recommender", recommender)


def _text(source: str | Path) -> tuple[str, str]:
    """A name for messages, and the text. A string with a line break or a `=` is text, any other a path."""
    if isinstance(source, str) and (not source or re.search(r"[\n=]", source)):
        return "configuration", source.removeprefix("\ufeff")
    try:
        return str(source), Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: expected a readable TOML file: {error}") from error


class _Reading:
    """One pass over a file: what was found wrong, and the parts that others may share, by role."""

    def __init__(self, allow_import: tuple[str, ...]) -> None:
        self.allow_import = allow_import
        self.errors: list[str] = []
        self.shared: dict[str, object] = {}
        self.in_model = False
        """Whether the part that is made now belongs to a language model."""

    def fault(self, path: str, message: str) -> None:
        self.errors.append(f"{path}: {message}" if path else message)

    def refuse_secrets(self, value: Any, path: str) -> None:
        if isinstance(value, list):
            for number, inner in enumerate(value):
                self.refuse_secrets(inner, f"{path}[{number}]")
        if isinstance(value, dict):
            for key, inner in value.items():
                place = f"{path}.{key}".lstrip(".")
                if SECRET.search(key) and isinstance(inner, str):
                    self.fault(place, no_secrets(key))
                self.refuse_secrets(inner, place)

    def judge(self, table: Mapping[str, Any]) -> None:
        """What would only come to light once a recommender is fitted and asked, or never."""
        named = table.get("retrievers")
        if not isinstance(named, dict):  # missing or something else: that has been told
            return
        if not named:
            self.fault("retrievers", f"expected one at least. {_nearest('', _types('Retriever'))}")
        fallback = table.get("fallback")
        if isinstance(fallback, str) and named and fallback not in named:
            self.fault("fallback", f"there is no retriever {fallback!r}. {_nearest(fallback, named)}")

    def build(self, cls: type, table: Mapping[str, Any], path: str) -> object:
        """An object of `cls`, or None after a fault."""
        options = {option.name: option for option in options_of(cls) if option.shape != "wiring"}
        before, arguments = len(self.errors), {}
        for key, value in table.items():
            place = f"{path}.{key}".lstrip(".")
            if key in options:
                arguments[key] = self.value(value, options[key], place)
            elif not SECRET.search(key):
                known = _nearest(key, options) if options else f"{cls.__name__} has no options"
                self.fault(place, f"there is no such option. {known}")
        for name, option in options.items():
            if option.required and name not in table:
                self.fault(f"{path}.{name}".lstrip("."), "it must be given")
        if len(self.errors) > before:
            return None
        try:
            made: object = cls(**arguments)
        except (TypeError, ValueError, ConfigError) as error:
            self.fault(path, str(error))
            return None
        return made

    def value(self, value: Any, option: Option, path: str) -> Any:
        if option.shape == "one":
            return self.component(value, option, path)
        if option.shape == "mapping":
            if not isinstance(value, dict):
                return self.fault(
                    path, f"expected a table of named {option.role.lower()}s, got {_kind(value)}"
                )
            return {name: self.component(part, option, f"{path}.{name}") for name, part in value.items()}
        if option.shape == "sequence":
            if not isinstance(value, list):
                return self.fault(path, f"expected a list of {option.role.lower()}s, got {_kind(value)}")
            return [self.component(part, option, f"{path}[{place}]") for place, part in enumerate(value)]
        record, several = _record(option.annotation)
        if record is not None and several and isinstance(value, list):
            return tuple(self.record(record, one, f"{path}[{place}]") for place, one in enumerate(value))
        if record is not None:
            return self.record(record, value, path)
        return self.plain(value, option, path)

    def record(self, cls: type, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self.fault(path, f"expected a table, got {_kind(value)}")
        return self.build(cls, value, path)

    def plain(self, value: Any, option: Option, path: str) -> Any:
        if typing.get_origin(option.annotation) is typing.Literal and value not in typing.get_args(
            option.annotation
        ):
            choices = [str(choice) for choice in typing.get_args(option.annotation)]
            return self.fault(path, f"there is no {shorten(repr(value))}. {_nearest(str(value), choices)}")
        try:
            return msgspec.convert(value, without_paths(option.annotation))
        except msgspec.ValidationError as error:
            self.fault(path, f"{str(error)[:1].lower()}{str(error)[1:]}, the value is {shorten(repr(value))}")
        except TypeError:  # an annotation that msgspec cannot judge: the part must
            return value

    def component(self, value: Any, option: Option, path: str) -> Any:
        shared, word = self.shared.get(option.role), shared_word(option.role)
        if value is shared:  # made already, or already found faulty
            return value
        role = option.role.lower()
        if isinstance(value, str) and value == word:
            if shared is None:
                self.fault(path, f"{word} stands for the table [{word[1:]}], which is missing or faulty")
            both = self.in_model and isinstance(shared, GuardedLanguageModel)
            return shared.language_model if both else shared  # type: ignore[attr-defined]
        if not isinstance(value, dict):
            also = f' or "{word}"' if word else ""
            return self.fault(
                path, f'expected a table with a type, like {{ type = "…" }}{also}, got {_kind(value)}'
            )
        name = value.get("type")
        if not isinstance(name, str):
            return self.fault(
                f"{path}.type", f"expected the name of a {role}. {_nearest('', _types(option.role))}"
            )
        cls = self.imported(name, option.role, path) if ":" in name else component_of(option.role, name)
        if cls is None:
            if ":" not in name:
                self.fault(
                    f"{path}.type", f"there is no {role} {name!r}. {_nearest(name, _types(option.role))}"
                )
            return None
        table = {key: inner for key, inner in value.items() if key != "type"}
        return self.made(cls, table, option.role == "LanguageModel", path)

    def made(self, cls: type, table: Mapping[str, Any], is_model: bool, path: str) -> object:
        """No model is asked without limits: one that stands in no guard gets one with the defaults."""
        inside, self.in_model = self.in_model, is_model
        found = self.build(cls, table, path)
        self.in_model = inside
        if found is None or not is_model or inside or isinstance(found, GuardedLanguageModel):
            return found
        return GuardedLanguageModel(language_model=typing.cast("Any", found))

    def imported(self, name: str, role: str, path: str) -> type | None:
        """A class of the user's own, only from modules that the caller (not the file) allows."""
        module, _, attribute = name.partition(":")
        if module not in self.allow_import and module.partition(".")[0] != "zhiyin":
            self.fault(
                f"{path}.type",
                f"{name!r} would import {module!r}: allow it with allow_import=({module!r},), "
                f"on the command line --allow-import {module}, for a service "
                f'allow_import = ["{module}"] in [serve]',
            )
            return None
        try:
            found = getattr(imported_module(module), attribute, None)
        except ImportError as error:
            self.fault(f"{path}.type", f"{module!r} cannot be imported: {error}")
            return None
        if not inspect.isclass(found):
            self.fault(f"{path}.type", f"expected a class {attribute!r} in {module!r}, found {_kind(found)}")
            return None
        missing = [verb for verb in VERBS[role] if not hasattr(found, verb)]
        if missing:
            self.fault(f"{path}.type", f"{name!r} is no {role.lower()}: it has no method {missing[0]!r}")
            return None
        return found


def _record(annotation: Any) -> tuple[type | None, bool]:
    """The dataclass that an annotation asks for, and whether it asks for several of them."""
    several = typing.get_origin(annotation) in (Sequence, list, tuple)
    cls = typing.get_args(annotation)[0] if several else annotation
    return (cls if isinstance(cls, type) and dataclasses.is_dataclass(cls) else None), several


def _nearest(name: str, choices: Iterable[str]) -> str:
    found = nearest(name, choices)
    return found[:1].upper() + found[1:]


def _types(role: str) -> list[str]:
    return [part.name for part in components() if part.role == role]


def _kind(value: Any) -> str:
    names = {str: "a string", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "nothing" if value is None else "a table") + (
        f" ({shorten(repr(value), 40)})" if isinstance(value, (str, int, float)) else ""
    )
