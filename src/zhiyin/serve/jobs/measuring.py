"""Jobs that measure: how good the pipeline of the project is, and what each source adds."""

from __future__ import annotations

import time
from typing import Any

from zhiyin.data.dataset import Dataset
from zhiyin.defaults import configured_recommender
from zhiyin.errors import ConfigError
from zhiyin.evaluate import Protocol, evaluate
from zhiyin.evaluate.ablation import ablate
from zhiyin.recommender import Recommender
from zhiyin.serve.jobs.drawing import opened
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.own_parts import allowed_modules

__all__ = ["ablate_served", "evaluate_served", "protocol_of"]


def protocol_of(work: Work) -> Protocol:
    """The last event of each user, the whole catalogue, a sample of users."""
    return Protocol(k=(5, 10, 20), max_questions=work.request.max_questions, seed=work.request.seed)


def evaluate_served(work: Work) -> dict[str, Any]:
    """The pipeline beside the baselines on held-out events, as `zhiyin eval` prints them."""
    began = time.perf_counter()
    recommender, data, version = _ground(work)
    found = evaluate({"zhiyin": recommender}, data, protocol_of(work), progress=_told(work))
    return {
        "version": version, "seconds": round(time.perf_counter() - began, 1), **found.as_dict(),
        "by": {
            kind: {
                name: one.as_dict()
                for name, one in found.compare_by(kind, "zhiyin", found.reference).items()
            }
            for kind in found.groups
        },
    }  # fmt: skip


def ablate_served(work: Work) -> dict[str, Any]:
    """The pipeline without each of its sources in turn."""
    began = time.perf_counter()
    recommender, data, version = _ground(work)
    found = ablate(recommender, data, protocol_of(work), progress=_told(work))
    return {"version": version, "seconds": round(time.perf_counter() - began, 1), **found.as_dict()}


def _ground(work: Work) -> tuple[Recommender, Dataset, str]:
    from zhiyin.serve.artefacts import Artefacts

    with opened(work) as store:
        work.tell("reading", 0, 0)
        data = store.snapshot()
        current = Artefacts(folder=work.places.artefacts, store=store).current()
    if not len(data):
        raise ConfigError("there are no events to hold out: send some first")
    modules = allowed_modules(work.places.project)
    made = configured_recommender(work.places.project, data, allow_import=modules)
    return made, data, "" if current is None else current.version


def _told(work: Work) -> Any:
    def progress(stage: str, done: int, of: int) -> None:
        work.tell(stage, done, of)

    return progress
