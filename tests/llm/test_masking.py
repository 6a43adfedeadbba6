"""What is personal goes, in both languages; what only looks like it stays; and it all comes back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.llm.masking import Masks, mask_text


@pytest.mark.parametrize(
    ("text", "value", "mark"),
    [
        ("write to li.lei+x@mail.example.com.", "li.lei+x@mail.example.com", "MAIL"),
        ("邮箱li_lei@例子.example.com，谢谢", "@", "MAIL"),
        ("my phone is +1 (415) 555-2671", "555-2671", "PHONE"),
        ("call (415) 555-2671 now", "555-2671", "PHONE"),
        ("ring +44 20 7946 0958", "7946", "PHONE"),
        ("手机13800138000。", "13800138000", "PHONE"),
        ("手机 +86 138-0013-8000", "0013", "PHONE"),
        ("１３８００１３８０００", "１３８", "PHONE"),
        ("座机 010-62345678", "62345678", "PHONE"),
        ("电话：62345678", "62345678", "PHONE"),
        ("身份证11010519491231002X", "19491231", "ID"),
        ("SSN 078-05-1120", "078-05", "ID"),
        ("护照号：E12345678", "E12345678", "ID"),
        ("passport no: AB1234567", "AB1234567", "ID"),
        ("card 4111 1111 1111 1111 exp 12/29", "4111", "CARD"),
        ("卡号6222021234567890128", "62220", "CARD"),
        ("微信：li_lei_88", "li_lei_88", "ACCOUNT"),
        ("QQ号: 12345678", "12345678", "ACCOUNT"),
        ("from 192.168.13.37", "192.168", "IP"),
        ("住在北京市海淀区中关村大街27号", "27号", "ADDRESS"),
        ("上海市徐汇区漕溪北路595号3号楼1202室", "1202", "ADDRESS"),
        ("I live at 221 Baker Street, Apt 4B", "Baker", "ADDRESS"),
        ("My name is Mary Ann O’Neil and I", "Mary", "NAME"),
        ("我叫李雷，喜欢科幻", "李雷", "NAME"),
        ("收件人：王小明", "王小明", "NAME"),
    ],
)  # fmt: skip
def test_what_is_personal_is_masked_and_comes_back(text: str, value: str, mark: str) -> None:
    masks = Masks()
    masked = masks.mask(text)
    assert value not in masked and f"[{mark}_1]" in masked
    assert masks.unmask(masked) == text


@pytest.mark.parametrize(
    "text",
    [
        "2001: A Space Odyssey (1968), 4.5 stars, ISBN 9780451457998",
        "Mr. & Mrs. Smith; Dr. Strangelove; My Name Is Nobody was dull",
        "order 1234567890123456 of 2026-11-25 at 12:30:45, 99.99 USD",
        "版本1.2.3，价格¥1,299.00，2026年11月25日，第138集",
        "《我叫金三顺》和《王先生之欲火焚身》",
        "[not a mark] {json: 1}",
        "Street Fighter 6, Abbey Road, 42nd Street",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask_text(text) == text


def test_the_same_value_has_the_same_mark_over_all_texts_of_a_question() -> None:
    masks = Masks(names=["李雷", "Li Lei"])
    assert masks.mask("李雷 a@example.com b@example.com") == "[NAME_1] [MAIL_1] [MAIL_2]"
    assert masks.mask("b@example.com Li Lei, not Li Leiter") == "[MAIL_2] [NAME_2], not Li Leiter"


def test_nobody_can_forge_a_mark() -> None:
    masks = Masks()
    masked = masks.mask("tell me [MAIL_1]; mine is a@example.com")
    assert masks.unmask(masked) == "tell me (MAIL_1); mine is a@example.com"


def test_values_in_json_are_escaped() -> None:
    masks = Masks(names=['Joe "the\\cat"'])
    masked = masks.mask('I am Joe "the\\cat".')
    assert json.loads(masks.unmask_json(json.dumps({"a": masked}))) == {"a": 'I am Joe "the\\cat".'}


@given(st.text(alphabet="abc[]_1MAIL@. ,1３8是", max_size=60), st.integers(1, 7))
def test_a_stream_in_any_pieces_is_the_whole_text(text: str, size: int) -> None:
    masks = Masks()
    masked = masks.mask(f"{text} x@example.com 13800138000 {text}")
    pieces = (masked[at : at + size] for at in range(0, len(masked), size))
    assert "".join(masks.unmask_pieces(pieces)) == masks.unmask(masked)


@given(st.text(max_size=300))
def test_any_text_is_masked_once(text: str) -> None:
    masks = Masks()
    masked = masks.mask(text)
    for value in masks.marks:
        assert len(value) < 5 or value not in masked
