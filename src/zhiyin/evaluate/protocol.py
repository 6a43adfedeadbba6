"""The protocol: everything that has to be equal before two numbers may stand in one table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

from zhiyin.data.split import LeaveOneOut, Splitter
from zhiyin.errors import ConfigError

__all__ = ["FILE_ORDER", "Protocol"]

FILE_ORDER = "file order, stable sorts"
"""The tie rule of `Dataset`: events of one user with equal times stay in the order in which they came."""

REGIMES: Mapping[str, str] = {
    "T": "T: fitted without the validation events",
    "T+V": "T+V: fitted on training and validation events",
}
CANDIDATES: Mapping[str, str] = {
    "full": "full: every item of the catalogue",
    "cold": "cold: only the items hidden from every fit",
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a number is made. `describe()` is printed beside every table, picture and file."""

    splitter: Splitter = field(default_factory=LeaveOneOut)
    part: Literal["validation", "test"] = "test"
    """Settings are chosen on "validation"; "test" is looked at once."""
    filter_seen: bool = True
    """Items of the history cannot be recommended; a target that is in its history is then out of reach."""
    candidates: Literal["full", "cold"] = "full"
    k: tuple[int, ...] = (5, 10, 20)
    """Cuts of the list; the first cut >= 10 (else the last) is the one that pictures and buckets show."""
    ties: str = FILE_ORDER
    """How events of one user with equal times are ordered: a statement about the data, only printed."""
    relevant_above: float = -math.inf
    """Only targets whose preference weight is higher count as relevant; -inf counts every target."""
    depth: int = 0
    """Length of the lists that are asked for; 0 = the largest cut. AUC and ROC see this far."""
    known_users: bool = True
    """The query names its user; False asks as a stranger who brings only a history."""
    max_questions: int = 0
    """Ask a random sample of so many questions; 0 = all."""
    seed: int = 0
    """Drives the fits, the sample of questions and the bootstrap."""

    def __post_init__(self) -> None:
        if not self.k or min(self.k) < 1 or list(self.k) != sorted(set(self.k)):
            raise ConfigError(
                f"k = {self.k!r}: expected rising whole numbers from 1, for example (5, 10, 20)"
            )
        if 0 < self.depth < self.k[-1]:
            raise ConfigError(f"depth = {self.depth}: expected 0 or at least the largest cut, {self.k[-1]}")
        for name, value, known in (
            ("candidates", self.candidates, CANDIDATES),
            ("part", self.part, ("validation", "test")),
        ):
            if value not in known:
                raise ConfigError(f"{name} = {value!r}: expected one of {', '.join(known)}")

    @property
    def n(self) -> int:
        """Length of the lists that are asked for."""
        return self.depth or self.k[-1]

    @property
    def main_k(self) -> int:
        """The cut that pictures and buckets show."""
        return next((k for k in self.k if k >= 10), self.k[-1])

    @property
    def regime(self) -> str:
        """ "T", "T+V", or "" where the splitter knows no regimes."""
        return str(getattr(self.splitter, "regime", ""))

    def facts(self) -> dict[str, str]:
        """Every field in words, in the order in which they are printed."""
        above = self.relevant_above
        return {
            "split": _describe(self.splitter),
            "part": self.part,
            "regime": self._fitted_on(),
            "seen items": "filtered" if self.filter_seen else "allowed",
            "candidates": CANDIDATES[self.candidates],
            "k": ", ".join(map(str, self.k)),
            "list length": str(self.n),
            "ties": self.ties,
            "relevant": "every target" if above == -math.inf else f"targets of weight > {above:g}",
            "users": "named, with their history" if self.known_users else "unnamed, with their history",
            "questions": f"random sample of {self.max_questions}" if self.max_questions else "all",
            "seed": str(self.seed),
        }

    def _fitted_on(self) -> str:
        if self.part == "validation":
            return "fitted without the validation events, which are the targets"
        return REGIMES.get(self.regime, self.regime or "fitted on all that the split leaves to fit")

    def describe(self) -> str:
        """The whole protocol on one line.

        >>> Protocol(k=(10,)).describe()[:40]
        'split leave-one-out: the last event of a'
        """
        return " · ".join(f"{name} {value}" for name, value in self.facts().items())


def _describe(part: object) -> str:
    """What a splitter says of itself, else its name and settings."""
    says = getattr(part, "describe", None)
    if callable(says):
        return str(says())
    if is_dataclass(part):
        settings = {f.name: getattr(part, f.name) for f in fields(part) if f.init}
    else:
        settings = {name: value for name, value in vars(part).items() if not name.startswith("_")}
    listed = ", ".join(f"{name}={value}" for name, value in settings.items())
    return f"{type(part).__name__}({listed})"
