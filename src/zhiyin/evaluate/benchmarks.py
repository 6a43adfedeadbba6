"""The public tables: which set, which protocol, which metrics, what to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zhiyin.data.split import LeaveOneOut, MarkedSplit
from zhiyin.errors import ConfigError, nearest
from zhiyin.evaluate.cold import cold_items
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.published import PUBLISHED, Published

__all__ = ["BENCHMARKS", "Benchmark", "chosen"]

TOP_10 = ("recall@10", "ndcg@10")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One table. It fixes the protocol and nothing of the recommender: no setting goes by the set."""

    name: str
    """The set, then what is asked."""
    protocol: Callable[[int], Protocol]
    """From the seed."""
    metrics: tuple[str, ...] = TOP_10
    goals: Mapping[str, float] = field(default_factory=dict)
    blind: bool = False
    """A further row is asked the same questions without their context and clock."""

    @property
    def data(self) -> str:
        """The name of the set, for `load_bench`."""
        return self.name.partition("/")[0]

    @property
    def published(self) -> tuple[Published, ...]:
        """What others have under this protocol."""
        return PUBLISHED.get(self.name, ())


def _last(regime: str, *, seen: bool = False) -> Callable[[int], Protocol]:
    def protocol(seed: int) -> Protocol:
        splitter = LeaveOneOut(regime="T+V" if regime == "T+V" else "T")
        return Protocol(splitter=splitter, filter_seen=not seen, seed=seed)

    return protocol


def _next_day(seed: int) -> Protocol:
    return Protocol(splitter=MarkedSplit(), k=(10, 20, 40), seed=seed)


def _new_items(seed: int) -> Protocol:
    return Protocol(splitter=MarkedSplit(), candidates="cold", k=(10, 20, 40), seed=seed)


def _cold(seed: int) -> Protocol:
    return cold_items(seed=seed)


ALL = (
    Benchmark("ml-100k/T+V", _last("T+V"), goals={"recall@10": 0.22, "ndcg@10": 0.118}),
    Benchmark("ml-1m/T", _last("T"), goals={"recall@10": 0.3368, "ndcg@10": 0.2007}),
    Benchmark("ml-1m/cold", _cold, ("recall@20",), {"recall@20": 0.40}),
    Benchmark("amazon-beauty/T", _last("T"), goals={"recall@10": 0.106, "ndcg@10": 0.065}),
    Benchmark("amazon-beauty/T+V", _last("T+V"), goals={"recall@10": 0.115, "ndcg@10": 0.072}),
    Benchmark("amazon-beauty/cold", _cold, ("recall@20",), {"recall@20": 0.19}),
    Benchmark("amazon-games/T", _last("T"), goals={"recall@10": 0.138, "ndcg@10": 0.083}),
    Benchmark("amazon-games/cold", _cold, ("recall@20",), {"recall@20": 0.30}),
    Benchmark("mind-news/next-day", _next_day, ("recall@10", "recall@20", "ndcg@20"), {"recall@20": 0.0788}),
    Benchmark("mind-news/new-items", _new_items, ("recall@20", "ndcg@40"), {"recall@20": 0.0424}),
    Benchmark(
        "foursquare-nyc/next-place",
        _last("T", seen=True),
        ("recall@5", "recall@10", "ndcg@10"),
        {"recall@5": 0.467, "recall@10": 0.596},
        blind=True,
    ),
    Benchmark("frappe/in-context", _last("T", seen=True), ("recall@5", "recall@10", "ndcg@10"), blind=True),
)
BENCHMARKS: Mapping[str, Benchmark] = {one.name: one for one in ALL}
"""Name -> benchmark."""


def chosen(name: str) -> tuple[Benchmark, ...]:
    """The benchmark of this name, or all of a set.

    >>> [one.name for one in chosen("mind-news")]
    ['mind-news/next-day', 'mind-news/new-items']
    """
    found = tuple(one for one in ALL if name in (one.name, one.data))
    if not found:
        known = [*BENCHMARKS, *dict.fromkeys(one.data for one in ALL)]
        raise ConfigError(f"no benchmark is called {name!r}: {nearest(name, known)}")
    return found
