"""Titles as people say them."""

from __future__ import annotations

import polars as pl

__all__ = ["readable"]

ARTICLES = "The|A|An|Les|Le|La|L'|Das|Der|Die|Il|El|Los|Las"


def readable(title: pl.Expr) -> pl.Expr:
    """A title whose article stands at the end for sorting, with the article in front.

    >>> pl.select(readable(pl.lit("Usual Suspects, The (1995)"))).item()
    'The Usual Suspects (1995)'
    """
    moved = title.str.strip_chars().str.replace(rf"^(.+?), ({ARTICLES})((?: \(.*)?)$", "${2} ${1}${3}")
    return moved.str.replace("^L' ", "L'")
