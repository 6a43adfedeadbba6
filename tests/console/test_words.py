"""Two languages: the same keys, every key used is there, and no text of the pages stands in the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parents[2] / "src" / "zhiyin" / "console" / "static"
FILES = sorted(STATIC.rglob("*.strings.json"))
CODE = {path: path.read_text("utf-8") for path in sorted(STATIC.rglob("*.js"))}
HOLES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_both_languages_have_the_same_keys_and_holes(path: Path) -> None:
    words = json.loads(path.read_text("utf-8"))
    assert set(words) == {"en", "zh"}
    assert list(words["en"]) == list(words["zh"])
    for key in words["en"]:
        assert words["en"][key].strip() and words["zh"][key].strip(), key
        assert set(HOLES.findall(words["en"][key])) == set(HOLES.findall(words["zh"][key])), key


def test_no_key_is_said_twice_differently() -> None:
    seen: dict[str, str] = {}
    for path in FILES:
        for key in json.loads(path.read_text("utf-8"))["en"]:
            assert key not in seen, f"{key} is in {seen[key]} and {path.name}"
            seen[key] = path.name


def test_every_key_in_the_code_has_words() -> None:
    known = {key for path in FILES for key in json.loads(path.read_text("utf-8"))["en"]}
    missing = [
        f"{path.name}: {key}"
        for path, code in CODE.items()
        for key in re.findall(r"""\bt\(\s*"([\w.]+)\"""", code)
        + re.findall(r'\? "(\w+\.\w+)" : "\w+\.\w+"', code)
        if key not in known
    ]
    assert not missing


def test_chinese_words_are_chinese() -> None:
    """A text without a Chinese letter is a name that is the same in both languages, and no sentence."""
    for path in FILES:
        words = json.loads(path.read_text("utf-8"))
        for key, text in words["zh"].items():
            bare = HOLES.sub("", text)
            sentence = len(re.findall("[A-Za-z]{2,}", bare)) > 3
            assert re.search("[\u4e00-\u9fff]", bare) or not sentence, f"{key}: {text}"


FROM_DATA = ", ".join(
    (
        "code", "kbd", ".brand", ".brand-zh", ".who", "h3 a", ".about", ".deed-title", ".reason",
        ".because p",
        "tbody", "option", ".facts dd", ".options", ".shown-title", ".slope-names", "textarea", "noscript",
        ".fall-name", ".fall-ms", ".fall-note",
        ".timeline a", ".timeline h3", ".plain-list a", ".plain-list .soft",
        ".page-head .lead", "figcaption", ".chip", "h1", "h2", ".text", "dt", ".interests", ".understood",
    )
)  # fmt: skip
"""Where words of the data stand; everything else is said by the console."""
UNSAID = """([fromData]) => {
  const bare = /^(ms|CSV|JSON|[\\d\\s.,:;%#·–→▲▼×…|()/+-]*)$/;
  const unsaid = (text) => text && !text.includes("⟦") && !bare.test(text);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.nodeValue.trim();
    if (unsaid(text) && !node.parentElement.closest(fromData)) found.push(text);
  }
  for (const element of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
    if (element.closest("tbody, .slope-names, .answer-state, .who")) continue;
    for (const name of ["aria-label", "placeholder", "title"]) {
      const text = element.getAttribute(name);
      if (unsaid(text) && !/^zy_live_|^Ctrl Z$/.test(text)) found.push(`${name}: ${text}`);
    }
  }
  return found;
}"""


def test_no_text_of_a_page_stands_in_the_code(sit: Any, service: Any) -> None:
    """With every known word in ⟦brackets⟧, whatever stands without them was not from the words."""
    seat = sit()
    words: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for path in FILES:
        for language, said in json.loads(path.read_text("utf-8")).items():
            words[language] |= {key: f"⟦{text}⟧" for key, text in said.items()}
    seat.page.route("**/strings.json", lambda route: route.fulfill(json=words))
    slate = service.recommend("u02", n=5)["meta"]["slate_id"]
    for path in (
        "try?user=u02",
        "try?who=wish",
        "why",
        f"why?slate={slate}",
        "users",
        "users?id=u02",
        "items",
        "items?id=p3",
        "nowhere",
    ):
        page = seat.open(f"/console/{path}", ".page h1, .empty")
        seat.settled()
        assert page.evaluate(UNSAID, [FROM_DATA]) == [], path
    seat.unhurt()


def test_one_is_not_many(sit: Any) -> None:
    seat = sit()
    page = seat.open("/console/try", ".ranking li")
    said = page.evaluate(
        """async () => {
          const { t } = await import(new URL("i18n.js", document.querySelector("script[type=module]").src));
          const erased = t("users.erased", { events: "1", slates: "0" });
          return [t("try.more", { n: 1 }), t("try.more", { n: 2 }), erased];
        }"""
    )
    assert said == ["From 1 source", "From 2 sources", "Erased: 1 event, 0 decisions"]
