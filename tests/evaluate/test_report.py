"""Text and HTML: what stands on them, and what must never get onto them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from zhiyin.errors import ConfigError
from zhiyin.evaluate import Protocol, evaluate
from zhiyin.evaluate.pictures import short, ticks
from zhiyin.evaluate.table import align, plain, width
from zhiyin.evaluate.words import CHINESE, ENGLISH

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
VOID = {"meta", "link", "img", "br"}


@pytest.fixture
def evaluation(data, fixed, parity):
    parts = {
        HOSTILE: parity(n_items=20),
        "知音": parity(n_items=20, right=False),
        "基线": fixed(scores=np.ones(20)),
    }
    found = evaluate(parts, data, Protocol(k=(5, 10)), floors=False)
    found = replace(found, data=replace(found.data, name=HOSTILE))
    return replace(found, rows=tuple(replace(row, floor=row.name == "基线") for row in found.rows))


class Reader(HTMLParser):
    """Tags with attributes, and whether all were closed in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.attributes = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_page_is_whole_safe_and_needs_nothing_else(evaluation, locale, tmp_path):
    page = evaluation.to_html(tmp_path / "e.html", title=HOSTILE, locale=locale)
    assert (tmp_path / "e.html").read_text("utf-8") == page
    found = read(page)
    assert not found.tags & {"script", "link", "img", "iframe", "object"}
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("href", "src")]
    assert "url(" not in page and "@import" not in page
    assert "\x1b" not in page and "\u202e" not in page
    assert len(page.encode()) < 500_000


def test_the_protocol_stands_beside_every_picture_and_table(evaluation):
    page = evaluation.to_html()
    shown = len(re.findall("<table|<svg", page))
    assert shown > 8
    assert page.count('class="under"') == shown
    for fact in evaluation.protocol.facts().values():
        assert fact.replace(">", "&gt;") in page


def test_the_page_shows_every_value(evaluation):
    page = evaluation.to_html()
    for row in evaluation.rows:
        for interval in row.metrics.values():
            assert f"{interval.value:.4f}" in page


def test_a_notebook_cell_is_closed_and_escaped(evaluation):
    found = read(evaluation._repr_html_())
    assert "script" not in found.tags and "html" not in found.tags


def test_light_and_dark(evaluation):
    assert "prefers-color-scheme:dark" in evaluation.to_html()


def test_both_languages_have_the_same_words():
    assert set(ENGLISH) == set(CHINESE)
    for key, text in ENGLISH.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", CHINESE[key])), key


def test_an_unknown_language_is_refused(evaluation):
    with pytest.raises(ConfigError, match="no report in 'fr'"):
        evaluation.to_html(locale="fr")


def test_one_row_alone_has_a_page_too(data, parity):
    read(evaluate({"p": parity(n_items=20)}, data, Protocol(k=(1,)), floors=False).to_html())


def test_the_table_holds_protocol_data_intervals_and_no_control_characters(evaluation):
    text = evaluation.table()
    assert evaluation.protocol.describe() in text
    assert evaluation.data.sha256 in text
    assert "±" in text and "difference from 基线 *" in text
    assert "\x1b" not in text and "\u202e" not in text
    assert str(evaluation) == text


def test_chosen_metrics_and_cuts(evaluation):
    first = evaluation.table("recall@5").splitlines()[0]
    assert first.split() == ["recall@5"]
    assert "ndcg@5" in evaluation.table(cut=5)
    with pytest.raises(ConfigError, match="did you mean 'recall@5'"):
        evaluation.table("recal@5")


def test_chinese_and_latin_names_align():
    lines = align([["", "x"], ["知音", "1.0"], ["ease", "12.0"]]).splitlines()
    assert len({width(line) for line in lines}) == 1


@pytest.mark.parametrize(("top", "last"), [(0.113, 0.15), (1.0, 1.0), (0.08, 0.08), (7, 8), (1e-6, 1e-6)])
def test_ticks_are_few_and_reach_the_top(top, last):
    marks = ticks(top)
    assert marks[0] == 0 and marks[-1] == pytest.approx(last) and 3 <= len(marks) <= 7


def test_short_counts_chinese_twice():
    assert short("知音知音知音", 7) == "知音知…"
    assert plain("a\x07b") == "a�b"


def test_the_protocol_is_told_in_chinese_too(evaluation):
    page = evaluation.to_html(locale="zh")
    assert "<dt>训练范围</dt><dd>T：不含验证事件</dd>" in page
    for key in evaluation.protocol.facts():
        assert f"<dt>{key}</dt>" not in page or key == "k"
