"""The network of the neural ranker and its training: torch, and imported by `fit_rows` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from zhiyin.types import FloatArray

__all__ = ["CrossNetwork", "Lists", "Schedule", "lambda_loss", "softmax_loss", "trained"]

WARM = 20
"""Steps in which the rate rises."""
DEEP = 20
"""Places that `lambda_loss` looks at."""
OUT = -1e9
"""Score of what only fills up a table."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Questions as tables of one width."""

    x: Tensor
    """(r, n_inputs) rows of all questions."""
    row: Tensor
    """(g, w) row of each candidate."""
    there: Tensor
    """(g, w) False where a place is only filled up."""
    chosen: Tensor
    """(g, w) 1 = was chosen."""

    @classmethod
    def of(cls, x: FloatArray, label: NDArray[np.int8], group: NDArray[np.int64]) -> Lists:
        place = np.arange(int(group.max()))
        there = place < group[:, None]
        row = np.where(there, (np.cumsum(group) - group)[:, None] + place, 0)
        chosen = np.where(there, label[row], 0).astype(np.float32)
        return cls(*map(torch.from_numpy, (x, row, there, chosen)))

    def scores(self, network: CrossNetwork, questions: Tensor) -> Tensor:
        """(q, w)"""
        found: Tensor = network(self.x[self.row[questions]])
        return found.masked_fill(~self.there[questions], OUT)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and in which steps is learnt."""

    loss: str
    epochs: int
    patience: int
    batch: int
    """Questions a step."""
    learning_rate: float
    weight_decay: float


class CrossNetwork(nn.Module):
    """Cross layers of low rank beside a small perceptron, added up (parallel DCN-V2, 2021)."""

    def __init__(self, n: int, *, layers: int, rank: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        sizes = (n, *widths)
        self.down = nn.ModuleList(nn.Linear(n, rank, bias=False) for _ in range(layers))
        self.up = nn.ModuleList(nn.Linear(rank, n) for _ in range(layers))
        self.deep = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, widths, strict=False))
        self.last = nn.Linear(n + (widths[-1] if widths else 0), 1)
        self.dropout = dropout
        nn.init.zeros_(self.last.weight)
        for name, weight in self.up.named_parameters():
            nn.init.normal_(weight, std=0.05 if name.endswith("weight") else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(…, n) to (…,)"""
        crossed, deep = x, x
        for down, up in zip(self.down, self.up, strict=True):
            crossed = x * up(down(crossed)) + crossed
        for layer in self.deep:
            deep = functional.dropout(torch.relu(layer(deep)), self.dropout, self.training)
        both = torch.cat([crossed, deep], -1) if len(self.deep) else crossed
        found: Tensor = self.last(both)[..., 0]
        return found


def softmax_loss(scores: Tensor, chosen: Tensor) -> Tensor:
    """Cross entropy of what was chosen among all candidates of a question (ListNet; Cao and others, 2007)."""
    share = chosen / chosen.sum(1, keepdim=True)
    return -(functional.log_softmax(scores, 1) * share).sum(1).mean()


def lambda_loss(scores: Tensor, chosen: Tensor) -> Tensor:
    """Logistic loss of each pair, weighted by what its exchange does to the NDCG (Burges, MSR-TR-2010-82)."""
    with torch.no_grad():
        place = scores.argsort(1, descending=True).argsort(1)
        gain = 1 / torch.log2(place + 2.0)
        pairs = chosen[:, :, None] * (1 - chosen[:, None]) * (scores[:, None] > OUT)
        near = (place[:, :, None] < DEEP) | (place[:, None] < DEEP)
        pairs = pairs * near * (gain[:, :, None] - gain[:, None]).abs()
    return (functional.softplus(scores[:, None] - scores[:, :, None]) * pairs).sum((1, 2)).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"softmax": softmax_loss, "lambda": lambda_loss}


def trained(
    network: CrossNetwork, fit: Lists, check: Lists, schedule: Schedule, *, seed: int
) -> dict[str, FloatArray]:
    """The weights after the epoch at which the questions of `check` were answered best.

    Their `softmax_loss` decides, whatever is learnt from: the NDCG of so few questions is mostly chance.
    """
    split = [[w for w in network.parameters() if (w.ndim > 1) == decays] for decays in (True, False)]
    groups = [{"params": part, "weight_decay": d} for part, d in zip(split, (schedule.weight_decay, 0.0))]
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate)
    warm = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / WARM))
    rng, best, since = np.random.default_rng((seed, 78)), np.inf, 0
    kept = _weights(network)
    for _ in range(schedule.epochs):
        network.train()
        order = torch.from_numpy(rng.permutation(len(fit.row)))
        for questions in torch.split(order, schedule.batch):
            loss = LOSSES[schedule.loss](fit.scores(network, questions), fit.chosen[questions])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            warm.step()
        network.eval()
        with torch.inference_mode():
            everything = torch.arange(len(check.row))
            now = float(softmax_loss(check.scores(network, everything), check.chosen))
        if now < best:
            best, kept, since = now, _weights(network), 0
        else:
            since += 1
        if since >= schedule.patience:
            break
    return kept


def _weights(network: CrossNetwork) -> dict[str, FloatArray]:
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}
