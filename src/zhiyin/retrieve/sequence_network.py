"""The networks that are trained: torch, and imported by `fit` alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from zhiyin.retrieve.sequence_serving import slopes
from zhiyin.retrieve.sequence_windows import N_GAPS, N_WEIGHTS

__all__ = ["Body", "GruBody", "SequenceNetwork", "TransformerBody"]


class Dropout(nn.Module):
    """Zeros at random. On a CPU by a byte for each, in a tenth of the time of torch's own draws."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.least = round(256 * share)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.least:
            return x
        keep = 1 - self.least / 256
        if x.is_cuda:
            return functional.dropout(x, 1 - keep)
        seed = int(torch.randint(2**62, ()))
        drawn = np.random.Generator(np.random.SFC64(seed)).bytes(x.numel())
        kept = torch.from_numpy(np.frombuffer(drawn, np.uint8) >= self.least).view(x.shape)
        found: Tensor = x * kept.to(x.dtype).mul_(1 / keep)
        return found


class Body(nn.Module):
    """(b, l, d) events to (b, l, d) states; a state knows nothing of later events."""


class TransformerBody(Body):
    """Pre-norm blocks of causal attention and a feed-forward part of gated units (SwiGLU; Shazeer, 2020).

    What either part adds is scaled by a gate of its own, as in LiGR (Hertel and others, 2025).
    """

    def __init__(self, *, dim: int, layers: int, heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(dim=dim, heads=heads, width=width, dropout=dropout) for _ in range(layers)
        )
        self.register_buffer("slopes", torch.tensor(slopes(heads)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)
        back = (steps[:, None] - steps).to(x.dtype)
        slope: Tensor = self.get_buffer("slopes")
        bias = (-slope[:, None, None] * back).masked_fill(back < 0, -torch.inf)[None]
        for block in self.blocks:
            x = block(x, bias)
        return x


class _Block(nn.Module):
    def __init__(self, *, dim: int, heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(dim)
        self.queries = nn.Linear(dim, 4 * dim)
        self.out = nn.Linear(dim, dim)
        self.between = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, (2 * width + 1) * dim)
        self.narrow = nn.Linear(width * dim, dim)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        b, n, d = x.shape
        asks, gate = self.queries(self.before(x)).split((3 * d, d), -1)
        split = asks.view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(split[0], split[1], split[2], attn_mask=bias)
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(b, n, d)) * gate.sigmoid())
        wide = self.narrow.in_features
        bent, straight, gate = self.widen(self.between(x)).split((wide, wide, d), -1)
        found: Tensor = x + self.drop(self.narrow(functional.silu(bent) * straight) * gate.sigmoid())
        return found


class GruBody(Body):
    """Gated recurrent layers (Cho and others, 2014)."""

    def __init__(self, *, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(dim, dim, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x)
        found: Tensor = self.drop(states) + x
        return found


class SequenceNetwork(nn.Module):
    """Item vectors, a body, and the vectors again: a state is compared with what may come next.

    An item's vector is its own plus a map of what its text says; own vectors are silenced at random, one
    item in `1 / silence` a step, so that the map learns to stand for items without behaviour.
    """

    def __init__(self, body: Body, own: Tensor, text: Tensor, bias: Tensor, *, dropout: float) -> None:
        super().__init__()
        dim = own.shape[1]
        self.own = nn.Parameter(own)
        self.bias = nn.Parameter(bias)
        self.register_buffer("text", text, persistent=False)
        self.mix = nn.Linear(text.shape[1], dim, bias=False)
        self.gap = nn.Embedding(N_GAPS, dim)
        self.weight = nn.Embedding(N_WEIGHTS, dim)
        self.body = body
        self.norm = nn.LayerNorm(dim)
        self.drop = Dropout(dropout)
        nn.init.zeros_(self.mix.weight)
        nn.init.normal_(self.gap.weight, std=0.02)
        nn.init.normal_(self.weight.weight, std=0.02)

    def rows(self, codes: Tensor | None = None, *, silence: float = 0.0) -> Tensor:
        """(n, d) vectors of all items, or of some."""
        own = self.own if codes is None else functional.embedding(codes, self.own)
        text = self.get_buffer("text")
        if silence:
            own = own * (torch.rand(len(own), 1, device=own.device) >= silence)
        vectors: Tensor = own + self.mix(text if codes is None else text[codes])
        return vectors

    def forward(self, rows: Tensor, items: Tensor, gaps: Tensor, weights: Tensor) -> Tensor:
        """(b, l, d) states; `items` are places in `rows`; -1 is a blank."""
        x = functional.embedding(items.clamp(min=0), rows) * rows.shape[1] ** 0.5
        x = x * (items >= 0)[..., None]
        states: Tensor = self.norm(self.body(self.drop(x + self.gap(gaps) + self.weight(weights))))
        return states
