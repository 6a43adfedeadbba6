"""How often: token buckets for keys and addresses, refused with the time to wait."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from zhiyin.serve.problems import Problem

__all__ = ["Rate", "TokenBuckets"]


class Rate(NamedTuple):
    """What a bucket said: what is left in it, and how long to wait (0 = taken)."""

    remaining: float
    wait_s: float


class TokenBuckets:
    """One bucket for each name, `per_s` tokens a second up to `burst`; per_s = 0 lets everything pass.

    At most `n_buckets` are kept. The one asked longest ago goes first: it has had time to fill, so nothing is
    lost unless more names than that are active at once; then a name starts anew with a full bucket.
    """

    def __init__(
        self, *, per_s: float, burst: float, now: Callable[[], float], n_buckets: int = 10_000
    ) -> None:
        self.per_s, self.burst, self.now, self.n_buckets = per_s, burst, now, n_buckets
        self._policy = f'"default";q={int(burst)};w={max(1, round(burst / per_s))}' if per_s > 0 else ""
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def ask(self, name: str, cost: float = 1.0) -> Rate | None:
        """Takes `cost` tokens if they are there; None when there is no limit.

        A cost above `burst` is judged as `burst`: it passes from a full bucket instead of never.
        """
        if self.per_s <= 0:
            return None
        at, cost = self.now(), min(cost, self.burst)
        tokens, last = self._buckets.get(name, (self.burst, at))
        tokens = min(self.burst, tokens + max(0.0, at - last) * self.per_s)
        wait = max(0.0, (cost - tokens) / self.per_s)
        if wait == 0.0:
            tokens -= cost
        self._buckets[name] = (tokens, at)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self.n_buckets:
            self._buckets.popitem(last=False)
        return Rate(tokens, wait)

    def take(self, name: str, cost: float = 1.0) -> dict[str, str]:
        """The headers for the answer; a problem 429 when there is too little in the bucket."""
        rate = self.ask(name, cost)
        if rate is None:
            return {}
        if rate.wait_s > 0:
            raise Problem("rate_limited", retry_after_s=rate.wait_s, headers=self._headers(rate))
        return self._headers(rate)

    def _headers(self, rate: Rate) -> dict[str, str]:
        """Quota and window, what is left and when more comes: draft-ietf-httpapi-ratelimit-headers."""
        left = f'"default";r={int(rate.remaining)};t={math.ceil(rate.wait_s)}'
        return {"ratelimit-policy": self._policy, "ratelimit": left}
