from __future__ import annotations

import json
import unicodedata
from html.parser import HTMLParser
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from zhiyin.errors import DataError
from zhiyin.page import bar, card, chips, document, escape, fit, plain, table, width
from zhiyin.recommendations import Recommendations, recommender_html
from zhiyin.types import Reason, Recommendation

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><iframe src='javascript:alert(1)'>",
    "' onmouseover='alert(1)",
    '" style="position:fixed',
    "<a href=javascript:alert(1)>x</a>",
    "<!-- comment",
    "]]><x>",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "</title></head>",
    "</bdi></h3><form action=//evil>",
    "<meta http-equiv=refresh content=0>",
    "<link rel=stylesheet href=//evil>",
    "<base href=//evil>",
    "{{7*7}} ${7*7} {user} %s",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m",
    "\x00null",
    "\x08\x08\x08back",
    "line\nbreak\r\n\ttab",
    "\u2028line\u2029paragraph\x85next",
    "\u202egnp.exe",
    "\u2066isolate\u2069",
    "\u200ezero\u200bwidth\u200d\ufeff",
    "\u00adsoft",
    "\U000e0041tag\U000e007f",
    "half \ud800 pair \udfff",
    "\ue000private\U0010ffff",
    "Z" + "\u0335" * 500,
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "[bold red]rich[/bold red]",
    "![x](http://evil/p.png)",
    "long " * 20_000,
    "长" * 5_000,
    "",
    "   ",
]
ALLOWED = {
    "html", "head", "meta", "title", "body", "main", "div", "style", "h2", "h3", "ol", "li", "span", "bdi",
    "p", "i", "details", "summary", "code", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ATTRIBUTES = {
    "class",
    "lang",
    "style",
    "role",
    "aria-label",
    "charset",
    "name",
    "content",
    "http-equiv",
    "scope",
}


class Seen(HTMLParser):
    """Every tag, every attribute, and all text outside of <style>."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.styles, self.words, self.open = set(), set(), set(), [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.styles |= {value for name, value in attributes if name == "style"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags must close in order"

    def handle_comment(self, data):
        raise AssertionError(f"a comment got in: {data}")

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def assert_harmless(source):
    seen = Seen(source)
    assert not seen.open
    assert seen.tags <= ALLOWED
    assert seen.attributes <= ATTRIBUTES
    assert all(style.startswith("width:") and len(style) < 12 for style in seen.styles)
    assert_no_control(source.replace("\n", ""))
    return seen


def assert_no_control(text):
    odd = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert not odd


def of(title, **more):
    """One recommendation with the same words wherever words can stand."""
    reason = Reason(title, "history", 0.5, (title,), {"value": title})
    row = Recommendation(title, title, 1.0, 1, {title: 1}, (reason,))
    fields = {"user": title, "version": title, "degraded": (title,), "timings": {title: 1.0}, **more}
    return Recommendations((row,), **fields)


@pytest.fixture
def answer():
    why = Reason("因为你看过《龙猫》", "history", 0.5, ("t",))
    rows = (
        Recommendation("a", "千与千寻", 2.0, 1, {"ease": 3, "kernel": 1}, (why,)),
        Recommendation("b", "Big", 1.0, 2, {"ease": 1}, (Reason("New here"), Reason("Matches “big”"))),
        Recommendation("c", "Cube", float("nan"), 3),
    )  # fmt: skip
    return Recommendations(rows, "u1", "en", "v1", {"retrieve": 1.5, "rank": 0.5}, ("llm",))


# -- a sequence that is equal by what it says ---------------------------------------------------------


def test_it_is_a_sequence(answer):
    assert (
        len(answer) == 3
        and answer[0].item == "a"
        and [row.item for row in reversed(answer)] == ["c", "b", "a"]
    )
    assert answer[1] in answer and answer.index(answer[1]) == 1
    assert isinstance(answer[:2], Recommendations) and len(answer[:2]) == 2 and answer[:2].user == "u1"
    assert not Recommendations()


def test_how_long_it_took_makes_no_difference(answer):
    assert answer[:2] == Recommendations(answer.items[:2], "u1", "en", "v1", {}, ("llm",))
    assert answer[:2] != answer[:1]


def test_it_cannot_be_changed(answer):
    with pytest.raises(AttributeError):
        answer.user = "other"


# -- for programs -------------------------------------------------------------------------------------


def test_json_holds_everything_and_no_nan(answer):
    told = json.loads(answer.to_json())
    assert told["user"] == "u1" and told["version"] == "v1" and told["degraded"] == ["llm"]
    assert [row["rank"] for row in told["items"]] == [1, 2, 3]
    assert told["items"][2]["score"] is None
    assert told["items"][0]["reasons"] == [
        {"text": "因为你看过《龙猫》", "kind": "history", "share": 0.5, "items": ["t"], "facts": {}}
    ]


def test_numpy_numbers_and_read_only_mappings_are_plain_in_dicts():
    row = Recommendation("a", "A", np.float32(0.5), np.int64(1), MappingProxyType({"ease": np.int32(2)}))
    assert json.loads(Recommendations((row,)).to_json())["items"][0]["sources"] == {"ease": 2}


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_json_gives_back_the_very_words_and_is_harmless_in_a_page(title):
    text = of(title).to_json()
    assert json.loads(text)["items"][0]["title"] == title
    assert not set("<>&") & set(text)
    assert_no_control(text)


def test_a_frame_has_one_row_per_item(answer):
    frame = answer.to_frame()
    assert frame["item"].to_list() == ["a", "b", "c"]
    assert frame["sources"].to_list() == [["ease", "kernel"], ["ease"], []]
    assert frame["reasons"].to_list()[1] == ["New here", "Matches “big”"]
    assert Recommendations().to_frame().schema == frame.schema
    assert frame.schema["score"] == pl.Float64


def test_a_frame_leaves_out_only_what_no_table_can_hold():
    frame = of("half \ud800 pair <b>\x1b").to_frame()
    assert frame["title"].item() == "half  pair <b>\x1b" == frame["reasons"].item()[0]


def test_files_for_people_and_for_programs(answer, tmp_path):
    assert answer.write(tmp_path / "list.html").read_text("utf-8") == answer.to_html()
    assert json.loads(answer.write(tmp_path / "list.json").read_text("utf-8"))["user"] == "u1"
    with pytest.raises(DataError, match=r"\.html or \.json, got 'list.pkl'"):
        answer.write(tmp_path / "list.pkl")


# -- for people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_no_word_from_outside_becomes_markup(title):
    for locale in ("en", "zh", title):
        answer = of(title, locale=locale)
        for source in (answer._repr_html_(), answer.to_html()):
            assert len(source) < 12_000
            assert_harmless(source)
    assert_harmless(recommender_html([(title, [(title, title), (title, "")]), ("ranker", [])], title))
    assert_harmless(
        document(title, card(title, chips([title]) + bar(0.5, title) + table([title], [[title, 1]])))
    )


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_no_word_from_outside_steers_a_terminal(title):
    lines = str(of(title)).split("\n")
    assert len(lines) == 4
    for line in lines:
        assert_no_control(line)
        assert width(line) <= 300


def test_what_is_shown_is_still_the_title():
    words = Seen(of("AT&T <3 “Ünïcödé” 知音")._repr_html_()).words
    assert "AT&T <3 “Ünïcödé” 知音" in words


def test_an_item_without_a_visible_title_is_shown_by_its_id():
    answer = Recommendations((Recommendation("id-7", "\u200b", 1.0, 1),))
    assert "id-7" in str(answer) and "id-7" in answer._repr_html_()


def test_bars_are_relative_to_the_top_and_bad_scores_are_empty(answer):
    assert Seen(answer._repr_html_()).styles == {"width:100%", "width:50%", "width:0%"}


@pytest.mark.parametrize(
    ("scores", "widths"),
    [((-1.0, -3.0), ["100%", "0%"]), ((0.0, 0.0), ["0%", "0%"]), ((float("inf"), 1.0), ["0%", "100%"])],
)
def test_bars_of_any_scores_have_a_width(scores, widths):
    rows = tuple(Recommendation("a", "A", score, i) for i, score in enumerate(scores))
    assert [part.split('"')[0] for part in Recommendations(rows)._repr_html_().split("width:")[-2:]] == widths


def test_a_bar_says_its_value_to_a_screen_reader(answer):
    assert 'role="img" aria-label="score 1, 50% on the scale of this list"' in answer._repr_html_()


def test_a_page_is_whole_and_loads_nothing(answer):
    page = answer.to_html()
    assert (
        page.startswith("<!doctype html>")
        and "default-src 'none'" in page
        and "prefers-color-scheme:dark" in page
    )
    assert "url(" not in page and "http://" not in page and "@import" not in page
    assert '<html lang="zh-CN">' in Recommendations(locale="zh-CN").to_html()


def test_chinese_has_its_own_words(answer):
    chinese = Recommendations(answer.items, "u1", "zh-CN", degraded=("llm",))
    assert str(chinese).startswith("为 u1 推荐") and "未能使用：llm" in str(chinese)
    assert "暂无" in str(Recommendations(locale="zh")) and "Nothing" in str(Recommendations())


def test_columns_of_the_table_stand_below_each_other(answer):
    lines = str(answer).split("\n")
    starts = [width(line[: line.index(word)]) for line, word in zip(lines[1:4], ("why", "因为", "New here"))]
    assert len(set(starts)) == 1
    assert lines[-1] == "version v1 · 2.0 ms · answered without: llm"


# -- pieces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("知音", 4), ("é", 1), ("e\u0301", 1), ("Ａ", 2), ("", 0)]
)
def test_width_counts_columns(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize("columns", [1, 2, 5, 9])
@pytest.mark.parametrize("text", ["", "知音难觅", "a知b音c", "plain words"])
def test_fit_is_exact(text, columns):
    assert width(fit(text, columns)) == columns == width(fit(text, columns, right=True))


def test_plain_cuts_and_keeps_what_is_harmless():
    assert plain("  Ünïcödé 知音 🎬 שלום ") == "Ünïcödé 知音 🎬 שלום"
    assert len(plain("x" * 10_000_000, 80)) == 80 and len(plain("\x1b" * 10_000_000)) == 0
    assert plain(None) == "None" and escape('<a b="c">') == "&lt;a b=&quot;c&quot;&gt;"


def test_a_recommender_is_drawn_with_its_parts_and_their_options():
    page = recommender_html([("retrievers", [("ease", "decay = 0.9")]), ("ranker", [])], "fitted on <x>")
    words = assert_harmless(page).words
    assert {"retrievers", "ease", "decay = 0.9", "ranker", "none", "fitted on <x>"} <= set(words)
