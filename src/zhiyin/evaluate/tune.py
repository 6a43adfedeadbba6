"""Search for better settings: on the validation part alone, within a budget, to be taken up again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, MissingExtraError, ZhiyinError, nearest
from zhiyin.evaluate.evaluate import evaluate, measured
from zhiyin.evaluate.fingerprint import Fingerprint
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.intervals import Interval
from zhiyin.evaluate.paired import Paired
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Progress
from zhiyin.evaluate.space import Knob, Value, knobs, turned
from zhiyin.recommender import Recommender

__all__ = ["Tried", "Tuning", "tune"]

SEARCHED = 1_000
CHECKED = 5_000
"""Questions that a trial is asked, and that the winner is checked on."""
N_FIRST = 8
"""Trials at random before the search learns from what it saw."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One set of values, and what they gave."""

    number: int
    values: dict[str, Value]
    metric: Interval
    seconds: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search has found so far."""

    metric: str
    protocol: Protocol
    data: Fingerprint
    knobs: tuple[Knob, ...]
    trials: tuple[Tried, ...]
    """In their order; the first has the present values."""
    importances: dict[str, float]
    """path -> share of what moves the metric among the best trials (PED-ANOVA); {} for too few trials."""
    recommender: Recommender
    """Unfitted, with the best values."""
    check: Paired | None = None
    """Best minus present, per user, on validation questions most of which the search did not ask."""
    n_failed: int = 0
    seed: int = 0
    settings: str = ""
    """TOML of the best."""
    changed: dict[str, tuple[Value, Value]] = field(default_factory=dict)
    """path -> present and best value, where they differ."""

    @property
    def best(self) -> Tried:
        """The highest; of equals the first."""
        return max(self.trials, key=lambda one: (one.metric.value, -one.number))

    @property
    def is_better(self) -> bool:
        """Whether the check says so, too: the interval of the difference lies above 0."""
        return self.check is not None and self.check.difference.low > 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "metric": self.metric,
            "protocol": self.protocol.facts(),
            "seed": self.seed,
            "trials": [
                {
                    "number": one.number,
                    "values": one.values,
                    "value": one.metric.value,
                    "interval": [one.metric.low, one.metric.high],
                    "seconds": one.seconds,
                }
                for one in self.trials
            ],
            "failed": self.n_failed,
            "best": self.best.number,
            "changed": {path: list(pair) for path, pair in self.changed.items()},
            "importances": self.importances,
            "check": None if self.check is None else self.check.as_dict(),
            "settings": self.settings,
        }


def tune(
    recommender: Recommender,
    data: Dataset,
    *,
    minutes: float,
    study: str | Path,
    protocol: Protocol | None = None,
    metric: str = "",
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    max_trials: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuning:
    """Searches for `minutes` (a trial that has begun is finished), or until there are `max_trials`.

    The first trial has the present values. `study` is a file: a search that finds it goes on where that one
    stopped, and refuses where data, protocol or space are others. In the end the best and the present values
    are fitted once more and compared on up to 5,000 validation questions. The test part is never touched.
    """
    protocol = replace(
        protocol or Protocol(filter_seen=not recommender.repeats), part="validation", seed=seed
    )
    metric = metric or f"ndcg@{protocol.main_k}"
    space = knobs(recommender, only=only, skip=skip)
    asked = replace(protocol, max_questions=SEARCHED)
    gauge = Gauge.of(Questions.of(data, asked), None)
    identity = {
        "data": Fingerprint.of(data).sha256, "protocol": asked.describe(), "metric": metric,
        "space": [f"{knob.path}: {knob.range}" for knob in space],
    }  # fmt: skip
    log = _opened(study, identity, space, seed)
    end, n_run = clock() + 60 * minutes, 0
    while clock() < end or not n_run:
        if max_trials and sum(one.state.is_finished() for one in log.trials) >= max_trials:
            break
        _try(log, recommender, space, gauge, metric, progress)
        n_run += 1
    return _summed(log, recommender, data, protocol, space, metric, seed, progress)


def _opened(path: str | Path, identity: dict[str, Any], space: Sequence[Knob], seed: int) -> Any:
    """The study in this file, new or old."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", extra="tune") from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path))),
            study_name="zhiyin",
            direction="maximize",
            load_if_exists=True,
        )
        # another stretch must not draw the same values again, and draws the same ones every time
        stretch = np.random.SeedSequence((seed, len(study.trials)))
        study.sampler = optuna.samplers.TPESampler(
            seed=int(stretch.generate_state(1)[0]), n_startup_trials=N_FIRST, multivariate=True
        )
    old = study.user_attrs.get("identity")
    if old is not None and old != identity:
        other = ", ".join(name for name in identity if old.get(name) != identity[name])
        raise ConfigError(f"{path}: this study is of another {other}. Name another file, or remove this one")
    study.set_user_attr("identity", identity)
    if not study.trials:
        study.enqueue_trial({knob.path: knob.present for knob in space})
    return study


