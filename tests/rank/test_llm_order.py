"""A language fake's opinion on order: asked in four ways, kept, gated, and never more than a permutation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import LlmError
from zhiyin.llm import FakeModel, Verdict
from zhiyin.llm.verdict import WayResult, keep_verdict
from zhiyin.rank.judgements import Judgements, Wish, key_of
from zhiyin.rank.llm_gate import CLOSED, Gate, fitted_gate
from zhiyin.rank.llm_judge import judged
from zhiyin.rank.llm_prompts import LETTERS, letters_prompt, listwise_prompt, past_prefix, yes_no_prompt
from zhiyin.rank.llm_reranker import LlmReranker
from zhiyin.rank.window import blended
from zhiyin.types import Candidates, History, Query

TEAS = ["green tea", "black tea", "red kettle", "blue kettle", "green cup", "black cup"]
LIKES_GREEN = FakeModel(
    choose=lambda prompt, options: [2.0 * ("- green" in line) for line in _lines(prompt.user, options)],
    complete=lambda prompt, schema: {"best": [5, 1, 99, 1]},
)


def _lines(text: str, options: list[str]) -> list[str]:
    """What each option stands for: Yes and No for the one title, a letter for its line."""
    lines = dict(line.split(". ", 1) for line in text.splitlines() if line[1:3] == ". ")
    if options[0] == "Yes":
        title = text.splitlines()[-2]
        return [title, ""]
    return [f"- {lines[option]}" for option in options]


def ranking(*codes: int) -> Candidates:
    return Candidates(np.array(codes, np.int32), score=np.linspace(1, 0, len(codes), dtype=np.float32))


def query(*codes: int) -> Query:
    n = len(codes)
    return Query(History(np.array(codes, np.int32), np.ones(n, np.float32), np.full(n, np.nan)))


def made(fake: FakeModel, **options: object) -> LlmReranker:
    settings: dict[str, object] = {"way": "letters", "window": 4, "weight": 9.0, "background": False}
    part = LlmReranker(llm=fake, **{**settings, **options})  # type: ignore[arg-type]
    part.refresh(Catalogue.of([]))
    part.titles_ = tuple(TEAS)
    return part


# -- asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["letters", "yes_no", "likelihood"])
def test_each_way_prefers_what_the_model_prefers(way: str) -> None:
    titles = ["red kettle", "blue kettle", "black cup", "green cup"]
    score = judged(LIKES_GREEN, way, ["green tea"], titles, timeout=5)  # type: ignore[arg-type]
    assert score.shape == (4,) and score.argmax() == 3


def test_a_written_order_counts_known_numbers_once_and_the_rest_last() -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"best": [3, 1, 3, 77, -1]})
    score = judged(fake, "listwise", ["x"], ["a", "b", "c"], timeout=5)
    forward = [-1.0, -2.0, -0.0]
    assert score.tolist() == [a + b for a, b in zip(forward, reversed(forward))]


def test_rotations_take_away_what_a_model_likes_a_letter_for() -> None:
    """A fake that always says A, and a little more for green: averaged over all rotations green wins."""
    fond = FakeModel(
        choose=lambda prompt, options: [
            3.0 * (place == 0) + 0.1 * ("green" in line)
            for place, line in enumerate(_lines(prompt.user, options))
        ]
    )
    once = judged(fond, "letters", ["x"], TEAS[1:5], timeout=5, rotations=1)
    all_of_them = judged(fond, "letters", ["x"], TEAS[1:5], timeout=5, rotations=4)
    assert (once.argmax(), all_of_them.argmax()) == (0, 3)


def test_fame_is_taken_off_a_likelihood() -> None:
    """The first title is likely everywhere, the second only behind this history."""
    fake = FakeModel(
        log_likelihood=lambda prefix, texts: [
            -1.0 if "hit" in text else -9.0 + 5.0 * ("tea" in prefix) for text in texts
        ]
    )
    assert judged(fake, "likelihood", ["green tea"], ["the hit", "black tea"], timeout=5).tolist() == [0, 5]


@pytest.mark.parametrize("fault", ["error", "nan", "infinite", "short", "long"])
def test_a_faulty_answer_is_an_llm_error(fault: str) -> None:
    for way in ("letters", "likelihood", "yes_no"):
        fake = FakeModel(choose=lambda prompt, options: [0.0] * len(options), always=fault)  # type: ignore[arg-type]
        with pytest.raises(LlmError):
            judged(fake, way, ["x"], ["a", "b"], timeout=5)  # type: ignore[arg-type]


def test_the_time_is_for_all_questions_together() -> None:
    now = iter(range(0, 1000, 3))
    with pytest.raises(LlmError, match="within 5 s"):
        judged(LIKES_GREEN, "letters", ["x"], TEAS[:4], timeout=5, clock=lambda: float(next(now)))


def test_prompts_put_the_shared_part_first_and_speak_both_languages() -> None:
    """Golden: another wording needs another VERSION."""
    assert letters_prompt(["a"], ["b", "c"], "en").user == (
        "Chosen by one person, oldest first:\n- a\n\n"
        "What do they choose next?\nA. b\nB. c\nAnswer with one letter."
    )
    assert yes_no_prompt(["甲"], "乙", "zh").user == (
        "同一个人先后选择的：\n- 甲\n\n接下来会选这个吗？\n- 乙\n只回答“是”或“否”。"
    )
    assert listwise_prompt(["a"], ["b"], "en").user.endswith(
        "1. b\nGive the numbers of all options, the likeliest first."
    )
    assert past_prefix(["a", "b"], "en") == "Chosen by one person, oldest first:\n- a\n- b\n-"
    assert past_prefix((), "zh") == "同一个人先后选择的：\n-"
    same = [letters_prompt(["a"], [x, "z"], "en").user.split("A.")[0] for x in ("b", "c")]
    assert same[0] == same[1]


# -- keeping ---------------------------------------------------------------------------------------


def test_a_request_never_asks_the_model() -> None:
    fake = FakeModel(choose=LIKES_GREEN.rules["choose"])
    part = made(fake)
    before = ranking(1, 2, 3, 4, 5, 0)
    assert part.rerank(query(0), before, 4) is before
    assert not fake.asked and part.judgements.n_waiting == 1
    assert part.judgements.work() == 1
    asked = len(fake.asked)
    after = part.rerank(query(0), before, 4)
    assert after.items.tolist() == [4, 1, 2, 3, 5, 0] and len(fake.asked) == asked
    assert (np.diff(after.score) <= 0).all()


def test_another_history_title_or_language_is_another_judgement() -> None:
    part = made(LIKES_GREEN)
    part.rerank(query(0), ranking(1, 2, 3, 4), 4)
    part.judgements.work()
    part.rerank(query(5), ranking(1, 2, 3, 4), 4)
    part.titles_ = ("green tea", "tea with a new name", *TEAS[2:])
    part.rerank(query(0), ranking(1, 2, 3, 4), 4)
    assert part.judgements.n_waiting == 2


def test_failures_are_forgotten_and_everything_is_bounded() -> None:
    fake = FakeModel(choose=lambda prompt, options: [0.0] * len(options), faults=["error", "nan"])
    part = made(fake, max_waiting=2, max_kept=2)
    for code in range(6):
        part.rerank(query(code), ranking(0, 1, 2, 3), 4)
    assert part.judgements.n_waiting == 2
    assert part.judgements.work(9) == 0 and part.judgements.n_failed == 2
    for code in range(6):
        part.rerank(query(code), ranking(0, 1, 2, 3), 4)
        part.judgements.work()
    assert part.judgements.n_kept == 2


def test_the_thread_works_off_what_waits_and_can_be_ended() -> None:
    done: list[Wish] = []
    kept = Judgements(lambda wish: done.append(wish) or np.zeros(1, np.float32))  # type: ignore[func-returns-value]
    wish = Wish(key_of("a"), ("a",), ("b",), "en")
    assert kept.of(wish) is None
    thread = kept._thread
    assert thread is not None
    while kept.of(wish) is None:
        thread.join(0.01)
    kept.close()
    thread.join(5)
    assert not thread.is_alive() and done == [wish] * len(done)


# -- the gate --------------------------------------------------------------------------------------


def test_the_best_way_is_that_of_the_kept_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHIYIN_MODELS", str(tmp_path))
    fake = FakeModel(choose=LIKES_GREEN.rules["choose"])
    assert made(fake, way="best").way_for("en") == "likelihood"  # nobody has tested it
    results = (WayResult("letters", "en", 8, 10, 9.0), WayResult("letters", "zh", 2, 10, 9.0))
    keep_verdict(Verdict(fake.identity, results, chance=0.2))
    part = made(fake, way="best")
    part.rerank(query(0), ranking(1, 2, 3, 4), 4)
    part.judgements.work()
    assert {one.verb for one in fake.asked} == {"choose"}
    assert part.way_for("zh") is None
    part.rerank(replace(query(0), locale="zh"), ranking(1, 2, 3, 4), 4)
    assert part.judgements.n_waiting == 0


def test_a_closed_gate_asks_nobody() -> None:
    part = made(LIKES_GREEN, groups=(0,), max_spread=2.0, min_words=2.0)
    for asked, found in (
        (query(), ranking(1, 2, 3, 4)),
        (query(*[0] * 6), ranking(1, 2, 3, 4)),
        (query(0), Candidates(ranking(1, 2).items, score=np.array([9, 1], np.float32))),
        (query(-1), ranking(1, 2, 3)),
        (query(0), ranking(1, 77)),
    ):
        assert part.rerank(asked, found, 3) is found
    assert part.judgements.n_waiting == 0
    assert not CLOSED.opens(query(0), ranking(1, 2), TEAS[1:3])


def test_the_gate_opens_only_where_gains_are_sure() -> None:
    rng = np.random.default_rng(0)
    n_history = np.repeat([2, 10, 50, 200], 200)
    gains = np.concatenate([rng.normal(mean, 0.2, 200) for mean in (0.1, 0.0, -0.1, 0.0)])
    gate = fitted_gate(n_history, np.ones(800), gains)
    assert gate.groups == (0,)
    assert fitted_gate(n_history[:20], np.ones(20), np.ones(20)) == CLOSED


def test_small_gains_of_every_group_open_the_gate_together_but_not_over_a_loss() -> None:
    """Each group by itself is within chance, all as one are not."""
    rng = np.random.default_rng(1)
    n_history, noise = np.repeat([2, 10, 50], 400), rng.normal(0, 1, (3, 400))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, keepdims=True)
    small = (0.2 * noise + 0.02).ravel()
    assert fitted_gate(n_history, np.ones(1200), small).groups == (0, 1, 2)
    loses = (0.2 * noise + np.array([[0.028], [0.028], [-0.004]])).ravel()
    assert fitted_gate(n_history, np.ones(1200), loses) == CLOSED


def test_the_gate_finds_the_spread_beyond_which_the_ranker_knows_better() -> None:
    spreads = np.linspace(0, 1, 400)
    gains = np.where(spreads < 0.5, 0.1, -0.2) + np.random.default_rng(0).normal(0, 0.05, 400)
    gate = fitted_gate(np.full(400, 3), spreads, gains)
    assert isinstance(gate, Gate) and gate.groups == (0,) and gate.max_spread <= 0.55


def test_an_opinion_that_is_noise_stays_outside_whatever_weight_is_tried() -> None:
    rng, worlds, opened = np.random.default_rng(0), 100, 0
    for _ in range(worlds):
        n_history, spreads = rng.choice([3, 12, 50, 200], 500), rng.random(500)
        noise = rng.standard_normal(500)
        tries = [0.8 * noise + 0.6 * rng.standard_normal(500) for _ in range(8)]
        moved = rng.random((8, 500)) < 0.3
        opened += any(
            fitted_gate(n_history, spreads, np.where(told, gain, 0)) != CLOSED
            for told, gain in zip(moved, tries)
        )
    assert opened <= worlds // 10


# -- the window ------------------------------------------------------------------------------------


def test_an_opinion_moves_nothing_beyond_its_window() -> None:
    before = ranking(5, 4, 3, 2, 1)
    after = blended(before, np.array([0, 1, 2], np.float32), 100)
    assert after.items.tolist() == [3, 4, 5, 2, 1]
    assert blended(before, np.array([np.nan, np.inf], np.float32), 1).items.tolist() == [5, 4, 3, 2, 1]
    assert blended(before, np.zeros(3, np.float32), 5).items.tolist() == [5, 4, 3, 2, 1]


def test_there_are_letters_for_every_place() -> None:
    assert len(LETTERS) == 20
    with pytest.raises(LlmError, match="at once"):
        judged(LIKES_GREEN, "letters", ["x"], ["y"] * 21)
