"""The job that puts two artefacts side by side: their settings measured on the same held-out users, and
their lists as they stand."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from zhiyin.artefact import read_artefact
from zhiyin.config import from_toml
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.evaluate.evaluate import gathered, measured
from zhiyin.evaluate.evaluation import Evaluation
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.questions import Questions
from zhiyin.recommender import Recommender
from zhiyin.saving import keep_models_in
from zhiyin.serve.artefacts import Artefacts
from zhiyin.serve.jobs.drawing import opened
from zhiyin.serve.jobs.measuring import protocol_of
from zhiyin.serve.jobs.previewing import few_users, side_by_side
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.own_parts import allowed_modules, load_artefact

__all__ = ["compare_artefacts"]

N_LISTS = 40
MOST_USERS = 500
"""Users whose differences are told one by one."""
A, B = "A", "B"


def compare_artefacts(work: Work) -> dict[str, Any]:
    """Metrics with intervals and differences per user of both settings, fitted anew without the held-out
    events; rank shifts of both artefacts as they are. Equal settings are not measured twice."""
    began, request = time.perf_counter(), work.request
    if len(set(request.artefacts)) != 2:
        raise ConfigError("compare: expected two different versions in artefacts")
    with opened(work) as store:
        artefacts = Artefacts(folder=work.places.artefacts, store=store)
        known = {entry.version: entry for entry in artefacts.list() if entry.state != "refused"}
        for version in request.artefacts:
            if version not in known:
                raise ConfigError(f"no artefact {version!r} is kept; there are: {', '.join(known) or 'none'}")
        paths = [artefacts.path(version) for version in request.artefacts]
        work.tell("reading", 0, 0)
        data = store.snapshot()
    configs = [read_artefact(path, without_rows=("events", "users")).config for path in paths]
    result: dict[str, Any] = {
        "artefacts": [
            {"version": v, "at": known[v].at, "events": known[v].seq, "state": known[v].state, "toml": toml}
            for v, toml in zip(request.artefacts, configs)
        ],
        "same_settings": configs[0] == configs[1],
    }
    if not result["same_settings"] and len(data):
        result["measured"] = _measured(work, data, configs)
    a, b = map(load_artefact, paths)
    result["lists"] = _lists(work, data, a, b)
    shifts = [shift for one in result["lists"] for shift in shifts_of(one)]
    result["shifts"] = shifts_summary(shifts)
    result["overlap"] = round(float(np.mean([one["overlap"] for one in result["lists"]])), 4)
    result["seconds"] = round(time.perf_counter() - began, 1)
    return result


def _measured(work: Work, data: Dataset, configs: list[str]) -> dict[str, Any]:
    gauge = Gauge.of(Questions.of(data, protocol_of(work)), None)
    rows = []
    for name, config in zip((A, B), configs):
        made = from_toml(config, allow_import=allowed_modules(work.places.project))
        made = keep_models_in(made, work.places.project)
        rows.append(measured(name, made, gauge, progress=work.tell)[0])
    found = gathered(data, gauge, rows)
    by = {
        kind: {name: one.as_dict() for name, one in found.compare_by(kind, B, A).items()}
        for kind in found.groups
    }
    metrics = [name for name in rows[0].per_user if name in rows[1].per_user]
    return {
        **found.as_dict(),
        "differences": {name: found.compare(B, A, name).as_dict() for name in metrics},
        "by": by,
        "main": found.main_metric,
        "per_user": _per_user(gauge.questions, found),
    }


def _per_user(questions: Questions, found: Evaluation) -> list[dict[str, Any]]:
    """The users with the largest differences first."""
    holdout, metric = questions.split.holdout, found.main_metric
    a, b = found[A].per_user[metric], found[B].per_user[metric]
    order = np.argsort(-np.abs(b - a), kind="stable")[:MOST_USERS]
    users = holdout.user[questions.positions]
    lengths = questions.history_length
    return [
        {"user": holdout.data.users[int(users[place])], "events": int(lengths[place]),
         "a": float(a[place]), "b": float(b[place])}
        for place in order.tolist()
    ]  # fmt: skip


def _lists(work: Work, data: Dataset, a: Recommender, b: Recommender) -> list[dict[str, Any]]:
    users = few_users(data, work.request.users, N_LISTS, work.request.seed)
    found = []
    for place, user in enumerate(users):
        work.tell("asking", place, len(users))
        found.append(side_by_side(data, user, a, b, work.request.n))
    return found


def shifts_of(one: dict[str, Any]) -> list[int | None]:
    """Places that each item of A's list has moved up in B's; None = it is not in B's."""
    there = {line["id"]: place for place, line in enumerate(one["b"])}
    return [place - there[line["id"]] if line["id"] in there else None for place, line in enumerate(one["a"])]


def shifts_summary(shifts: list[int | None]) -> dict[str, int]:
    """How many items of the lists moved how."""
    moved = [shift for shift in shifts if shift is not None]
    return {
        "same": sum(shift == 0 for shift in moved),
        "up": sum(shift > 0 for shift in moved),
        "down": sum(shift < 0 for shift in moved),
        "left": len(shifts) - len(moved),
    }
