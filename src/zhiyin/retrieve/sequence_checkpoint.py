"""A training run on disk, to go on from: arrays in safetensors, never pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(
    path: Path,
    network: nn.Module,
    mean: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: dict[str, Tensor],
    losses: list[float],
    ndcg: list[float],
) -> None:
    """Takes the place of an earlier one at once or not at all."""
    tensors = {f"now.{name}": value.detach() for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for place, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{place}.{name}": value for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".partial")
    told = {"losses": json.dumps(losses), "ndcg": json.dumps(ndcg)}
    save_file({name: value.cpu().contiguous().clone() for name, value in tensors.items()}, fresh, told)
    os.replace(fresh, path)


def read_checkpoint(
    path: Path, network: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], list[float], list[float]]:
    """Puts network, average and optimiser back; returns the best weights, the losses and the checks."""
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network.load_state_dict(_under("now.", tensors))
    mean.load_state_dict(_under("mean.", tensors))
    saved = optimiser.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimiser.", tensors).items():
        place, key = name.split(".", 1)
        state.setdefault(int(place), {})[key] = value
    optimiser.load_state_dict({**saved, "state": state})
    return _under("best.", tensors), json.loads(told["losses"]), json.loads(told["ndcg"])


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
