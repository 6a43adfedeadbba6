"""Every part that a recommender can be made of, and its options, read off the classes themselves.

A room exports its parts in `__all__`. The suffix of a class is its role, the rest in snake case is its
`type`; the keyword arguments of its constructor are its options. So there is no registry to keep.
"""

from __future__ import annotations

import collections.abc
import inspect
import re
import types
import typing
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

__all__ = [
    "ROLES",
    "Component",
    "Option",
    "component_of",
    "components",
    "first_sentence",
    "options_of",
    "role_of",
    "type_of",
]

ROOMS = ("represent", "retrieve", "rank", "explain", "llm")
ROLES = ("Encoder", "Retriever", "Feature", "Scorer", "Ranker", "Reranker", "Explainer", "LanguageModel")
"""Suffixes of classes; each is also the name of the protocol that an option asks for."""

ABILITIES = ("WritingModel", "LikelihoodModel", "RelevanceModel")
"""Protocols that language models keep too."""

Shape = Literal["value", "one", "sequence", "mapping", "wiring"]


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword argument of a constructor."""

    name: str
    annotation: Any
    default: Any
    """`inspect.Parameter.empty` when it must be given."""
    shape: Shape
    """value: plain; one, sequence, mapping: parts; wiring: a function, which no file can hold."""
    role: str = ""
    """The role of the parts that it takes."""
    doc: str = ""

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Component:
    """One class that can be named in TOML."""

    room: str
    role: str
    name: str
    """Its `type` in TOML."""
    cls: type
    doc: str
    """First sentence of its docstring."""
    options: tuple[Option, ...]


def components() -> list[Component]:
    """All parts of all rooms, by room, then role, then type."""
    return list(_all())


@cache
def _all() -> tuple[Component, ...]:
    found = [
        Component(room, role_of(cls), type_of(cls), cls, first_sentence(cls), options_of(cls))
        for room in ROOMS
        for cls in _exported(room)
    ]
    return tuple(sorted(found, key=lambda part: (ROOMS.index(part.room), part.role, part.name)))


def component_of(role: str, name: str) -> type | None:
    """The exported class with this role and type."""
    return next((part.cls for part in _all() if part.role == role and part.name == name), None)


def role_of(cls: type) -> str:
    """The suffix of a class that is a role; "" when it has none.

    >>> role_of(type("DiversityReranker", (), {})), role_of(type("Catalogue", (), {}))
    ('Reranker', '')
    """
    return next((role for role in ROLES if cls.__name__.endswith(role)), "")


def type_of(cls: type) -> str:
    """The name of a class in TOML.

    >>> type_of(type("ItemKnnRetriever", (), {}))
    'item_knn'
    """
    name = cls.__name__.removesuffix(role_of(cls))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def options_of(cls: type) -> tuple[Option, ...]:
    """The keyword arguments of a constructor, in its order."""
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return ()
    hints = _hints(cls)
    found = []
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:  # type: ignore[misc]
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = hints.get(name, Any)
        shape, role = _shape(name, annotation)
        found.append(Option(name, annotation, parameter.default, shape, role, _sentence(cls, name)))
    return tuple(found)


def _exported(room: str) -> list[type]:
    module = import_module(f"zhiyin.{room}")
    named = [getattr(module, name) for name in getattr(module, "__all__", ())]
    classes = [
        value for value in named if inspect.isclass(value) and not getattr(value, "_is_protocol", False)
    ]
    return [cls for cls in classes if role_of(cls) and type_of(cls)]


def _hints(cls: type) -> dict[str, Any]:
    """Evaluated annotations; roles are known even where a module imports them for the type checker only."""
    known = {role: _protocol(role) for role in (*ROLES, *ABILITIES)}
    try:
        return typing.get_type_hints(cls.__init__, localns=known)  # type: ignore[misc]
    except NameError:
        return {}


def _protocol(role: str) -> Any:
    home = "zhiyin.rank.ranker" if role == "Ranker" else "zhiyin.contracts"
    return getattr(import_module(home), role)


def _shape(name: str, annotation: Any) -> tuple[Shape, str]:
    """What an option takes; where the annotation says nothing, its name does (`ranker`, `features`)."""
    if annotation is Any:
        role = next((role for role in ROLES if role.lower() == name.removesuffix("s")), "")
        return ("value", "") if not role else ("one" if role.lower() == name else "sequence", role)
    kinds = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    for kind in kinds:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is collections.abc.Callable:
            return "wiring", ""
        if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping) and _role(arguments[-1]):
            return "mapping", _role(arguments[-1])
        if isinstance(origin, type) and issubclass(origin, collections.abc.Iterable) and _role(arguments[0]):
            return "sequence", _role(arguments[0])
        if _role(kind):
            return "one", _role(kind)
    return "value", ""


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _role(annotation: Any) -> str:
    name = getattr(annotation, "__name__", "")
    name = "LanguageModel" if name in ABILITIES else name
    return name if name in ROLES and getattr(annotation, "_is_protocol", False) else ""


def first_sentence(cls: type) -> str:
    """What a class says of itself first."""
    paragraph = " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[^.]\.)\s", paragraph)[0]


def _sentence(cls: type, option: str) -> str:
    """The sentence of the class's docstring, after its first, that names an option in backticks."""
    text = " ".join((inspect.getdoc(cls) or "").split())
    found = [part for part in re.split(r"(?<=[.;]) |, (?=`)", text)[1:] if f"`{option}`" in part]
    return found[0].rstrip(";,.") if found else ""
