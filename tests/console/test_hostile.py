"""150 hostile texts as titles, names, words and ids on every page: shown as text, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hostile import HOSTILE

GO = """([path]) => {
  history.pushState(null, '', path);
  dispatchEvent(new PopStateEvent('popstate'));
}"""
STATIC = Path(__file__).parents[2] / "src" / "zhiyin" / "console" / "static"


def test_lists_histories_and_tables_of_hostile_items(sit: Any) -> None:
    seat = sit()
    for user in ("u01", "u03"):
        page = seat.open(f"/console/try?user={user}&n=30", ".ranking li")
        seat.settled()
        for summary in page.locator(".more summary").all()[:5]:
            summary.click()
        page.click(".ranking li:nth-child(1) .act.like")
        page.wait_for_selector(".deed.played")
        seat.open(f"/console/users?id={user}", ".timeline li")
        seat.settled()
        seat.unhurt()
    page.goto(f"{seat.address}/console/try?user=u01&n=30")
    page.wait_for_selector(".ranking li")
    page.click(".page-head .primary")
    page.wait_for_selector(".because")
    seat.settled()
    after = ""
    for _ in range(4):
        seat.open(f"/console/items?after={quote(after)}", "tbody a")
        after = page.locator("tbody tr:last-child td").first.inner_text()
    seat.unhurt()


def test_every_hostile_title_on_its_own_page(sit: Any) -> None:
    seat = sit()
    page = seat.open("/console/items?id=h0", ".plain-list li")
    for place, text in enumerate(HOSTILE):
        page.evaluate(
            GO,
            [f"/console/items?id=h{place}"],
        )
        seat.until("id => document.querySelector('.lead')?.textContent.endsWith(` ${id}`)", f"h{place}")
        title = page.inner_text("h1")
        assert title == page.evaluate("document.title") or title, text
    seat.unhurt()


def test_hostile_words_users_and_addresses(sit: Any) -> None:
    seat = sit()
    page = seat.open("/console/try?who=wish", ".ranking li")
    for turn, text in enumerate(HOSTILE):
        names = ("who", "user", "words", "place", "at", "past", "without", "n", "slate", "id")
        state = dict.fromkeys(names, text)
        pages = ("try", "users", "items", "why", text)
        for name in {pages[turn % 5], pages[(turn + 2) % 5]}:
            address = f"/console/{quote(name, safe='')}?" + "&".join(
                f"{key}={quote(value, safe='')}" for key, value in state.items()
            )
            page.evaluate(
                GO,
                [address],
            )
            if name == "users":
                page.wait_for_selector("main .page")
    seat.settled()
    # An unknown slate or item is a message on the page, and said on the console for who looks there.
    seat.faults = [fault for fault in seat.faults if "ApiError" not in fault and "no " not in fault]
    seat.unhurt()


def test_text_is_text_in_the_builder_itself() -> None:
    """Nothing of the console makes markup from text, nor style or script from data."""
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
    )
    found = [
        f"{path.name}: {word}"
        for path in STATIC.rglob("*.js")
        for word in forbidden
        if word in path.read_text("utf-8")
    ]
    assert not found
    page = (STATIC / "page.html").read_text("utf-8")
    assert "<style" not in page and "style=" not in page and "onload" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.skipif(
    not shutil.which("node"), reason="for who has Node; browsers run the same in the other tests"
)
def test_cells_of_a_csv_calculate_nothing() -> None:
    cells = f"{json.dumps(HOSTILE)}.map(one => module.cell(one))"
    script = f"import({json.dumps(str(STATIC / 'export.js'))})"
    script += f".then(module => console.log(JSON.stringify({cells})))"
    said = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    for cell in json.loads(said.stdout):
        assert cell.strip('"')[:1] not in ("=", "+", "-", "@", "\t", "\r")
