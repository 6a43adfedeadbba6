"""Teaches a language model a small adapter (LoRA) on texts of which some parts are learnt (extra `train`)."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from zhiyin.errors import ArtefactError, ConfigError, MissingExtraError
from zhiyin.llm.special import without_marks

__all__ = ["AdapterTraining", "Check", "Lesson", "Piece", "Progress", "Schedule", "lesson_of", "with_adapter"]

Piece = tuple[str, bool]
"""A part of a text, and whether it is learnt."""
PARTS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
KINDS = ("llama", "qwen2")
"""Model types of transformers whose adapters are known to run under llama.cpp."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Tokens, and the places (from 1 on) of those that are to be guessed from what stands before them."""

    tokens: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rate is constant behind `warmup` steps, so that a run can be made longer afterwards."""

    steps: int = 200
    batch: int = 4
    """Lessons in a step."""
    learning_rate: float = 1e-3
    warmup: int = 5
    check_every: int = 20
    patience: int = 3
    """Checks without a better one before it stops; 0 = all steps."""


@dataclass(frozen=True, slots=True)
class Check:
    """Held lessons after so many steps: mean of minus the log of a lesson's, and of a token's probability."""

    step: int
    lesson: float
    token: float


@dataclass(frozen=True, slots=True)
class Progress:
    step: int
    of: int
    loss: float
    """Of the last step, a token."""
    seconds_left: float
    check: Check | None


def lesson_of(tokenizer: Any, pieces: Sequence[Piece], n_ctx: int = 1024) -> Lesson:
    """The text is tokenised as one, as it is when it is judged; of a long one the end is kept."""
    text, spans = "", []
    for piece, learnt in pieces:
        begin = len(text)
        text += without_marks(piece)
        if learnt:
            spans.append((begin, len(text)))
    coded = tokenizer(text, return_offsets_mapping=True)
    tokens, offsets = coded["input_ids"][-n_ctx:], coded["offset_mapping"][-n_ctx:]
    places = (
        place
        for place, (begin, end) in enumerate(offsets)
        if place and end > begin and any(first <= begin < last for first, last in spans)
    )
    return Lesson(tuple(tokens), tuple(places))


def with_adapter(weights: Any, rank: int, seed: int) -> Any:
    """The network with a fresh adapter of this rank at all its linear parts; nothing else of it learns."""
    try:
        import torch
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("peft", extra="train") from error
    kind = weights.config.model_type
    if kind not in KINDS:
        raise ConfigError(
            f"adapters are written for {' and '.join(KINDS)}, and this model is of kind {kind!r}"
        )
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(PARTS), task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers
        torch.manual_seed(seed)
        network: Any = get_peft_model(weights, config)
    return network.eval()  # no dropout: a run that goes on is the run that never stopped


class AdapterTraining:
    """One run over lessons that `draw` makes. Step n depends on the seed and on n alone.

    `about` names model and data: a checkpoint of others is refused.
    """

    def __init__(
        self,
        network: Any,
        draw: Callable[[np.random.Generator], Lesson],
        held: Sequence[Lesson],
        schedule: Schedule,
        *,
        seed: int = 0,
        about: str = "",
        checkpoint: Path | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> None:
        import torch

        self.network = network
        self.draw = draw
        self.held = held
        self.schedule = schedule
        self.seed = seed
        self.about = about
        self.checkpoint = checkpoint
        self.watch = watch
        self.learnt = {name: one for name, one in network.named_parameters() if one.requires_grad}
        self.optimiser = torch.optim.AdamW(
            self.learnt.values(), lr=schedule.learning_rate, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.losses_: list[float] = []
        self.checks_: list[Check] = []
        self._best: dict[str, Any] = {}

    def run(self, *, resume: bool = False) -> Check:
        """Learns; the network then holds the weights of the best check, which is returned."""
        if resume:
            self._read()
        if not self.checks_:
            self._look()
        started, first, steps = perf_counter(), len(self.losses_), self.schedule.steps
        while len(self.losses_) < steps and not self._tired():
            self.losses_.append(self._step(len(self.losses_)))
            step = len(self.losses_)
            checked = step % self.schedule.check_every == 0 or step == steps
            if checked:
                self._look()
                self._write()
            left = (steps - step) * (perf_counter() - started) / (step - first)
            self._tell(left, self.checks_[-1] if checked else None)
        self._put(self._best)
        return self.best_

    @property
    def best_(self) -> Check:
        return min(self.checks_, key=lambda check: check.lesson)

    def check(self) -> Check:
        """What the held lessons cost now."""
        import torch

        total, n = 0.0, 0
        with torch.inference_mode():
            for begin in range(0, len(self.held), self.schedule.batch):
                loss, tokens = self._loss(self.held[begin : begin + self.schedule.batch])
                total, n = total + float(loss), n + tokens
        return Check(len(self.losses_), total / max(1, len(self.held)), total / max(1, n))

    def _look(self) -> None:
        self.checks_.append(self.check())
        if self.checks_[-1] == self.best_:
            self._best = self._weights()

    def _tired(self) -> bool:
        since = len(self.checks_) - 1 - self.checks_.index(self.best_)
        return bool(self.schedule.patience) and since >= self.schedule.patience

    def _tell(self, left: float, check: Check | None) -> None:
        if self.watch:
            self.watch(Progress(len(self.losses_), self.schedule.steps, self.losses_[-1], left, check))

    def _step(self, step: int) -> float:
        import torch

        rng = np.random.default_rng((self.seed, step))
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * min(1.0, (step + 1) / max(1, self.schedule.warmup))
        loss, n = self._loss([self.draw(rng) for _ in range(self.schedule.batch)])
        self.optimiser.zero_grad(set_to_none=True)
        (loss / n).backward()
        torch.nn.utils.clip_grad_norm_(self.learnt.values(), 1.0)
        self.optimiser.step()
        return float(loss.detach()) / n

    def _loss(self, lessons: Sequence[Lesson]) -> tuple[Any, int]:
        """Sum over the learnt tokens, and how many they are; scores are made for no others."""
        import torch

        device = next(self.network.parameters()).device
        longest = max(len(lesson.tokens) for lesson in lessons)
        tokens = torch.zeros(len(lessons), longest, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, lesson in enumerate(lessons):
            tokens[row, : len(lesson.tokens)] = torch.tensor(lesson.tokens)
            mask[row, : len(lesson.tokens)] = 1
        rows = torch.tensor([row for row, lesson in enumerate(lessons) for _ in lesson.places])
        places = torch.tensor([place for lesson in lessons for place in lesson.places])
        base = self.network.get_base_model()
        seen = base.base_model(input_ids=tokens.to(device), attention_mask=mask.to(device), use_cache=False)
        scores = base.get_output_embeddings()(seen.last_hidden_state[rows, places - 1]).float()
        wanted = tokens[rows, places].to(device)
        return torch.nn.functional.cross_entropy(scores, wanted, reduction="sum"), len(places)

    def _weights(self) -> dict[str, Any]:
        return {name: one.detach().cpu().clone() for name, one in self.learnt.items()}

    def _put(self, weights: dict[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, one in self.learnt.items():
                one.copy_(weights[name])

    def _told(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {
            "model or data": self.about, "seed": self.seed,
            "batch": self.schedule.batch, "learning_rate": self.schedule.learning_rate,
            "held": len(self.held), "shapes": {name: list(one.shape) for name, one in self.learnt.items()},
        }  # fmt: skip

    def _write(self) -> None:
        """Takes the place of an earlier one at once or not at all."""
        from safetensors.torch import save_file

        if self.checkpoint is None:
            return
        tensors = {f"now.{name}": value for name, value in self._weights().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        for place, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{place}.{name}": value.cpu().clone() for name, value in state.items()}
        checks = [[check.step, check.lesson, check.token] for check in self.checks_]
        told = {
            "run": json.dumps(self._told()),
            "losses": json.dumps(self.losses_),
            "checks": json.dumps(checks),
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.checkpoint.with_suffix(".partial")
        save_file(tensors, fresh, told)
        os.replace(fresh, self.checkpoint)

    def _read(self) -> None:
        from safetensors import SafetensorError, safe_open

        if self.checkpoint is None or not self.checkpoint.is_file():
            raise ConfigError(f"there is no run to go on with: {self.checkpoint}")
        try:
            with safe_open(self.checkpoint, framework="pt") as file:
                told = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise ArtefactError(f"{self.checkpoint} cannot be read: {error}") from error
        before = json.loads(told["run"])
        other = [name for name, value in self._told().items() if before.get(name) != value]
        if other:
            raise ConfigError(f"{self.checkpoint} is of a run with other {', '.join(other)}")
        self._put(_under("now.", tensors))
        self._best = _under("best.", tensors)
        self.losses_ = json.loads(told["losses"])
        self.checks_ = [Check(int(step), lesson, token) for step, lesson, token in json.loads(told["checks"])]
        state: dict[int, dict[str, Any]] = {}
        for name, value in _under("optimiser.", tensors).items():
            place, key = name.split(".", 1)
            state.setdefault(int(place), {})[key] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})


def _under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
