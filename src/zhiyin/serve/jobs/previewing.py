"""Jobs on a changed pipeline: what it would show to a few users, and letting it serve."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError, DataError
from zhiyin.recommender import Recommender
from zhiyin.saving import keep_models_in
from zhiyin.serve.jobs.drawing import opened, past_of, serving_now
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.own_parts import load_artefact
from zhiyin.serve.pipeline import checked, present_toml, write_toml
from zhiyin.serve.refit import refit
from zhiyin.types import KINDS

__all__ = [
    "few_users", "preview_pipeline", "publish_pipeline", "same_learning", "side_by_side", "with_parts_of",
]  # fmt: skip

ANSWERING = ("rerankers", "fallback", "n_each", "n_candidates", "n_history")
"""Options of a recommender that change its answers and not what its parts learn."""
MOST_EVENTS = 200_000
"""A preview is fitted on the users of at most so many events."""
N_SAMPLE = 5


def preview_pipeline(work: Work) -> dict[str, Any]:
    """Lists of a few users before and after. Where only policies and numbers of candidates change, what
    serves is asked again with them; else the new pipeline is fitted, on a sample of large logs."""
    began, request = time.perf_counter(), work.request
    with opened(work) as store:
        artefacts, version = serving_now(work, store)
        work.tell("reading", 0, 0)
        old = load_artefact(artefacts.path(version))
        data = store.snapshot()
    new = keep_models_in(
        checked(work.places, request.toml, present_toml(work.places, old)[0]), work.places.project
    )
    users = few_users(data, request.users, N_SAMPLE, request.seed)
    if same_learning(old, new):
        fitted, how = with_parts_of(old, new), "parts"
        if any(hasattr(part, "fit") for part in fitted.rerankers):
            for part in fitted.rerankers:
                if hasattr(part, "fit"):
                    part.fit(data, seed=request.seed)
    else:
        sample, how = _sampled(data, users, request.seed), "fit"
        fitted = new.fit(sample, seed=request.seed, progress=work.tell)
        how = "sample" if len(sample) < len(data) else how
    return {
        "version": version, "how": how, "seconds": round(time.perf_counter() - began, 1),
        "users": [side_by_side(data, user, old, fitted, request.n) for user in users],
    }  # fmt: skip


def publish_pipeline(work: Work) -> dict[str, Any]:
    """The changed pipeline becomes zhiyin.toml, is fitted on everything, checked and published; one that does
    not pass leaves the file as it was."""
    began, config = time.perf_counter(), work.places.project / "zhiyin.toml"
    before = config.read_text("utf-8") if config.is_file() else None
    with opened(work) as store:
        if work.request.toml:
            checked(work.places, work.request.toml, present_toml(work.places, _serving(work, store))[0])
            write_toml(work.places, work.request.toml)
        try:
            made = refit(
                work.places, store, now=work.now, actor=work.actor or "server", seed=work.request.seed,
                progress=work.tell,
            )  # fmt: skip
        except BaseException:
            if work.request.toml and before is not None:
                write_toml(work.places, before)
            elif work.request.toml:
                config.unlink(missing_ok=True)
            raise
    return {"version": made.version, "seq": made.seq, "seconds": round(time.perf_counter() - began, 1)}


def _serving(work: Work, store: Any) -> Recommender | None:
    if (work.places.project / "zhiyin.toml").is_file():
        return None
    try:
        artefacts, version = serving_now(work, store)
    except ConfigError:
        return None
    return load_artefact(artefacts.path(version))


def same_learning(old: Recommender, new: Recommender) -> bool:
    """Whether all but ANSWERING and the words of reasons is the same: then nothing has to be learnt anew."""
    from zhiyin.config import to_toml

    like = copy.copy(new)
    for name in (*ANSWERING, "explainer", "llm"):
        setattr(like, name, getattr(old, name))
    return to_toml(like) == to_toml(old)


def with_parts_of(old: Recommender, new: Recommender) -> Recommender:
    """What `old` has learnt, answering as `new` does."""
    made = copy.copy(old)
    for name in ANSWERING:
        setattr(made, name, getattr(new, name))
    return made


def few_users(data: Dataset, names: list[str], n: int, seed: int) -> list[int]:
    """Codes of the users that are named, else of some with a past."""
    if names:
        codes = data.users.codes(names)
        missing = [name for name, code in zip(names, codes.tolist()) if code < 0]
        if missing:
            raise DataError("a user with events", value=missing[0], hint=data.users.like(missing[0]))
        return [int(code) for code in codes]
    long = np.flatnonzero(np.diff(data.indptr) >= 5)
    if not len(long):
        long = np.flatnonzero(np.diff(data.indptr) >= 1)
    if not len(long):
        raise DataError("at least one user with events", value="none", hint="send events first")
    return [int(user) for user in np.random.default_rng(seed).permutation(long)[:n]]


def _sampled(data: Dataset, users: list[int], seed: int) -> Dataset:
    """All events of as many users as the limit allows, the asked ones among them."""
    if len(data) <= MOST_EVENTS:
        return data
    order = np.random.default_rng(seed).permutation(data.n_users)
    order = np.concatenate([np.array(users), np.setdiff1d(order, users, assume_unique=True)])
    lengths = np.diff(data.indptr)[order]
    chosen = np.sort(order[: int(np.searchsorted(np.cumsum(lengths), MOST_EVENTS)) + 1])
    return data.take(np.flatnonzero(np.isin(data.user, chosen)))


def side_by_side(data: Dataset, user: int, a: Recommender, b: Recommender, n: int) -> dict[str, Any]:
    """What one user is shown by two recommenders, and what he did last."""
    past = past_of(data, user, 50)
    lists = [_list(recommender, past, n) for recommender in (a, b)]
    shared = {line["id"] for line in lists[0]} & {line["id"] for line in lists[1]}
    return {
        "user": data.users[user], "events": int(data.indptr[user + 1] - data.indptr[user]),
        "history": [_titled(data, row) for row in _last(data, user, 8)],
        "a": lists[0], "b": lists[1],
        "overlap": round(len(shared) / max(1, max(len(lists[0]), len(lists[1]))), 4),
    }  # fmt: skip


def _list(recommender: Recommender, past: list[Any], n: int) -> list[dict[str, Any]]:
    items = recommender.items_
    assert items is not None
    query = recommender.query(history=past)
    ranking = recommender.decide(query, n).ranking
    return [{"id": items.ids[code], "title": items.titles[code]} for code in ranking.items[:n].tolist()]


def _last(data: Dataset, user: int, n: int) -> list[int]:
    end = int(data.indptr[user + 1])
    return list(range(max(int(data.indptr[user]), end - n), end))


def _titled(data: Dataset, row: int) -> dict[str, Any]:
    code = int(data.item[row])
    return {"id": data.items.ids[code], "title": data.items.titles[code], "kind": KINDS[data.kind[row]]}
