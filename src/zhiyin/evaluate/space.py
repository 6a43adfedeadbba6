"""What can be searched: the options of a recommender's parts, and a range about each present value."""

from __future__ import annotations

import fnmatch
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhiyin.components import Option, options_of
from zhiyin.errors import ConfigError, nearest
from zhiyin.evaluate.clone import clone
from zhiyin.recommender import Recommender

__all__ = ["Knob", "knobs", "turned"]

Value = float | int | str | bool

COSTS = frozenset({
    "n_each", "n_candidates", "n_history", "n_replay", "max_questions", "n_threads", "max_items", "k",
    "neighbourhood", "dim", "seed", "batch_size", "fallback", "repeats", "ordered",
})  # fmt: skip
"""Options that buy quality with time or memory, or say what is asked: searched only when named."""
REPLAY = frozenset({"replay_share", "n_negatives", "cold_share"})
"""Options of learning from replay: nothing where no ranker learns."""
WIDTH = 3.0
"""A range reaches from a third of the present value to three times of it."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One option that may be turned. It has bounds, or choices."""

    path: str
    """Where it stands in the TOML: `retrievers.kernel.decay`."""
    present: Value
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def range(self) -> str:
        """In words."""
        if self.choices:
            return " | ".join(map(str, self.choices))
        return f"{self.low:.4g} to {self.high:.4g}"


def knobs(
    recommender: Recommender, *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> tuple[Knob, ...]:
    """All options that a search may turn, in the order of the TOML.

    `only` and `skip` are patterns on paths (`ranker.*`). What `only` names in full is searched even if it
    costs time.
    """
    idle = REPLAY if recommender.ranker is None else frozenset()
    found = [
        knob
        for path, value, option in _options(recommender, "")
        if path not in idle
        and _wanted(path, option.name, only, skip)
        and (knob := _knob(path, value, option)) is not None
    ]
    if not found:
        known = [path for path, *_ in _options(recommender, "")]
        said = f"of {', '.join(only)}" if only else "of this recommender"
        raise ConfigError(f"nothing {said} can be searched: {nearest(only[0] if only else '', known)}")
    return tuple(found)


def _wanted(path: str, name: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    if any(fnmatch.fnmatch(path, pattern) for pattern in skip):
        return False
    if only and not any(fnmatch.fnmatch(path, pattern) for pattern in only):
        return False
    return name not in COSTS or path in only


def _options(part: Any, path: str) -> Iterator[tuple[str, Any, Option]]:
    """(path, value, option) of a part and of all parts in it; encoders and language models are left alone."""
    for option in options_of(type(part)):
        value, place = getattr(part, option.name, None), f"{path}.{option.name}".lstrip(".")
        if option.shape == "value":
            yield place, value, option
        elif value is None or option.role in ("Encoder", "LanguageModel") or option.shape == "wiring":
            continue
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                yield from _options(inner, f"{place}.{name}")
        elif isinstance(value, (list, tuple)):
            for at, inner in enumerate(value):
                yield from _options(inner, f"{place}.{at}")
        else:
            yield from _options(value, place)


def _knob(path: str, value: Any, option: Option) -> Knob | None:
    if isinstance(value, bool):
        return Knob(path, value, choices=(False, True))
    if isinstance(value, int) and value >= 1 and option.annotation is int:
        return Knob(path, value, max(1, int(value // WIDTH)), int(value * WIDTH) + 1, log=True)
    if isinstance(value, (int, float)) and value > 0 and option.annotation is float:
        if 0.2 <= value < 1:  # a share or a decay: its distance from 0 and from 1 is what matters
            return Knob(path, float(value), value / WIDTH, 1 - (1 - value) / WIDTH)
        return Knob(path, float(value), value / WIDTH, value * WIDTH, log=True)
    choices = typing.get_args(option.annotation)
    if isinstance(value, str) and choices and all(isinstance(choice, str) for choice in choices):
        return Knob(path, value, choices=choices)
    return None


def turned(recommender: Recommender, values: Mapping[str, Value]) -> Recommender:
    """An unfitted copy with other values; the given one stays as it is."""
    copy = clone(recommender)
    for path, value in values.items():
        part: Any = copy
        *way, name = _parts(copy, path)
        for step in way:
            part = step(part)
        setattr(part, name, value)
    return copy


def _parts(root: Any, path: str) -> list[Any]:
    """Steps from the root to the part that holds the option, then the option's name."""
    steps: list[Any] = []
    part, rest = root, path
    while "." in rest:
        name, rest = _first(part, rest)
        if isinstance(part, Mapping):
            steps.append(lambda holder, key=name: holder[key])
            part = part[name]
        elif isinstance(part, (list, tuple)):
            steps.append(lambda holder, at=int(name): holder[at])
            part = part[int(name)]
        else:
            steps.append(lambda holder, key=name: getattr(holder, key))
            part = getattr(part, name)
    return [*steps, rest]


def _first(part: Any, path: str) -> tuple[str, str]:
    """The first step of a path; the name of a source may itself hold points."""
    if isinstance(part, Mapping):
        name = max((key for key in part if path.startswith(f"{key}.")), key=len)
        return name, path[len(name) + 1 :]
    name, _, rest = path.partition(".")
    return name, rest
