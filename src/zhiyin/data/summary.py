"""A data set in a few numbers, for people and for notebooks."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from zhiyin.types import KINDS

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset

__all__ = ["card", "summary"]


def summary(data: Dataset) -> dict[str, Any]:
    """Size, kinds, span, density and long tail, ready for JSON.

    `tail_share` is the share of interactions outside the most popular fifth of the catalogue.
    """
    counts = np.sort(data.counts())[::-1]
    head = counts[: int(np.ceil(0.2 * len(counts)))].sum()
    lengths = np.diff(data.indptr)
    kinds = np.bincount(data.kind, minlength=len(KINDS))
    cells = data.n_users * data.n_items
    clock = data.at[~np.isnan(data.at)]
    return {
        "name": data.name,
        "users": data.n_users,
        "items": data.n_items,
        "interactions": len(data),
        "kinds": {name: int(n) for name, n in zip(KINDS, kinds) if n},
        "first": moment(clock.min()) if len(clock) else None,
        "last": moment(clock.max()) if len(clock) else None,
        "density": len(data) / cells if cells else 0.0,
        "median_history": float(np.median(lengths)) if len(lengths) else 0.0,
        "items_never_used": int((counts == 0).sum()),
        "tail_share": float(1 - head / counts.sum()) if counts.sum() else 0.0,
        "item_words": list(data.items.words),
        "item_numbers": list(data.items.numbers),
        "context": list(data.context),
    }


def moment(seconds: float) -> str:
    """UTC, or the bare number where no calendar reaches."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s"


def card(data: Dataset) -> str:
    """A small HTML table; every word that came from outside is escaped."""
    facts = summary(data)
    kinds = ", ".join(f"{name} {n:,}" for name, n in facts["kinds"].items())
    span = f"{facts['first']} to {facts['last']}" if facts["first"] else "only the order is known"
    rows = {
        "users": f"{facts['users']:,}",
        "items": f"{facts['items']:,} ({facts['items_never_used']:,} never used)",
        "interactions": f"{facts['interactions']:,} ({kinds})",
        "span": span,
        "density": f"{facts['density']:.3%}",
        "median history": f"{facts['median_history']:g}",
        "long tail": f"{facts['tail_share']:.1%} of the interactions outside the top fifth of the items",
        "attributes": ", ".join((*facts["item_words"], *facts["item_numbers"])) or "none",
    }
    lines = "".join(
        f"<tr><th style='text-align:left'>{k}</th><td>{escape(v)}</td></tr>" for k, v in rows.items()
    )
    return f"<table><caption><b>{escape(data.name)}</b></caption>{lines}</table>"
