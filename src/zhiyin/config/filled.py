"""A configuration that says only a part of it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import TYPE_CHECKING

import tomli_w

from zhiyin.config.write import to_toml

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["filled"]


def filled(text: str, base: Callable[[], Recommender]) -> str:
    """The text; one without retrievers (`[serve]` or `[llm]` alone) gets all that it leaves out from `base`.

    A text that is no TOML comes back as it is: who reads it says what is wrong.
    """
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    if "retrievers" in table:
        return text
    return tomli_w.dumps({**tomllib.loads(to_toml(base())), **table})
