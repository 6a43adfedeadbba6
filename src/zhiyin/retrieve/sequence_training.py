"""The training loop: epochs over windows, a check after each, the best weights kept, checkpoints on disk."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from zhiyin.retrieve.sequence_augment import Augmentation, augmented
from zhiyin.retrieve.sequence_checkpoint import read_checkpoint, write_checkpoint
from zhiyin.retrieve.sequence_loss import full_loss, sampled_loss
from zhiyin.retrieve.sequence_network import SequenceNetwork
from zhiyin.retrieve.sequence_windows import Batch, Sequences

__all__ = ["Schedule", "Training", "device"]

log = logging.getLogger(__name__)

MEMORY = 0.999
"""Decay of the average over the steps; shorter at the start, where the weights still move far."""

Tensors = tuple[Tensor, ...] | list[Tensor]
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and in which steps is learnt."""

    epochs: int
    patience: int
    """Epochs without a better check before it stops; 0 = all epochs, without checks."""
    tokens: int
    """Events in a step, about."""
    max_len: int
    learning_rate: float
    weight_decay: float
    warmup: float
    """Share of the steps in which the rate rises; afterwards it falls to half along a quarter wave."""
    negatives: int
    """Items drawn for each step; 0 = the whole catalogue."""
    silence: float
    n_check: int
    augmentation: Augmentation = field(default_factory=Augmentation)


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Training:
    """One run. What is checked and kept is an average of the weights over the last steps.

    So the rate need not fall to zero. `ndcg_` are the checks; the network holds the best average when `run`
    returns.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        sequences: Sequences,
        schedule: Schedule,
        *,
        seed: int,
        checkpoint: Path | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.network = network
        self.schedule = schedule
        self.seed = seed
        self.checkpoint = checkpoint
        self.watch = watch
        self.device = device()
        self.network.to(self.device)
        self.mean = AveragedModel(network, multi_avg_fn=_blend)
        self.held = _held(sequences, schedule, seed)
        self.all = sequences
        self.fit = sequences.held(self.held) if len(self.held) else sequences
        weights = np.maximum(self.fit.counts(), 1) ** 0.5
        self.odds = weights / weights.sum()
        self.chance = (1 - (1 - self.odds) ** schedule.negatives).astype(np.float32)
        decayed = [weight for weight in network.parameters() if weight.ndim > 1]
        others = [weight for weight in network.parameters() if weight.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98))
        self.ndcg_: list[float] = []
        self.losses_: list[float] = []

    def run(self) -> None:
        best = self._weights()
        epoch, kept = self._resumed()
        best = kept or best
        started, first = perf_counter(), epoch
        while epoch < self.schedule.epochs and not self._tired():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed * 1_000_003 + epoch)
                self.losses_.append(self._epoch(epoch))
            epoch += 1
            if self.schedule.patience:
                self.ndcg_.append(self.check())
            if not self.schedule.patience or self.ndcg_[-1] >= max(self.ndcg_):
                best = self._weights()
            if self.checkpoint:
                write_checkpoint(
                    self.checkpoint, self.network, self.mean, self.optimiser, best, self.losses_, self.ndcg_
                )
            self._tell(epoch, (perf_counter() - started) / (epoch - first))
        self.network.load_state_dict(best)
        self.network.eval()

    def _resumed(self) -> tuple[int, dict[str, Tensor] | None]:
        if self.checkpoint is None or not self.checkpoint.is_file():
            return 0, None
        best, self.losses_, self.ndcg_ = read_checkpoint(
            self.checkpoint, self.network, self.mean, self.optimiser
        )
        return len(self.losses_), best

    @property
    def best(self) -> int:
        """Epochs whose weights `run` keeps: up to the best check, or all without checks."""
        checks = self.ndcg_
        return 1 + max(range(len(checks)), key=lambda at: (checks[at], at)) if checks else len(self.losses_)

    @property
    def best_around(self) -> int:
        """The middle one of the three checks in a row that are best together: a single one may be lucky."""
        checks = self.ndcg_
        if len(checks) < 3:
            return self.best
        sums = [sum(checks[at : at + 3]) for at in range(len(checks) - 2)]
        return 2 + max(range(len(sums)), key=lambda at: (sums[at], at))

    def _tired(self) -> bool:
        return bool(self.schedule.patience and len(self.ndcg_) - self.best >= self.schedule.patience)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._mean().state_dict().items()}

    def _mean(self) -> SequenceNetwork:
        return cast("SequenceNetwork", self.mean.module)

    def _tell(self, epoch: int, seconds: float) -> None:
        left = (self.schedule.epochs - epoch) * seconds / 60
        checked = f", ndcg@10 {self.ndcg_[-1]:.4f}" if self.ndcg_ else ""
        log.info(
            "epoch %d of %d: loss %.4f%s, at most %.1f minutes left",
            epoch, self.schedule.epochs, self.losses_[-1], checked, left,
        )  # fmt: skip
        if self.watch:
            self.watch(epoch, self.schedule.epochs)

    def _epoch(self, epoch: int) -> float:
        """One pass; returns the mean loss of its steps."""
        self.network.train()
        rng = np.random.default_rng((self.seed, epoch))
        batches = list(self.fit.batches(self.schedule.max_len, self.schedule.tokens, rng))
        total = 0.0
        for step, batch in enumerate(batches):
            self._set_rate((epoch + step / len(batches)) / self.schedule.epochs)
            batch = augmented(batch, self.schedule.augmentation, len(self.fit.known), rng)
            loss = self._loss(batch, rng)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            self.mean.update_parameters(self.network)
            total += float(loss.detach())
        return total / max(1, len(batches))

    def _set_rate(self, done: float) -> None:
        warm = self.schedule.warmup
        share = done / warm if done < warm else 0.5 + 0.5 * math.cos(math.pi / 2 * (done - warm) / (1 - warm))
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * max(share, 1e-3)

    def _loss(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        schedule, asked = self.schedule, batch.asked
        if not schedule.negatives or schedule.negatives >= len(self.fit.known):
            rows = self.network.rows(silence=schedule.silence)
            states = self._states(self.network, rows, batch.items, batch)[self._tensor(asked)]
            return full_loss(states, rows, self.network.bias, self._tensor(batch.targets[asked]))
        drawn = np.unique(rng.choice(len(self.odds), schedule.negatives, p=self.odds))
        targets, seen = batch.targets[asked], np.maximum(batch.items, 0).ravel()
        codes, place = np.unique(np.concatenate([seen, targets, drawn]), return_inverse=True)
        n = len(seen)
        rows = self.network.rows(self._tensor(codes), silence=schedule.silence)
        inputs = np.where(batch.items < 0, -1, place[:n].reshape(batch.items.shape))
        states = self._states(self.network, rows, inputs, batch)[self._tensor(asked)]
        mine, theirs = self._tensor(place[n : n + len(targets)]), self._tensor(place[n + len(targets) :])
        bias = self.network.bias[self._tensor(codes)]
        chance = self._tensor(self.chance[drawn])
        spot = np.minimum(np.searchsorted(drawn, targets), len(drawn) - 1)
        spot = np.where(drawn[spot] == targets, spot, -1)
        shift = bias[theirs] - chance.log()
        return sampled_loss(states, rows[mine], bias[mine], rows[theirs], shift, self._tensor(spot))

    def _states(
        self, network: SequenceNetwork, rows: Tensor, places: NDArray[np.int64], batch: Batch
    ) -> Tensor:
        found: Tensor = network(
            rows, self._tensor(places), self._tensor(batch.gaps), self._tensor(batch.weights)
        )
        return found

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    @torch.inference_mode()
    def check(self) -> float:
        """ndcg@10 of the held events among all items that the user has not had."""
        network = self._mean().eval()
        ends = self.all.indptr[1:][self.held] - 1
        size = np.minimum(ends - self.all.indptr[:-1][self.held], self.schedule.max_len)
        order, gained, rows = np.argsort(size), 0.0, network.rows()
        for first in range(0, len(order), 64):
            part = order[first : first + 64]
            batch = self.all.batch(ends[part] - size[part], size[part])
            states = self._states(network, rows, batch.items, batch)
            last = states[torch.arange(len(part)), self._tensor(size[part] - 1)]
            scores = (last @ rows.T + network.bias).cpu().numpy()
            for row, user in enumerate(part):
                wanted = self.all.item[ends[user]]
                mine = scores[row, wanted]
                scores[row, self.all.item[self.all.indptr[self.held[user]] : ends[user]]] = -np.inf
                rank = int((scores[row] > mine).sum())
                gained += 1 / math.log2(rank + 2) if rank < 10 else 0.0
        return gained / max(1, len(order))


@torch.no_grad()
def _blend(means: Tensors, now: Tensors, n_before: Tensor | int) -> None:
    n = float(n_before)
    torch._foreach_lerp_(means, now, 1 - min(MEMORY, (1 + n) / (10 + n)))


def _held(sequences: Sequences, schedule: Schedule, seed: int) -> NDArray[np.int64]:
    """Users whose last event is held for the checks: at most a fifth of those with three events or more."""
    long = np.flatnonzero(np.diff(sequences.indptr) >= 3)
    n = min(schedule.n_check, len(long) // 5) if schedule.patience else 0
    rng = np.random.default_rng((seed, 77))
    return np.sort(rng.choice(long, n, replace=False)).astype(np.int64) if n else np.empty(0, np.int64)
