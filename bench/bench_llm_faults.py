"""Faults of a model server against whole recommendations: none fails, none is late, the breaker recovers.

python bench/bench_llm_faults.py
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bench_llm import DEADLINE_S, ELSEWHERE, FAULTS, N, Respond, Server

from zhiyin.data.dataset import Dataset
from zhiyin.llm import EndpointLanguageModel, GuardedLanguageModel
from zhiyin.rank import FusionRanker, LlmReranker
from zhiyin.recommender import Recommender
from zhiyin.represent.intent_prompt import read_by_model
from zhiyin.retrieve import EaseRetriever, LexicalRetriever, PopularRetriever
from zhiyin.types import Interaction, Item

GENRES = ("Comedy", "Horror", "Romance", "War")
N_ITEMS, LENGTH, FOR_WORDS = 200, 10, 0.5
SAID = b'{"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}]}'
ANSWERS = {
    "well": (200, SAID % rb"{\"best\": [3, 1, 2], \"want\": [\"War\"], \"text\": \"\"}"),
    **FAULTS,
    "unknown ids": (200, SAID % rb"{\"best\": [99, -4, 12345678], \"want\": [\"i999\", \"no such\"]}"),
    "wrong schema": (200, SAID % rb"{\"best\": \"all\", \"want\": 3}"),
}


def films() -> Dataset:
    """Film i is of genre i % 4; each person likes one genre."""
    items = [Item(f"f{i}", f"Tale number {i}", "", {"genre": GENRES[i % 4]}) for i in range(N_ITEMS)]
    rng = np.random.default_rng(0)
    events = [
        Interaction(f"u{u}", f"f{i}", at=1e6 + 100 * u + step)
        for u in range(80)
        for step, i in enumerate(rng.permutation(N_ITEMS // 4)[:8] * 4 + u % 4)
    ]
    return Dataset.of(events, items)


def fitted(guard: GuardedLanguageModel) -> Recommender:
    """The model orders what comes first; `judging` makes its judgements beside the requests."""
    order = LlmReranker(
        llm=guard, way="listwise", min_words=0.0, timeout_s=DEADLINE_S, background=False, groups=(0, 1, 2, 3)
    )
    return Recommender(
        retrievers={"ease": EaseRetriever(), "lexical": LexicalRetriever(), "popular": PopularRetriever()},
        ranker=FusionRanker(),
        rerankers=[order],
        llm=guard,
    ).fit(films())


@contextmanager
def judging(made: Recommender) -> Iterator[None]:
    ended, order = threading.Event(), next(one for one in made.rerankers if isinstance(one, LlmReranker))

    def work() -> None:
        while not ended.wait(0.002):
            order.judgements.work()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def asked(made: Recommender, guard: GuardedLanguageModel, n: int, first: int) -> tuple[list[float], int]:
    """Milliseconds of `n` different requests in words, and how many gave no whole list."""
    times, failed, rng = [], 0, np.random.default_rng(first)
    assert made.items_ is not None
    book = made.reader_.vocabulary(made.items_)
    for at in range(first, first + n):
        start = time.perf_counter()
        try:
            words, past = f"something like tale {at}", [f"f{i}" for i in rng.permutation(N_ITEMS)[:5]]
            intent, _ = read_by_model(words, guard, book, made.items_, timeout=DEADLINE_S * FOR_WORDS)
            query = made.query(history=past, words=words, intent=intent)
            codes = made.rank(query, LENGTH).items.tolist()
            failed += len(set(codes)) != LENGTH or not set(codes) <= set(range(N_ITEMS))
        except Exception as error:  # noqa: BLE001  # any at all is a failed recommendation
            print(f"  failed: {type(error).__name__}: {error}")
            failed += 1
        times.append((time.perf_counter() - start) * 1000)
    return times, failed


def one_fault(name: str, url: str, folder: Path) -> bool:
    Respond.fault = ANSWERS.get(name, ANSWERS["well"])
    address = ELSEWHERE.get(name) or (url.replace("http:", "https:") if name == "TLS" else url)
    if name == "well":
        address = url
    endpoint = EndpointLanguageModel(base_url=address, name="m", max_answer_bytes=1_000_000)
    guard = GuardedLanguageModel(language_model=endpoint, path=folder / f"{name}.sqlite", rest_s=0.5)
    made = fitted(guard)
    with judging(made):
        times, failed = asked(made, guard, N, 0)
        opened, state = guard.breaker.opened, guard.breaker.state
        Respond.fault, endpoint.base_url = ANSWERS["well"], url  # what was ill is mended
        until = time.monotonic() + 30
        while guard.breaker.state != "closed" and time.monotonic() < until:
            time.sleep(0.1)
            failed += asked(made, guard, 1, 10_000 + int(10 * time.monotonic()))[1]
    closed = guard.breaker.state
    guard.close()
    over = np.percentile(times, 99) - DEADLINE_S * 1000
    told = f"p50 {np.median(times):.1f} ms, p99 {over:+.0f} ms of the deadline"
    print(f"{name}: {failed} of {N} failed, {told}, opened {opened} ({state}), then {closed}", flush=True)
    return not failed and over <= 50 and closed == "closed"


def main() -> int:
    server = Server(("127.0.0.1", 0), Respond)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    names = ["well", *FAULTS, "unknown ids", *ELSEWHERE]
    with tempfile.TemporaryDirectory() as folder:
        missed = [name for name in names if not one_fault(name, url, Path(folder))]
    server.shutdown()
    print("missed: " + (", ".join(missed) or "none"))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
