"""Cross-entropy over a whole catalogue or a sample of it, in pieces that stay in the processor's cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

__all__ = ["full_loss", "sampled_loss"]

PIECE = 256
"""Rows at a time: 256 x 3,400 scores are 3.5 MB. In one piece of 44 MB the step takes twice as long."""


def full_loss(hidden: Tensor, rows: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean -log softmax(hidden rows' + bias)[target]; (t, d), (n, d), (n,), (t,)."""
    loss: Tensor = _Full.apply(hidden, rows, bias, targets)  # type: ignore[no-untyped-call]
    return loss


def sampled_loss(
    hidden: Tensor, own: Tensor, own_bias: Tensor, rows: Tensor, shift: Tensor, spot: Tensor
) -> Tensor:
    """The same with the target's rows `own` (t, d), `own_bias` (t,) against `rows` (k, d) drawn for all.

    `shift` (k,) is bias - log(chance to be drawn), so that the sum over the draws estimates the sum over
    the catalogue (Bengio and Senecal, 2008). `spot` (t,) is the place of the target among the draws, where it
    is left out; -1 = it was not drawn.
    """
    loss: Tensor = _Sampled.apply(hidden, own, own_bias, rows, shift, spot)  # type: ignore[no-untyped-call]
    return loss


class _Full(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, rows: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        asks, gives, lifts = torch.empty_like(hidden), torch.zeros_like(rows), torch.zeros_like(bias)
        loss = hidden.new_zeros(())
        for start in range(0, len(hidden), PIECE):
            part, wanted = hidden[start : start + PIECE], targets[start : start + PIECE, None]
            scores = torch.addmm(bias, part, rows.T)
            loss -= scores.gather(1, wanted).sum()
            top = scores.amax(1, keepdim=True)
            total = scores.sub_(top).exp_().sum(1, keepdim=True)
            loss += (total.log() + top).sum()
            scores.div_(total).scatter_add_(1, wanted, -torch.ones_like(total))
            torch.mm(scores, rows, out=asks[start : start + PIECE])
            gives.addmm_(scores.T, part)
            lifts += scores.sum(0)
        ctx.save_for_backward(asks, gives, lifts)
        ctx.share = 1.0 / max(1, len(hidden))
        mean: Tensor = loss * ctx.share
        return mean

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scale = grads[0] * ctx.share
        return (*(kept * scale for kept in ctx.saved_tensors), None)


class _Sampled(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, own: Tensor, own_bias: Tensor, rows: Tensor, shift: Tensor,
        spot: Tensor,
    ) -> Tensor:  # fmt: skip
        asks, gives, lifts = torch.empty_like(hidden), torch.zeros_like(rows), torch.zeros_like(shift)
        missing, loss = torch.empty_like(own_bias), hidden.new_zeros(())
        for start in range(0, len(hidden), PIECE):
            piece = slice(start, start + PIECE)
            part = hidden[piece]
            mine = (part * own[piece]).sum(1, keepdim=True) + own_bias[piece, None]
            scores = torch.addmm(shift, part, rows.T)
            met = (spot[piece] >= 0).nonzero()[:, 0]
            scores[met, spot[piece][met]] = -torch.inf
            top = torch.maximum(scores.amax(1, keepdim=True), mine)
            exact = (mine - top).exp()
            total = scores.sub_(top).exp_().sum(1, keepdim=True) + exact
            loss += (total.log() + top - mine).sum()
            scores.div_(total)
            missing[piece] = (exact / total - 1)[:, 0]
            torch.mm(scores, rows, out=asks[piece])
            gives.addmm_(scores.T, part)
            lifts += scores.sum(0)
        asks.addcmul_(missing[:, None], own)
        ctx.save_for_backward(asks, missing[:, None] * hidden, missing, gives, lifts)
        ctx.share = 1.0 / max(1, len(hidden))
        mean: Tensor = loss * ctx.share
        return mean

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scale = grads[0] * ctx.share
        return (*(kept * scale for kept in ctx.saved_tensors), None)
