"""Objects to TOML."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import tomli_w

from zhiyin.components import Option, component_of, first_sentence, options_of, role_of, type_of
from zhiyin.config.words import SECRET, SHARED, no_secrets, without_paths
from zhiyin.errors import ConfigError, shorten

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["commented_toml", "to_toml"]


Shared = Mapping[int, str]
"""The id of an object -> the word that stands for it wherever it is used."""


def to_toml(recommender: Recommender) -> str:
    """The image that `from_toml` turns back into a recommender with the same parts and options, unfitted."""
    return "\n".join(_page(recommender, "", _shared(recommender), comments=False)).strip() + "\n"


def commented_toml(recommender: Recommender) -> str:
    """`to_toml` with a line on each part, and with its other options as comments, ready to be switched on."""
    return "\n".join(_page(recommender, "", _shared(recommender), comments=True)).strip() + "\n"


def _shared(recommender: Recommender) -> Shared:
    parts = {slot: getattr(recommender, slot) for slot in SHARED.values()}
    return {id(part): f"@{slot}" for slot, part in parts.items() if part is not None}


def _without(shared: Shared, place: str) -> Shared:
    """In its own table a shared part is written out."""
    return {part: word for part, word in shared.items() if word != f"@{place}"}


def _table(part: object, path: str, shared: Shared) -> dict[str, Any]:
    """The options of an object that differ from their defaults."""
    table = {}
    for option in options_of(type(part)):
        place = f"{path}.{option.name}".lstrip(".")
        if option.shape == "wiring":
            continue
        if not hasattr(part, option.name):
            raise ConfigError(
                f"{place}: {type(part).__name__} does not keep its argument {option.name!r}; store it"
            )
        value = getattr(part, option.name)
        if not option.required and _equal(value, option.default):
            continue
        table[option.name] = _written(value, option, place, _without(shared, place))
    return table


def _written(value: Any, option: Option, path: str, shared: Shared) -> Any:
    if option.shape == "mapping":
        return {name: _component(part, f"{path}.{name}", shared) for name, part in value.items()}
    if option.shape == "sequence":
        return [_component(part, f"{path}[{place}]", shared) for place, part in enumerate(value)]
    if option.shape == "one":
        return _component(value, path, shared)
    if SECRET.search(option.name) and isinstance(value, str):
        raise ConfigError(f"{path}: {no_secrets(option.name)}")
    plain = _plain(_typed(value, option))
    if not _fits_toml(plain):
        raise ConfigError(
            f"{path}: TOML has no word for {shorten(repr(value))}; give another value than None"
        )
    return plain


def _component(part: Any, path: str, shared: Shared) -> Any:
    if part is None:
        raise ConfigError(f"{path}: TOML has no word for None; leave this part out")
    if id(part) in shared:
        return shared[id(part)]
    cls = type(part)
    known = component_of(role_of(cls), type_of(cls)) is cls
    name = type_of(cls) if known else f"{cls.__module__}:{cls.__qualname__}"
    return {"type": name, **_table(part, path, shared)}


def _plain(value: Any) -> Any:
    """A value in the kinds that TOML has; of a record, only the fields that are not at their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: _plain(inner) for field, inner in pairs if inner != _initial(field)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _initial(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _typed(value: Any, option: Option) -> Any:
    """3 as 3.0 where a float is meant, so that what was read is written alike."""
    try:
        return msgspec.convert(value, without_paths(option.annotation))
    except (msgspec.ValidationError, TypeError):
        return value


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return list(value) == list(default)
    return value is default or (type(value) is type(default) and bool(value == default))


def _fits_toml(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_fits_toml, value.values()))
    if isinstance(value, list):
        return all(map(_fits_toml, value))
    return value is not None


def _page(part: object, path: str, shared: Shared, *, comments: bool) -> Iterator[str]:
    """The plain options of one part, then its inner parts as tables of their own, the shared ones first."""
    written = _table(part, path, shared)
    inner = []
    said = ""
    for option in options_of(type(part)):
        value = written.get(option.name)
        if comments and option.shape == "value" and option.doc != said:
            said = option.doc
            yield from _comment(said)
        if value is None:
            if comments and option.shape == "value":
                yield f"# {_key(option.name)} = {_default(option)}"
        elif option.shape == "value" or isinstance(value, str):
            yield f"{_key(option.name)} = {_literal(value)}"
        else:
            inner.append(option)
    for option in sorted(inner, key=lambda option: option.name not in SHARED.values()):
        place = f"{path}.{option.name}".lstrip(".")
        for heading, name, child in _children(getattr(part, option.name), option, place):
            yield ""
            if comments:
                yield from _comment(first_sentence(type(child)))
            yield heading
            yield f"type = {_literal(_component(child, place, {})['type'])}"
            yield from _page(child, name, _without(shared, place), comments=comments)


def _children(value: Any, option: Option, path: str) -> Iterator[tuple[str, str, object]]:
    """The heading, the path and the object of each part in one option."""
    if option.shape == "mapping":
        for name, part in value.items():
            yield f"[{path}.{_key(name)}]", f"{path}.{_key(name)}", part
    elif option.shape == "sequence":
        for part in value:
            yield f"[[{path}]]", path, part
    else:
        yield f"[{path}]", path, value


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 100)]


def _default(option: Option) -> str:
    default = _plain(option.default)
    return _literal(default) if _fits_toml(default) else "(not set)"


def _key(name: str) -> str:
    return tomli_w.dumps({name: 0}).partition(" = 0")[0]


def _literal(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_literal(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").removesuffix("\n")
