"""Which way of asking suits a model: found by `zhiyin models verify`, kept beside the models."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from zhiyin.prepared import prepared

__all__ = ["WAYS", "Verdict", "Way", "WayResult", "by_luck", "clear", "models_directory", "verdict_of"]

Way: TypeAlias = Literal["likelihood", "yes_no", "letters", "listwise"]
"""
* likelihood   how much likelier a title becomes after the history than without it
* yes_no       "would they like it?", by the odds of Yes against No
* letters      one letter of several, averaged over rotations of the options
* listwise     an order that the model writes
"""
WAYS: tuple[Way, ...] = ("likelihood", "yes_no", "letters", "listwise")


class WayResult(msgspec.Struct, frozen=True):
    """How one way did in one language."""

    way: Way
    locale: str
    right: int
    """Questions whose right option came first."""
    asked: int
    """Questions asked; 0 = this model or endpoint cannot be asked so."""
    ms: float
    """Of one question with five options, in the middle."""
    said: str = ""
    """Why it could not be asked, or was asked less than the others."""

    @property
    def share(self) -> float:
        return self.right / self.asked if self.asked else 0.0


class Verdict(msgspec.Struct, frozen=True):
    """What the built-in test found of one model."""

    identity: str
    results: tuple[WayResult, ...]
    chance: float
    """Share that guessing would get right."""
    tokens_per_s: float = 0.0
    """Read and not yet cached; 0 = not measured."""
    written_per_s: float = 0.0
    at: float = 0.0
    """UTC seconds of the test."""

    def best(self, locale: str) -> Way | None:
        """The way that found most in this language; None where nothing is clearly better than guessing.

        Clearly: more right answers than guessing gives with a probability of 5 %.
        """
        language = locale.split("-")[0].lower()
        known = [one for one in self.results if one.asked and one.locale == language]
        good = [one for one in known if one.right >= clear(one.asked, self.chance)]
        return max(good, key=lambda one: (one.share, -one.ms)).way if good else None


def models_directory() -> Path:
    """$ZHIYIN_MODELS, else `models` in the cache of zhiyin."""
    own = os.environ.get("ZHIYIN_MODELS")
    cache = os.environ.get("ZHIYIN_CACHE") or "~/.cache/zhiyin"
    return Path(own).expanduser() if own else Path(cache).expanduser() / "models"


def verdict_of(identity: str, folder: Path | None = None) -> Verdict | None:
    """The kept verdict on the model of this identity; None where it was never tested or cannot be read."""
    try:
        return msgspec.json.decode(verdict_file(identity, folder).read_bytes(), type=prepared(Verdict))
    except (OSError, msgspec.MsgspecError):
        return None


def verdict_file(identity: str, folder: Path | None = None) -> Path:
    name = hashlib.sha256(identity.encode()).hexdigest()[:24]
    return (folder if folder is not None else models_directory()) / "verdicts" / f"{name}.json"


def keep_verdict(verdict: Verdict, folder: Path | None = None) -> Path:
    """Writes it where `verdict_of` looks; readers see the old one or the new one."""
    path = verdict_file(verdict.identity, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    os.replace(fresh, path)
    return path


def by_luck(right: int, asked: int, chance: float) -> float:
    """Probability that guessing gets so many right, or more."""
    return sum(
        math.comb(asked, n) * chance**n * (1 - chance) ** (asked - n) for n in range(max(0, right), asked + 1)
    )


def clear(asked: int, chance: float) -> int:
    """The smallest number right that guessing reaches in at most 5 % of tests."""
    return next((right for right in range(asked + 1) if by_luck(right, asked, chance) <= 0.05), asked + 1)
