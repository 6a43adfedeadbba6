"""The embedded text encoder: speed, memory, whether like finds like in two languages, what the cache saves.

    python bench/bench_encoder.py                             # the encoder takes one thread
    python bench/bench_encoder.py --cold ml-1m amazon-beauty  # and unseen items, found by text alone

Texts per second are for titles with a few words (the handmade set of the tests, numbered so that all differ).
With --cold, sets come from $ZHIYIN_DATA and the protocol is `cold_items` (10 % of the items hidden, R@20).
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zhiyin.represent import CachedEncoder, Space, UseEncoder
from zhiyin.types import FloatArray

TOPICS = Path(__file__).parents[1] / "tests" / "represent" / "topics.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--cold", nargs="*", default=[], metavar="SET")
    args = parser.parse_args()
    encoder = UseEncoder()
    before = peak_mib()
    print(f"load and first text: {seconds(lambda: encoder.encode(['a'])):.2f} s")
    speed(encoder, args.texts)
    print(f"memory: {peak_mib() - before:.0f} MiB above the imports")
    likeness(encoder)
    cache(encoder, args.texts)
    for name in args.cold:
        cold(name)


def speed(encoder: UseEncoder, n: int) -> None:
    for language in ("en", "zh"):
        texts = numbered(language, n)
        batch = n / seconds(lambda texts=texts: encoder.encode(texts))  # type: ignore[misc]
        each = [seconds(lambda text=text: encoder.encode([text])) for text in texts[:300]]  # type: ignore[misc]
        print(f"{language}: {batch:.0f} texts/s in a batch, one alone {np.median(each) * 1e3:.1f} ms")


def likeness(encoder: UseEncoder) -> None:
    """hit@1: is the nearest other item of the same topic?"""
    items = [
        (topic, language, text) for topic, by in topics().items() for language in by for text in by[language]
    ]
    topic, language = np.array([item[0] for item in items]), np.array([item[1] for item in items])
    raw = encoder.encode([item[2] for item in items])
    for name, vectors in (("encoder's space", raw), ("catalogue's space", Space.of(raw).put(raw))):
        hits = {
            f"{asked}>{found}": hit(vectors, topic, language == asked, language == found)
            for asked in ("en", "zh")
            for found in ("en", "zh")
        }
        print(f"hit@1 in the {name}: " + ", ".join(f"{pair} {share}" for pair, share in hits.items()))


def hit(vectors: FloatArray, topic: np.ndarray, asked: np.ndarray, found: np.ndarray) -> str:
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -np.inf)
    rows, columns = np.flatnonzero(asked), np.flatnonzero(found)
    nearest = columns[cosine[np.ix_(rows, columns)].argmax(axis=1)]
    return f"{(topic[nearest] == topic[rows]).sum()}/{len(rows)}"


def cache(encoder: UseEncoder, n: int) -> None:
    texts = numbered("en", n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.sqlite"
        times = {}
        for name in ("cold", "warm from disk"):
            cached = CachedEncoder(encoder, path=path)
            times[name] = seconds(lambda cached=cached: cached.encode(texts))  # type: ignore[misc]
        times["warm from memory"] = seconds(lambda: cached.encode(texts))
        cached.close()
    told = ", ".join(f"{name} {took:.3f} s" for name, took in times.items())
    print(f"cache, {n} texts: {told}; {times['cold'] / times['warm from disk']:.0f} times faster from disk")


def cold(name: str) -> None:
    from zhiyin.data.sets import load_bench
    from zhiyin.evaluate import evaluate
    from zhiyin.evaluate.cold import cold_items
    from zhiyin.recommender import Recommender
    from zhiyin.retrieve import ContentRetriever

    contenders = {
        "content": Recommender(retrievers={"content": ContentRetriever()}),
        "content, attention .8": Recommender(retrievers={"content": ContentRetriever(temperature=0.8)}),
    }
    print(name)
    print(evaluate(contenders, load_bench(name), cold_items(), floors=False).table("recall@20", "ndcg@20"))


def numbered(language: str, n: int) -> list[str]:
    texts = [text for by in topics().values() for text in by[language]]
    return [f"{texts[i % len(texts)]} {i}" for i in range(n)]


def topics() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads(TOPICS.read_text("utf-8"))
    return found


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
