"""From a language model to a student that serves without it: lessons, agreement, and for whom it pays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Reranker
from zhiyin.data.holdout import Holdout
from zhiyin.errors import DataError, LlmError
from zhiyin.llm.verdict import Way
from zhiyin.rank.llm_gate import CLOSED, HISTORY_EDGES, Gate, fitted_gate
from zhiyin.rank.llm_judge import judged
from zhiyin.rank.student import Lesson, StudentReranker, agreement
from zhiyin.rank.window import spread
from zhiyin.recommender import Recommender
from zhiyin.types import Query

__all__ = ["Distilled", "Gains", "gains_of", "lessons_of", "school", "tuned"]

WEIGHTS = (0.1, 0.2, 0.4, 0.8)
"""Of the student's opinion beside the ranker's score; tried on the first half of the questions."""
WINDOWS = (10, 20)
"""How many of the first items it may order; tried with each weight."""
GROUPS = ("1-5", "6-20", "21-100", "> 100")


@dataclass(frozen=True, slots=True)
class Gains:
    """NDCG@10 with an opinion less NDCG@10 without, question by question."""

    n_history: NDArray[np.int64]
    """(q,) events before the question."""
    spread: NDArray[np.float64]
    """(q,) of the window's scores."""
    gain: NDArray[np.float64]
    target: NDArray[np.int64]
    """(q,) code of the item that was chosen next."""

    def take(self, rows: NDArray[np.bool_]) -> Gains:
        return Gains(self.n_history[rows], self.spread[rows], self.gain[rows], self.target[rows])

    def table(self) -> dict[str, tuple[int, float, float]]:
        """Group of history lengths -> questions, mean gain, half of its 95 % interval."""
        group = np.searchsorted(HISTORY_EDGES, self.n_history, side="right") - 1
        rows = {name: self.gain[group == place] for place, name in enumerate(GROUPS)}
        return {name: summary(gain) for name, gain in {"all": self.gain, **rows}.items() if len(gain)}


@dataclass(frozen=True, slots=True)
class Distilled:
    """What became of the lessons."""

    agreement: float
    """Mean rank correlation with the teacher, on lists that the student has not seen."""
    n_lessons: int
    window: int
    weight: float
    gate: Gate
    gains: Gains
    """Behind the gate, on questions that chose neither weight nor gate."""

    def saved(self, path: Path, student: StudentReranker, teacher: str) -> None:
        """The file that `StudentReranker(weights=…)` reads."""
        value = {
            "teacher": teacher,
            "coefficients": [float(number) for number in student.coefficients_],
            "agreement": self.agreement,
            "n_lessons": self.n_lessons,
            "window": self.window,
            "weight": self.weight,
            "groups": list(self.gate.groups),
            "max_spread": self.gate.max_spread if np.isfinite(self.gate.max_spread) else None,
        }
        path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


def question(made: Recommender, holdout: Holdout, position: int) -> Query:
    """What was asked just before the held-out event; nothing of the history comes back."""
    history = holdout.history(position)
    known = np.unique(history.items[history.items >= 0]).astype(np.int32)
    return Query(history.tail(made.n_history), at=holdout.at(position), exclude=known)


def lessons_of(
    made: Recommender,
    holdout: Holdout,
    positions: Sequence[int],
    llm: Any,
    way: Way,
    *,
    window: int = 10,
    n_history: int = 8,
    timeout_s: float = 120.0,
    locale: str = "en",
    progress: Callable[[int], None] | None = None,
) -> list[Lesson]:
    """What the model thinks of the first `window` of each question; a question that fails gives no lesson."""
    assert made.items_ is not None
    titles, found = made.items_.titles, []
    for done, position in enumerate(positions):
        query = question(made, holdout, int(position))
        ranking = made.rank(query, window)
        liked = query.history.items[(query.history.weights > 0) & (query.history.items >= 0)]
        past = [titles[code] for code in liked[-n_history:].tolist()]
        if progress:
            progress(done)
        if not past or len(ranking) < 2:
            continue
        options = [titles[code] for code in ranking.items.tolist()]
        try:
            judgement = judged(llm, way, past, options, locale=locale, timeout=timeout_s)
        except LlmError:
            continue
        found.append(Lesson(query, ranking, judgement))
    return found


