"""Histories as texts to learn from: titles one after another, and nothing of whose they are."""

from __future__ import annotations

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.llm.adapter_training import Piece
from zhiyin.rank.judgements import key_of
from zhiyin.rank.llm_prompts import likelihood_text, past_prefix

__all__ = ["NextTitles"]


class NextTitles:
    """Windows of what each person liked, in the very words in which candidates are judged later.

    A window is up to `n_titles` titles and the next one. In those that are drawn to learn from each title is
    learnt as what comes next, the first behind nothing. The last event of up to `n_check` people, at most a
    fifth of those with three or more, is never drawn: it is what the checks are made of.
    """

    def __init__(
        self, data: Dataset, *, n_titles: int = 8, n_check: int = 32, locale: str = "en", seed: int = 0
    ) -> None:
        self.titles = data.items.titles
        self.n_titles = n_titles
        self.locale = locale
        liked = np.flatnonzero(data.weight > 0)
        self.item = data.item[liked]
        owner = data.user[liked]
        starts = np.searchsorted(owner, np.arange(len(data.users) + 1))
        self.begin = starts[:-1][owner]
        """(e,) where the history of each event's user begins."""
        long = np.flatnonzero(np.diff(starts) >= 3)
        rng = np.random.default_rng((seed, 77))
        chosen = rng.choice(long, min(n_check, len(long) // 5), replace=False)
        self.held = np.sort(starts[1:][chosen] - 1)
        self.learnt = np.setdiff1d(np.arange(len(self.item)), self.held)
        if not len(self.held) or not len(self.learnt):
            raise DataError(
                "at least 5 people who liked 3 items or more",
                value=len(long),
                hint="import more events first",
            )

    @property
    def fingerprint(self) -> str:
        """Of what can be drawn; nobody reads a title or a name out of it."""
        told = key_of(*self.titles, self.item.tobytes().hex(), self.held.tobytes().hex(), str(self.n_titles))
        return told.hex()

    def draw(self, rng: np.random.Generator) -> list[Piece]:
        """One window; every event but the held ones is as likely to be its end."""
        return self.window(int(rng.choice(self.learnt)), every=True)

    def checks(self) -> list[list[Piece]]:
        """The held events, of which only the last title counts."""
        return [self.window(int(event), every=False) for event in self.held]

    def window(self, event: int, *, every: bool) -> list[Piece]:
        first = max(int(self.begin[event]), event - self.n_titles)
        texts = [likelihood_text(self.titles[code]) for code in self.item[first : event + 1].tolist()]
        pieces: list[Piece] = [(past_prefix((), self.locale), False)]
        for place, text in enumerate(texts):
            if place:
                pieces.append(("-", False))
            pieces.append((text, every or place == len(texts) - 1))
        return pieces
