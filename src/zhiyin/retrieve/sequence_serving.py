"""The trained networks without torch: one history in, the state after its last event out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zhiyin.represent.vector_index import VectorIndex
from zhiyin.retrieve.relevance import best
from zhiyin.types import FloatArray, IntArray

__all__ = ["Arrays", "SequenceRelevance", "gru_state", "normed", "slopes", "transformer_state"]

Arrays: TypeAlias = Mapping[str, FloatArray]
"""Weights of a network under the names that torch gives them."""

EPSILON = np.float32(1e-5)


def slopes(heads: int) -> list[float]:
    """How fast each head forgets with distance: 2, 1/4, 1/32 … and the last one not at all.

    After Press, Smith and Lewis (2022): no position is learnt, so a window may start anywhere.
    """
    return [2.0 * 8.0**-head for head in range(heads - 1)] + [0.0]


def normed(x: FloatArray, arrays: Arrays, name: str) -> FloatArray:
    """Layer normalisation of the last axis."""
    moved = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(moved).mean(axis=-1, keepdims=True) + EPSILON)
    found: FloatArray = moved / spread * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]
    return found


def _linear(x: FloatArray, arrays: Arrays, name: str) -> FloatArray:
    found: FloatArray = x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]
    return found


def _sigmoid(x: FloatArray) -> FloatArray:
    """By the hyperbolic tangent, which does not overflow."""
    found: FloatArray = 0.5 * np.tanh(0.5 * x) + 0.5
    return found


def transformer_state(x: FloatArray, arrays: Arrays, *, layers: int, slopes: FloatArray) -> FloatArray:
    """(d,) of (h, d) inputs. The last block answers for the last event only, which halves the cost."""
    for layer in range(layers):
        x = _block(x, arrays, f"body.blocks.{layer}", slopes, only_last=layer == layers - 1)
    return normed(x[-1], arrays, "norm")


def _block(x: FloatArray, arrays: Arrays, name: str, slopes: FloatArray, *, only_last: bool) -> FloatArray:
    h, d = x.shape
    heads = len(slopes)
    split = _linear(normed(x, arrays, f"{name}.before"), arrays, f"{name}.queries")
    queries, keys, values = split[:, : 3 * d].reshape(h, 3, heads, d // heads).transpose(1, 2, 0, 3)
    asking = np.arange(h - 1, h) if only_last else np.arange(h)
    back = (asking[:, None] - np.arange(h)).astype(np.float32)
    scores: FloatArray = queries[:, asking] @ keys.transpose(0, 2, 1) * np.float32((d // heads) ** -0.5)
    scores -= slopes[:, None, None] * back
    if not only_last:
        scores[:, back < 0] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    seen = (scores @ values).transpose(1, 0, 2).reshape(len(asking), d)
    x = x[asking] + _linear(seen, arrays, f"{name}.out") * _sigmoid(split[asking, 3 * d :])
    wide = _linear(normed(x, arrays, f"{name}.between"), arrays, f"{name}.widen")
    bent, straight, gate = np.split(wide, (n := (wide.shape[1] - d) // 2, 2 * n), axis=1)
    made = _linear(bent * _sigmoid(bent) * straight, arrays, f"{name}.narrow")
    found: FloatArray = x + made * _sigmoid(gate)
    return found


def gru_state(x: FloatArray, arrays: Arrays, *, layers: int) -> FloatArray:
    """(d,) of (h, d) inputs, one step after the other."""
    states = x
    for layer in range(layers):
        states = _recurrent(states, arrays, f"body.gru.{{}}_l{layer}")
    return normed(states[-1] + x[-1], arrays, "norm")


def _recurrent(x: FloatArray, arrays: Arrays, name: str) -> FloatArray:
    d = x.shape[1]
    given = x @ arrays[name.format("weight_ih")].T + arrays[name.format("bias_ih")]
    kept, kept_bias = arrays[name.format("weight_hh")], arrays[name.format("bias_hh")]
    state, states = np.zeros(d, np.float32), np.empty_like(x)
    for step, told in enumerate(given):
        own = kept @ state + kept_bias
        gates = _sigmoid(told[: 2 * d] + own[: 2 * d])
        fresh = np.tanh(told[2 * d :] + gates[:d] * own[2 * d :])
        state = fresh + gates[d:] * (state - fresh)
        states[step] = state
    return states


@dataclass(frozen=True, slots=True)
class SequenceRelevance:
    """Logarithm of how much likelier an item is next than an item of middling popularity."""

    index: VectorIndex
    """Rows are an item's vector and its bias."""
    vector: FloatArray
    """(d + 1,) the state, and 1."""
    speaks: NDArray[np.bool_]
    """(n_items,) False where neither behaviour nor text says anything of an item."""
    n_read: int

    def top(self, n: int, exclude: IntArray, allowed: NDArray[np.bool_] | None = None) -> IntArray:
        codes, scores = self.index.search(self.vector, max(self.n_read, 4 * n), allowed)
        heard = self.speaks[codes]
        return best(codes[heard], scores[heard], n, exclude, allowed, len(self.index))

    def of(self, items: IntArray) -> FloatArray:
        inside = (items >= 0) & (items < len(self.index))
        found: FloatArray = self.index.take(items) @ self.vector
        found[~inside | ~self.speaks[np.where(inside, items, 0)]] = np.nan
        return found

    def evidence(self, items: IntArray) -> FloatArray | None:
        return None
