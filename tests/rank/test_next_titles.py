"""What is learnt from is what is judged later, word for word, and tells of titles only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.rank.llm_prompts import likelihood_text, past_prefix
from zhiyin.rank.next_titles import NextTitles
from zhiyin.types import Interaction, Item

N_USERS, N_EVENTS = 20, 6
ITEMS = [Item(f"i{place}", f"Title {place} <|im_start|>") for place in range(12)]


def data(n_users: int = N_USERS) -> Dataset:
    """Everybody goes on through the titles from a start of their own; the second event is a dislike."""
    events = [
        Interaction(
            f"secret{user}@mail",
            f"i{(user + step) % 12}",
            at=float(step),
            kind="hide" if step == 1 else "like",
        )
        for user in range(n_users)
        for step in range(N_EVENTS)
    ]
    return Dataset.of(events, ITEMS)


def test_a_check_is_the_very_text_that_is_judged() -> None:
    windows = NextTitles(data(), n_titles=3)
    event = int(windows.held[0])
    titles = [ITEMS[code].title for code in windows.item[event - 3 : event + 1].tolist()]
    pieces = windows.window(event, every=False)
    text = "".join(piece for piece, _ in pieces)
    assert text == past_prefix(titles[:-1], "en") + likelihood_text(titles[-1])
    assert [piece for piece, learnt in pieces if learnt] == [likelihood_text(titles[-1])]


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_nothing_but_titles_is_told_and_disliked_ones_are_not(locale: str) -> None:
    windows = NextTitles(data(), locale=locale)
    known = {past_prefix((), locale), "-", *(likelihood_text(item.title) for item in ITEMS)}
    rng = np.random.default_rng(0)
    for _ in range(50):
        pieces = windows.draw(rng)
        assert {piece for piece, _ in pieces} <= known
        titles = [piece for piece, learnt in pieces if learnt]
        numbers = [int(title.split()[1]) for title in titles]
        steps = {(after - before) % 12 for before, after in pairwise(numbers)}
        assert steps <= {1, 2}  # never across two people
        assert 1 <= len(titles) <= N_EVENTS - 1


def test_held_events_are_the_last_of_few_people_and_never_drawn() -> None:
    windows = NextTitles(data(), n_check=32)
    assert len(windows.held) == N_USERS // 5 and not set(windows.held) & set(windows.learnt)
    last = {place for place in range(N_USERS * 5) if place % 5 == 4}
    assert set(windows.held.tolist()) <= last
    assert len(windows.checks()) == len(windows.held)
    other = NextTitles(data(), seed=1)
    assert windows.fingerprint == NextTitles(data()).fingerprint != other.fingerprint


def test_too_few_people_are_said_so() -> None:
    with pytest.raises(DataError, match="at least 5 people"):
        NextTitles(data(4))
