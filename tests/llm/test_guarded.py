"""The guard: in time, within budget, once for the same question, and never the model's error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from zhiyin.contracts import LanguageModel, LikelihoodModel, RelevanceModel, WritingModel
from zhiyin.errors import ConfigError, LlmError
from zhiyin.llm import FakeModel, GuardedLanguageModel
from zhiyin.llm.usage import said_usage
from zhiyin.types import Prompt

ASK = Prompt(task="tags", version="1", system="s", user="u", max_tokens=10)


class Tags(msgspec.Struct):
    tags: list[str]


class Clock:
    """Time that only moves when somebody sleeps, or the test says so."""

    def __init__(self) -> None:
        self.at = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


Make = Callable[..., GuardedLanguageModel]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(tmp_path: Path, clock: Clock) -> Iterator[Make]:
    made: list[GuardedLanguageModel] = []

    def make(fake: Any = None, **options: Any) -> GuardedLanguageModel:
        times = {"clock": clock, "now": clock, "sleep": clock.sleep}
        fake = fake or FakeModel(complete=lambda prompt, schema: {"tags": [prompt.user]})
        made.append(
            GuardedLanguageModel(
                **{"language_model": fake, "path": tmp_path / "llm.sqlite", **times, **options}
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(one: GuardedLanguageModel, user: str = "u", timeout: float = 5.0, **changes: Any) -> Tags:
    prompt = Prompt(
        **{"task": "tags", "version": "1", "system": "s", "max_tokens": 10, **changes, "user": user}
    )
    return one.complete(prompt, schema=Tags, timeout=timeout)


def test_it_is_all_four_kinds_and_names_the_model(guard: Make) -> None:
    one = guard(FakeModel(identity="m/1"))
    for contract in (LanguageModel, WritingModel, LikelihoodModel, RelevanceModel):
        assert isinstance(one, contract)
    assert one.identity == "m/1"


# -- kept answers ------------------------------------------------------------------------------------


def test_the_same_question_is_asked_once_even_by_another_process(guard: Make) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"tags": [prompt.user]})
    assert ask(guard(fake)) == ask(guard(fake)) == Tags(["u"])
    assert fake.n_asked() == 1


@pytest.mark.parametrize(
    "change",
    [{"version": "2"}, {"locale": "zh"}, {"system": "t"}, {"max_tokens": 11}, {"task": "order"}],
)
def test_whatever_can_change_the_answer_makes_another_question(guard: Make, change: dict[str, Any]) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"tags": []})
    one = guard(fake)
    ask(one)
    ask(one, **change)
    assert fake.n_asked() == 2


def test_another_schema_or_model_is_another_question(guard: Make) -> None:
    class Fewer(msgspec.Struct):
        tags: tuple[str, ...] = ()

    first, second = (FakeModel(complete=lambda *_: {"tags": []}, identity=name) for name in "ab")
    one = guard(first)
    ask(one)
    assert one.complete(ASK, schema=Fewer, timeout=5) == Fewer()
    ask(guard(second))
    assert (first.n_asked(), second.n_asked()) == (2, 1)


def test_kept_answers_grow_old(guard: Make, clock: Clock) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []})
    one = guard(fake, keep_days=2.0)
    ask(one)
    clock.at += 86400
    ask(one)
    clock.at += 86400 + 1
    ask(one)
    assert fake.n_asked() == 2


def test_words_about_people_stay_off_the_disk(guard: Make, tmp_path: Path) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": ["likes-secret-things"]})
    one = guard(fake)
    ask(one, task="profile"), ask(one, task="profile")
    assert fake.n_asked() == 1
    one.close()
    ask(guard(fake), task="profile")
    assert fake.n_asked() == 2
    assert all(b"secret" not in file.read_bytes() for file in tmp_path.iterdir())


def test_each_text_is_kept_for_itself(guard: Make) -> None:
    fake = FakeModel()
    one = guard(fake)
    first = one.log_likelihood("a b", ["a", "c", "a"], timeout=5)
    second = guard(fake).log_likelihood("a b", ["c", "d", "a"], timeout=5)
    assert [call.texts for call in fake.asked] == [("a", "c"), ("d",)]
    np.testing.assert_array_equal(second[[0, 2]], first[[1, 0]])
    assert one.log_likelihood("a b", [], timeout=5).shape == (0,)


def test_a_disk_that_fails_costs_no_answer(
    guard: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    one = guard(path=tmp_path / "file" / "llm.sqlite")
    assert ask(one) == Tags(["u"]) and one.usage() == []
    assert len([record for record in caplog.records if "not kept" in record.message]) == 1


# -- faults, tries, breaker --------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["error", "crash", "type", "slow"])
def test_every_fault_is_an_llm_error(guard: Make, fault: str) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []}, always=fault)  # type: ignore[arg-type]
    with pytest.raises(LlmError):
        ask(guard(fake), timeout=0.05)


@pytest.mark.parametrize("fault", ["nan", "infinite", "short", "long"])
def test_numbers_that_are_none_are_refused_and_not_kept(guard: Make, fault: str) -> None:
    fake = FakeModel(choose=lambda *_: [0.0, 1.0], relevance=lambda *_: [0.0, 1.0], faults=[fault] * 3)  # type: ignore[list-item]
    one = guard(fake)
    for question in (
        lambda: one.log_likelihood("a", ["b", "c"], timeout=5),
        lambda: one.choose(ASK, ["b", "c"], timeout=5),
        lambda: one.relevance("a", ["b", "c"], timeout=5),
    ):
        with pytest.raises(LlmError) as caught:
            question()
        assert caught.value.why == "form"
    assert np.isfinite(one.log_likelihood("a", ["b", "c"], timeout=5)).all()


def test_a_missing_file_or_verb_is_an_llm_error_too(guard: Make) -> None:
    class Bare:
        sends_out = False

        @property
        def identity(self) -> str:
            raise ConfigError("the model is not on this machine")

        def complete(self, prompt: Prompt, *, schema: Any, timeout: float) -> Any: ...

    one = guard(Bare())
    for question in (lambda: ask(one), lambda: one.choose(ASK, ["a", "b"], timeout=1)):
        with pytest.raises(LlmError, match="not on this machine"):
            question()


def test_what_may_pass_is_tried_again_while_there_is_time(guard: Make, clock: Clock) -> None:
    left = [LlmError("busy", passing=True, wait_s=2.0), LlmError("busy", passing=True)]

    def answer(prompt: Prompt, schema: Any) -> Any:
        if left:
            raise left.pop(0)
        return {"tags": []}

    assert ask(guard(FakeModel(complete=answer))) == Tags([])
    assert clock.slept == [2.0, 0.2]
    left[:] = [LlmError("busy", passing=True, wait_s=9.0)]
    with pytest.raises(LlmError, match="busy"):
        ask(guard(FakeModel(complete=answer)), "other", timeout=5.0)
    assert clock.slept == [2.0, 0.2]


def test_what_will_not_pass_is_asked_once(guard: Make) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []}, always="error")
    with pytest.raises(LlmError):
        ask(guard(fake))
    assert fake.n_asked() == 1


def test_the_breaker_opens_probes_and_closes(guard: Make, clock: Clock) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []}, faults=["error"] * 4)
    one = guard(fake, open_after=3, rest_s=5.0)
    for n in range(5):
        with pytest.raises(LlmError) as caught:
            ask(one, str(n))
    assert caught.value.why == "open" and fake.n_asked() == 3 and one.breaker.state == "open"
    clock.at += 5.0
    assert one.breaker.state == "half-open"
    with pytest.raises(LlmError, match="told to"):
        ask(one)  # the probe fails: open for twice as long
    clock.at += 5.0
    with pytest.raises(LlmError, match="left alone"):
        ask(one)
    clock.at += 5.0
    assert ask(one) == Tags([]) and one.breaker.state == "closed" and one.breaker.opened == 2


def test_a_kept_answer_needs_no_model(guard: Make) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": ["x"]}, faults=["", "error"])
    one = guard(fake, open_after=1)
    ask(one)
    with pytest.raises(LlmError):
        ask(one, "other")
    assert one.breaker.state == "open" and ask(one) == Tags(["x"])


# -- time and turns (real clocks) ---------------------------------------------------------------------


def test_a_model_that_hangs_frees_its_caller_and_keeps_its_place(guard: Make) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []}, faults=["hang", "hang"])
    one = guard(fake, clock=time.monotonic, now=time.time, sleep=time.sleep, max_at_once=2, tries=1)
    for n in range(2):
        start = time.monotonic()
        with pytest.raises(LlmError) as caught:
            ask(one, str(n), timeout=0.1)
        assert caught.value.why == "late" and time.monotonic() - start < 2.0
    with pytest.raises(LlmError) as caught:
        ask(one, "third", timeout=0.05)
    assert caught.value.why == "busy"
    fake.release()
    assert ask(one, "fourth", timeout=10.0) == Tags([])


def test_too_many_that_wait_are_refused_at_once(guard: Make) -> None:
    fake = FakeModel(complete=lambda *_: {"tags": []}, faults=["hang"])
    real = {"clock": time.monotonic, "now": time.time, "sleep": time.sleep}
    one = guard(fake, max_at_once=1, max_waiting=0, **real)

    def first() -> None:
        with pytest.raises(LlmError):
            ask(one, "first", timeout=10.0)

    thread = threading.Thread(target=first)
    thread.start()
    while not fake.asked:
        thread.join(0.001)
    with pytest.raises(LlmError, match="wait already"):
        ask(one, "second", timeout=10.0)
    fake.release()
    thread.join(10)


def test_many_questions_side_by_side(guard: Make) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def answer(prompt: Prompt, schema: Any) -> Any:
        meeting.wait()
        if prompt.user == "1":
            raise LlmError("no")
        return {"tags": [prompt.user]}

    prompts = [Prompt("tags", "1", "s", str(n)) for n in range(3)]
    found = guard(FakeModel(complete=answer), max_at_once=3).complete_many(prompts, schema=Tags, timeout=60)
    assert found[0] == Tags(["0"]) and isinstance(found[1], LlmError) and found[2] == Tags(["2"])


def test_writing_is_given_on_bit_by_bit_and_in_time(guard: Make) -> None:
    real = {"clock": time.monotonic, "now": time.time, "sleep": time.sleep}
    fake = FakeModel(write=lambda prompt: ["a", "b"], faults=["", "cut", "hang"])
    one = guard(fake, **real)
    assert list(one.write(ASK, timeout=10)) == ["a", "b"]
    pieces = one.write(ASK, timeout=10)
    assert next(pieces) == "a"
    with pytest.raises(LlmError, match="middle"):
        next(pieces)
    with pytest.raises(LlmError) as caught:
        list(one.write(ASK, timeout=0.05))
    assert caught.value.why == "late"
    fake.release()


def test_a_reader_that_leaves_is_no_fault_of_the_model(guard: Make) -> None:
    one = guard(FakeModel(write=lambda prompt: ["a"] * 1000), open_after=1)
    pieces = one.write(ASK, timeout=1000)
    next(pieces)
    pieces.close()
    assert one.breaker.state == "closed" and one.usage()[0].task == "tags"


# -- money and books ---------------------------------------------------------------------------------


def costly(prompt: Prompt, schema: Any) -> Any:
    said_usage(900, 100)
    return {"tags": []}


def test_the_day_has_a_limit_over_all_processes(guard: Make, clock: Clock) -> None:
    make = lambda: guard(FakeModel(complete=costly), money_per_day=2.5, price_in=1000.0, price_out=1000.0)  # noqa: E731
    first, second = make(), make()
    ask(first, "1"), ask(second, "2")
    ask(first, "3")  # 2 of 2.5 are spent, and it is guessed to cost little
    with pytest.raises(LlmError, match="money_per_day") as caught:
        ask(second, "4")
    assert caught.value.why == "budget" and second.breaker.state == "closed"
    clock.at += 86400
    ask(second, "4")


def test_what_runs_counts_before_it_is_paid(guard: Make) -> None:
    one = guard(FakeModel(complete=costly), tokens_per_day=11)
    with pytest.raises(LlmError, match="tokens_per_day"):
        ask(one, "u" * 40)
    assert one.usage()[0].failed == 1 and one.usage()[0].tokens_in == 0


def test_one_request_has_a_limit(guard: Make) -> None:
    one = guard(FakeModel(complete=costly), tokens_per_request=1500)
    with one.request():
        ask(one, "1")
        ask(one, "2")
        with pytest.raises(LlmError, match="tokens_per_request"):
            ask(one, "3")
    with one.request():
        ask(one, "3")


def test_questions_side_by_side_share_the_limit_of_their_request(guard: Make) -> None:
    def slow(prompt: Prompt, schema: object) -> Any:
        time.sleep(0.05)
        return {"tags": []}

    one = guard(FakeModel(complete=slow), tokens_per_request=1500)
    prompts = [Prompt(task="tags", version="1", system="s", user=u, max_tokens=1000) for u in "1234"]
    with one.request():
        found = one.complete_many(prompts, schema=Tags, timeout=5.0)
    assert [answer.why for answer in found if isinstance(answer, LlmError)] == ["budget"] * 3
    with one.request():
        assert ask(one, "5", max_tokens=1000) == Tags([])


def test_the_books_say_who_asked_and_what_it_cost(guard: Make) -> None:
    one = guard(FakeModel(complete=costly, faults=["", "", "error"]), price_in=10.0, price_out=100.0)
    ask(one, "1"), ask(one, "1"), ask(one, "2", task="intent")
    with pytest.raises(LlmError):
        ask(one, "3")
    tags, intent = sorted(one.usage(), key=lambda row: row.task, reverse=True)
    assert (tags.task, tags.calls, tags.cached, tags.failed) == ("tags", 3, 1, 1)
    assert (intent.tokens_in, intent.tokens_out) == (900, 100) and intent.cost == pytest.approx(0.019)


# -- masks -------------------------------------------------------------------------------------------


def test_nothing_personal_leaves_and_answers_are_whole(guard: Make) -> None:
    fake = FakeModel(
        complete=lambda prompt, schema: {"tags": [prompt.user.split()[-1], 'say "hi"']},
        write=lambda prompt: ["Dear [NA", "ME_1], call ", "[PHONE_1", "]", " [x"],
        choose=lambda prompt, options: [0.0] * len(options),
    )
    fake.sends_out = True  # type: ignore[misc]
    one = guard(fake, names=["Han Meimei"])
    assert ask(one, "I am Han Meimei, mail a.b@example.com").tags == ["a.b@example.com", 'say "hi"']
    text = "".join(one.write(Prompt("chat", "1", "", "Han Meimei 13800138000"), timeout=5))
    assert text == "Dear Han Meimei, call 13800138000 [x"
    one.log_likelihood("call 13800138000", ["a@example.com", "b"], timeout=5)
    one.choose(Prompt("verify", "1", "", "x"), ["a@example.com", "b"], timeout=5)
    sent = " ".join(f"{call.prompt} {call.prefix} {call.texts}" for call in fake.asked)
    assert "Meimei" not in sent and "@" not in sent and "13800138000" not in sent


def test_people_who_ask_alike_share_an_answer_and_get_their_own_words(guard: Make) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"tags": [prompt.user]})
    fake.sends_out = True  # type: ignore[misc]
    one = guard(fake)
    assert ask(one, "mail a@example.com") == Tags(["mail a@example.com"])
    assert ask(one, "mail b@example.org") == Tags(["mail b@example.org"])
    assert fake.n_asked() == 1


def test_a_model_in_this_process_sees_all_unless_told(guard: Make) -> None:
    fake = FakeModel(complete=lambda prompt, schema: {"tags": []})
    ask(guard(fake), "a@example.com")
    ask(guard(fake, mask=True), "b@example.com")
    assert [call.prompt.user for call in fake.asked if call.prompt] == ["a@example.com", "[MAIL_1]"]