def _try(
    log: Any,
    recommender: Recommender,
    space: Sequence[Knob],
    gauge: Gauge,
    metric: str,
    progress: Progress | None,
) -> None:
    """One more trial; values under which a part cannot be fitted are a trial that failed."""
    from optuna.trial import TrialState

    trial = log.ask()
    values = {knob.path: _suggested(trial, knob) for knob in space}
    began = time.perf_counter()
    try:
        row, _ = measured(f"trial {trial.number}", turned(recommender, values), gauge, progress=progress)
    except (ZhiyinError, ValueError, ArithmeticError) as error:
        trial.set_user_attr("error", f"{type(error).__name__}: {error}"[:500])
        log.tell(trial, state=TrialState.FAIL)
        return
    if metric not in row.metrics:
        raise ConfigError(f"there is no metric {metric!r}. {nearest(metric, list(row.metrics))}")
    found = row.metrics[metric]
    trial.set_user_attr("interval", [found.low, found.high])
    trial.set_user_attr("seconds", time.perf_counter() - began)
    log.tell(trial, found.value)


def _suggested(trial: Any, knob: Knob) -> Value:
    value: Value
    if knob.choices:
        value = trial.suggest_categorical(knob.path, knob.choices)
    elif isinstance(knob.present, int):
        value = trial.suggest_int(knob.path, int(knob.low), int(knob.high), log=knob.log)
    else:
        value = trial.suggest_float(knob.path, knob.low, knob.high, log=knob.log)
    return value


def _summed(
    log: Any,
    recommender: Recommender,
    data: Dataset,
    protocol: Protocol,
    space: tuple[Knob, ...],
    metric: str,
    seed: int,
    progress: Progress | None,
) -> Tuning:
    done = [
        Tried(one.number, dict(one.params), Interval(one.value, *one.user_attrs["interval"]),
              one.user_attrs["seconds"])
        for one in log.trials if one.value is not None
    ]  # fmt: skip
    if not done:
        said = log.trials[-1].user_attrs.get("error", "") if log.trials else ""
        raise ConfigError(f"no trial could be fitted, not even with the present values. {said}")
    best = max(done, key=lambda one: (one.metric.value, -one.number))
    present = {knob.path: knob.present for knob in space}
    changed = {
        path: (present[path], value) for path, value in best.values.items() if value != present.get(path)
    }
    winner = turned(recommender, best.values)
    check = None
    if changed:
        rules = replace(protocol, max_questions=CHECKED, seed=seed + 1)
        rows = {"present": recommender, "tuned": winner}
        compared = evaluate(rows, data, rules, floors=False, progress=progress)
        check = compared.compare("tuned", "present", metric)
    return Tuning(
        metric=metric,
        protocol=replace(protocol, max_questions=SEARCHED),
        data=Fingerprint.of(data),
        knobs=space,
        trials=tuple(done),
        importances=_importances(log, len(done)),
        recommender=winner,
        check=check,
        n_failed=len(log.trials) - len(done),
        seed=seed,
        settings=to_toml(winner),
        changed=changed,
    )


def _importances(log: Any, n_done: int) -> dict[str, float]:
    """By PED-ANOVA (Watanabe et al., IJCAI 2023); nothing where too few trials tell nothing."""
    if n_done < N_FIRST:
        return {}
    import optuna

    with warnings.catch_warnings(), suppress(ValueError, RuntimeError):
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(log, evaluator=evaluator)
        return {path: float(share) for path, share in found.items()}
    return {}
