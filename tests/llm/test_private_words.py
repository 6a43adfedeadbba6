"""What is personal in a user's words leaves in no line of any question, however the lines repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhiyin.explain.chat_prompt import chat_prompt
from zhiyin.explain.phrased import phrase_prompt
from zhiyin.llm import FakeModel, GuardedLanguageModel
from zhiyin.llm.masking import Masks, mask_text, unsaid, whole_values
from zhiyin.llm.special import as_words
from zhiyin.rank.llm_prompts import letters_prompt, listwise_prompt, past_prefix
from zhiyin.represent.intent_prompt import intent_prompt
from zhiyin.types import Prompt

ZH = "我叫王小明，住在北京市朝阳区建国路88号，身份证110101199003070031，想看喜剧"
EN = "My name is John Smith, call 555 123 4567 when there is something funny"
REPEATED = {
    ZH: "理解为：关于“叫王小明 住 身份证110101199003070031 建国路88号”",
    EN: "about “name john smith call 5551234567 when”",
}
VALUES = {
    ZH: ("王小明", "110101199003070031", "建国路88号"),
    EN: ("john smith", "5551234567", "555 123 4567"),
}


class Answer(msgspec.Struct):
    text: str = ""


@pytest.fixture
def guard(tmp_path: Path) -> tuple[GuardedLanguageModel, list[str]]:
    seen: list[str] = []

    def heard(*texts: Any) -> None:
        seen.extend(one.user if isinstance(one, Prompt) else one for one in texts)

    def complete(prompt: Prompt, schema: object) -> Any:
        heard(prompt)
        return Answer()

    def choose(prompt: Prompt, options: Any) -> list[float]:
        heard(prompt, *options)
        return [0.0] * len(options)

    def likely(prefix: str, texts: Any) -> list[float]:
        heard(prefix, *texts)
        return [0.0] * len(texts)

    def write(prompt: Prompt) -> list[str]:
        heard(prompt)
        return ["Fine."]

    fake = FakeModel(complete=complete, choose=choose, log_likelihood=likely, write=write)
    return GuardedLanguageModel(language_model=fake, mask=True, path=tmp_path / "llm.sqlite"), seen


def prompts(said: str) -> list[Prompt]:
    again = REPEATED[said]
    return [
        chat_prompt(said, again, [("Tea", again)]),
        chat_prompt(said, again, [("Tea", again)], locale="zh"),
        intent_prompt(said, [again, "comedy"]),
        phrase_prompt("Tea", (said, again), "en"),
        letters_prompt([said], [again, "Tea"], "en"),
        listwise_prompt([again], [said, "Tea"], "zh"),
        Prompt("tags", "1", "", f"Title: {said[:80]}\nText: {said} {again}"),
        Prompt("profile", "1", "", f"{again}\n{said}"),
    ]


@pytest.mark.parametrize("said", [ZH, EN])
def test_no_prompt_holds_what_has_a_mark(said: str, guard: tuple[GuardedLanguageModel, list[str]]) -> None:
    llm, seen = guard
    for prompt in prompts(said):
        llm.complete(prompt, schema=Answer, timeout=5.0)
        list(llm.write(prompt, timeout=5.0))
        llm.choose(prompt, [REPEATED[said], "Tea"], timeout=5.0)
    llm.log_likelihood(past_prefix([said], "en"), [f" {REPEATED[said]}\n", " Tea\n"], timeout=5.0)
    assert len(seen) > 30
    for text in seen:
        assert not [value for value in VALUES[said] if value in text.casefold()], text


def test_the_words_understood_hold_no_value_even_where_the_message_is_cut() -> None:
    long = "想看喜剧。" * 80 + ZH
    prompt = chat_prompt(long, REPEATED[ZH], [])
    assert not [value for value in VALUES[ZH][:2] if value in prompt.user]
    assert unsaid(REPEATED[EN], EN) == "about “name … call … when”"


@pytest.mark.parametrize("length", range(20, 44))
def test_no_cut_goes_through_a_value(length: int) -> None:
    text = as_words("please ring me on 13800138000 about the funny films", length)
    assert "138" not in text or "13800138000" in text
    assert len(text) <= length and as_words("short", length) == "short"
    assert whole_values("我的身份证110101199003070031", 15) == "我的身份证"


def test_what_was_found_once_is_masked_in_any_writing() -> None:
    masks = Masks()
    first, second = masks.mask_all(
        ["JOHN SMITH, 5551234567; john-smith", "my name is John Smith, call 555 123 4567"]
    )
    assert "[NAME_1]" in first and "5551234567" not in first and "mith" not in first.casefold()
    assert masks.unmask(second) == "my name is John Smith, call 555 123 4567"
    assert mask_text("my name is Ann Lee; Annabel Leeds") == "my name is [NAME_1]; Annabel Leeds"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("my name is john smith", "my name is [NAME_1]"),
        ("my name is john looking for comedies", "my name is [NAME_1] looking for comedies"),
        ("name: bob", "name: [NAME_1]"),
        ("I'm John Smith and I like tea", "I'm [NAME_1] and I like tea"),
        ("My name is Maria Garcia. Something funny", "My name is [NAME_1]. Something funny"),
        ("My name is J. R. R. Tolkien. Hello", "My name is [NAME_1]. Hello"),
        ("我叫小明", "我叫[NAME_1]"),
        ("我叫欧阳娜娜", "我叫[NAME_1]"),
        ("我叫诸葛亮", "我叫[NAME_1]"),
        ("我叫司马懿，想看历史片", "我叫[NAME_1]，想看历史片"),
        ("叫我王芳", "叫我[NAME_1]"),
        ("护照E12345678", "护照[ID_1]"),
        ("身份证110101 19900307 0031", "身份证[ID_1]"),
        ("8613800138000", "[PHONE_1]"),
        ("02112345678", "[PHONE_1]"),
        ("(021)12345678", "[PHONE_1]"),
        ("020 7946 0958", "[PHONE_1]"),
        ("555 123 4567", "[PHONE_1]"),
        ("call 5551234567 when", "call [PHONE_1] when"),
        ("DE89 3704 0044 0532 0130 00", "[CARD_1]"),
        ("IBAN GB29NWBK60161331926819", "IBAN [CARD_1]"),
        ("加我微信abc12345", "加我微信[ACCOUNT_1]"),
    ],
)  # fmt: skip
def test_wider_rules(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "My Name Is Khan; Call Me by Your Name; This Is England; I'm Not There; I'm Still Here, I Am Legend",
        "This is Spinal Tap, this is England, I'm Looking for films, I am Chinese and like tea",
        "call me by your name, my name is in the credits",
        "《我叫金三顺》《叫我第一名》，真叫我高兴。我叫外卖，大家都叫我看这部",
        "微信读书，微信支付好用，手机2024款",
        "item 00012345678, id 5551234567, ISBN 0306406152, UPC 036000291452, SKU-GB29NWBK6016133192",
        "1 299 000 yuan, 1,299.00, 99.99 USD, 2001 2010 2046, 007 1995 2006, from 1990 to 1999",
        "AB12 3456 7890 1234, Product name: Kettle, The 400 Blows 555 1234",
    ],
)
def test_titles_prices_years_and_ids_stay(text: str) -> None:
    assert mask_text(text) == text