def gains_of(
    made: Recommender, holdout: Holdout, positions: Sequence[int], rerankers: Sequence[Reranker]
) -> list[Gains]:
    """Per reranker, all beside the same ranking; only the next event counts as right."""
    windows = [int(getattr(part, "window", 10)) for part in rerankers]
    n_ranked = max(10, *windows)
    rows: list[list[tuple[int, float, float, int]]] = [[] for _ in rerankers]
    for position in positions:
        query, target = question(made, holdout, int(position)), int(holdout.targets(int(position))[0])
        ranking = made.rank(query, n_ranked)
        before, n = discount(ranking.items.tolist(), target), len(holdout.history(int(position)))
        for place, (part, window) in enumerate(zip(rerankers, windows)):
            after = discount(part.rerank(query, ranking, n_ranked).items.tolist(), target)
            rows[place].append((n, spread(ranking, window), after - before, target))
    return [_gains(found) for found in rows]


def tuned(
    made: Recommender, holdout: Holdout, positions: Sequence[int], student: StudentReranker, n_lessons: int,
    agreed: float,
) -> Distilled:  # fmt: skip
    """Window, weight and gate from half of the questions, their gains from the other half; sets them."""
    if len(positions) < 4:
        raise DataError(
            "at least 4 held-out questions", value=len(positions), hint="import more events first"
        )
    middle = len(positions) // 2
    tried = [_twin(student, window, weight) for window in WINDOWS for weight in WEIGHTS]
    found = gains_of(made, holdout, positions[:middle], tried)
    gates = [fitted_gate(one.n_history, one.spread, one.gain) for one in found]
    worth = [_behind(gate, one) for gate, one in zip(gates, found)]
    best = int(np.argmax(worth))
    gate = gates[best] if worth[best] > 0 else CLOSED
    student.window, student.weight = tried[best].window, tried[best].weight
    student.groups, student.max_spread = gate.groups, gate.max_spread
    (held,) = gains_of(made, holdout, positions[middle:], [student])
    return Distilled(agreed, n_lessons, student.window, student.weight, gate, held)


def _twin(student: StudentReranker, window: int, weight: float) -> StudentReranker:
    """One that has learnt the same and is open for everybody."""
    twin = StudentReranker(
        encoder=student.encoder, window=window, weight=weight, groups=range(len(HISTORY_EDGES))
    )
    twin.likeness_, twin.titles_ = student.likeness_, student.titles_
    twin.coefficients_ = student.coefficients_
    return twin


def _behind(gate: Gate, found: Gains) -> float:
    group = np.searchsorted(HISTORY_EDGES, found.n_history, side="right") - 1
    inside = np.isin(group, gate.groups) & ~(found.spread > gate.max_spread)
    return float(found.gain[inside].sum())


def _gains(rows: Sequence[tuple[int, float, float, int]]) -> Gains:
    n, wide, gain, target = zip(*rows) if rows else ((), (), (), ())
    return Gains(
        np.array(n, np.int64),
        np.array(wide, np.float64),
        np.array(gain, np.float64),
        np.array(target, np.int64),
    )


def discount(order: Sequence[int], target: int) -> float:
    """NDCG@10 with one right answer."""
    place = order.index(target) if target in order else 10
    return float(1 / np.log2(place + 2)) if place < 10 else 0.0


def summary(gain: NDArray[np.float64]) -> tuple[int, float, float]:
    """Questions, mean, half of the 95 % interval."""
    error = float(gain.std(ddof=1)) / len(gain) ** 0.5 if len(gain) > 1 else float("nan")
    return len(gain), float(gain.mean()), 1.96 * error


def school(
    made: Recommender,
    holdout: Holdout,
    positions: Sequence[int],
    llm: Any,
    way: Way,
    student: StudentReranker,
    *,
    n_lessons: int,
    progress: Callable[[int], None] | None = None,
) -> Distilled:
    """Lessons from the first `n_lessons` positions, four fifths to learn; the others find weight and gate."""
    lessons = lessons_of(made, holdout, positions[:n_lessons], llm, way, progress=progress)
    n_learnt = max(1, len(lessons) * 4 // 5)
    if len(lessons) < 5:
        raise LlmError(f"the model judged {len(lessons)} of {n_lessons} lists: too few to learn from")
    student.learn(lessons[:n_learnt])
    agreed = agreement(student, lessons[n_learnt:])
    return tuned(made, holdout, positions[n_lessons:], student, len(lessons), agreed)
