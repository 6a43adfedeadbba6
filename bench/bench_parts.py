"""What each part of an answer costs: a service without HTTP, in one process and one thread.

    python bench/bench_parts.py --work FOLDER [--set small|ml-1m|synthetic] [--requests 800]

The project is that of `bench_service.py`, whose first start has filled the store. Users are drawn by Zipf.
All figures are milliseconds of the thread, the best of five rounds; a part alone finds the caches warm, so
the parts add up to less than the whole. A fixed mixture of Python and numpy comes first, as a floor: it
tells how fast the machine is. To compare with older code, run this file with PYTHONPATH set to its `src`, by
turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_service import Bench
from service_targets import SETS, built

from zhiyin.explain.evidence import contributions
from zhiyin.serve.app import make_ground
from zhiyin.serve.messages import RecommendRequest
from zhiyin.serve.metrics import Metrics
from zhiyin.serve.service import Service
from zhiyin.serve.settings import ServeSettings

ROUNDS = 5


def best_ms(act: Callable[[Any], object], over: Sequence[Any]) -> float:
    """Milliseconds of this thread for one of them."""
    found = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for one in over:
            act(one)
        found.append(time.thread_time() - start)
    return min(found) / len(over) * 1e3


def say(name: str, act: Callable[[Any], object], over: Iterable[Any]) -> None:
    print(f"{name:30}{best_ms(act, list(over)):8.3f}", flush=True)


def floor(_: object) -> None:
    """Work that no change of ours touches: it tells how fast the machine is just now."""
    numbers, total = np.arange(5_000.0), 0
    for _ in range(3):
        np.partition(numbers[numbers > 2_500], 2_000)
    for number in range(300):
        total += number


def whole(service: Service, requests: Sequence[RecommendRequest]) -> None:
    say("a fixed mixture", floor, requests)
    say("a whole answer", service.recommend, requests)
    stages: dict[str, float] = {}
    for request in requests:
        for name, spent in service.recommend(request).meta.timings_ms.items():
            stages[name] = stages.get(name, 0.0) + spent / len(requests)
    print("  by its own clock:", ", ".join(f"{name} {spent:.2f}" for name, spent in stages.items()))


def parts(service: Service, requests: Sequence[RecommendRequest]) -> None:
    serving = service.serving()
    asker, recommender = service._asker(serving, service.now()), serving.recommender
    say("history from the store", lambda r: service.store.history(r.user, 500), requests)
    say("the question", asker.recommend, requests)
    queries = [asker.recommend(request).query for request in requests]
    say("the decision", lambda query: recommender.decide(query, 10, depth=100), queries)
    decisions = [recommender.decide(query, 10, depth=100) for query in queries]
    say("reasons and lines", lambda decision: recommender.worded(decision, 10), decisions)
    first = [(one.query.history, one.ranking.take(np.arange(min(10, len(one.ranking))))) for one in decisions]
    n_items = len(asker.items)
    say("  contributions", lambda one: contributions(one[0], one[1], n_items), first)
    for name, retriever in recommender.retrievers.items():
        asked = [(retriever.relevance(one.query), one) for one in decisions]
        say(name, lambda one, source=retriever: source.relevance(one.query), decisions)  # type: ignore[misc]
        say("  top", lambda pair: pair[0].top(50, pair[1].query.exclude), asked)
        say("  of", lambda pair: pair[0].of(pair[1].ranking.items), asked)
        say("  evidence", lambda pair: pair[0].evidence(pair[1].ranking.items), asked)
    pipeline = recommender.pipeline()
    say("all sources", pipeline.candidates, [one.query for one in decisions])
    found = [(one.query, pipeline.candidates(one.query)[0]) for one in decisions]
    for feature in recommender.ranker.features if recommender.ranker is not None else ():
        say(type(feature).__name__, lambda pair, part=feature: part.values(*pair), found)  # type: ignore[misc]
    if recommender.ranker is not None:
        say("features and score", lambda pair: recommender.ranker.score(*pair), found)  # type: ignore[union-attr]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="synthetic", choices=sorted(SETS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    project = built(args.work, args.set)
    load = Bench(args, project)
    ground = make_ground(project, ServeSettings(refit_every_hours=0), Metrics())
    while ground.live.serving is None:
        time.sleep(0.1)
    requests = [RecommendRequest(user=load.user(k), n=10) for k in range(args.requests)]
    whole(ground.service, requests)
    parts(ground.service, requests)
    ground.live.stop()
    ground.tagging.stop()
    assert ground.schedule is not None
    ground.schedule.stop()
    ground.admission.close()
    ground.store.close()


if __name__ == "__main__":
    main()
