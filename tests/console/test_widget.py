"""The widget as a visitor of another site meets it: one script tag on a page of another origin."""

from __future__ import annotations

import functools
import html
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from service import eventually, serving
from shop import make

VISITOR = "visitor-that-nobody-can-guess"
LINES = "document.querySelector('.zhiyin-widget')?.shadowRoot.querySelectorAll('li').length"
SHADOW = "document.querySelector('.zhiyin-widget').shadowRoot"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A plain web server with the pages of a folder, and its port."""
    folder = tmp_path_factory.mktemp("site")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *said: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, site: tuple[Path, int]) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("widget") / "shop"
    key = make(folder)
    with serving(folder, key, workers=1, cors_origins=f"http://127.0.0.1:{site[1]}") as running:
        made = running.http.post("/v1/keys", json={"name": "site", "scopes": ["widget"]})
        running.widget_key = made.json()["secret"]
        yield running


@pytest.fixture
def visit(shop: Any, site: tuple[Path, int], chromium: Any) -> Iterator[Callable[..., Any]]:
    """A page with the tag on it, in a browser of its own; `host` is the site's name."""
    folder, port = site
    contexts: list[Any] = []

    def opened(name: str = "index", host: str = "127.0.0.1", **data: str) -> Any:
        given = {"key": shop.widget_key, "link": "/item?id={id}", **data}
        said = " ".join(f'data-{one}="{html.escape(value)}"' for one, value in given.items())
        script = f'<script src="http://127.0.0.1:{shop.port}/widget.js" {said} async></script>'
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>'
        page = f'{head}<body><h1>Shop</h1><div id="here"></div>{script}'
        (folder / f"{name}.html").write_text(page, "utf-8")
        context = chromium.new_context()
        contexts.append(context)
        seat = context.new_page()
        seat.warnings = []
        seat.on("console", lambda message: seat.warnings.append(message.text))
        seat.goto(f"http://{host}:{port}/{name}.html")
        return seat

    yield opened
    for context in contexts:
        context.close()


def events(shop: Any, kind: str) -> list[dict[str, Any]]:
    """Newest events of a kind that name a list."""
    feed = shop.http.get("/v1/feed", params={"n": 500}).json()["events"]
    return [one for one in feed if one["kind"] == kind and one["slate_id"]]


def test_a_list_stands_where_the_script_stands_and_tells_what_was_seen_and_followed(
    shop: Any, visit: Any
) -> None:
    page = visit(title="For you", n="4")
    page.wait_for_function(f"{LINES} === 4")
    assert page.evaluate(f"{SHADOW}.querySelector('h2').textContent") == "For you"
    titles = page.evaluate(f"[...{SHADOW}.querySelectorAll('strong')].map(e => e.textContent)")
    assert all(titles) and len(set(titles)) == 4
    assert eventually(lambda: len(events(shop, "impression")) == 4)
    shown = {one["item"] for one in events(shop, "impression")}
    links = page.evaluate(f"[...{SHADOW}.querySelectorAll('a')].map(e => e.getAttribute('href'))")
    assert {unquote(link.partition("?id=")[2]) for link in links} == shown
    page.locator(".zhiyin-widget a >> nth=1").click()
    page.wait_for_url("**/item?id=*")
    assert eventually(lambda: len(events(shop, "click")) == 1), "told although the page went away"
    [click] = events(shop, "click")
    assert click["item"] == unquote(page.url.partition("?id=")[2])
    assert click["slate_id"] == events(shop, "impression")[0]["slate_id"]
    page.go_back()
    page.wait_for_function(f"{LINES} === 4")
    again = page.evaluate(f"[...{SHADOW}.querySelectorAll('strong')].map(e => e.textContent)")
    assert again != titles, "the same visitor: what was clicked changes the list"
    assert not page.context.cookies()


def test_hostile_titles_and_patterns_stay_text(shop: Any, visit: Any) -> None:
    past = [{"user": "", "session": f"w:{VISITOR}", "item": f"h{k}", "kind": "like"} for k in range(0, 12, 3)]
    assert shop.http.post("/v1/events", json=past).json()["accepted"] == len(past)
    page = visit(
        session=VISITOR, n="24", title="<img src=x onerror=window.hurt=1>",
        link="javascript:window.hurt=1//{id}", image="data:text/html,<script>window.hurt=1</script>{id}",
    )  # fmt: skip
    page.wait_for_function(f"{LINES} === 24")
    texts = page.evaluate(f"[...{SHADOW}.querySelectorAll('strong')].map(e => e.textContent)")
    assert sum("<" in text for text in texts) > 3, "hostile items are in the list"
    inside = page.evaluate(f"{SHADOW}.querySelectorAll('script, img, iframe, svg, object, a').length")
    assert inside == 0
    page.locator(".zhiyin-widget .line >> nth=0").click()
    page.wait_for_timeout(200)
    assert page.evaluate("window.hurt") is None


def test_it_draws_into_a_place_and_leaves_out_what_it_is_told_to(shop: Any, visit: Any) -> None:
    page = visit(into="#here", reasons="no", item="p1", n="24", locale="zh")
    page.wait_for_function(f"{LINES} > 0")
    assert page.evaluate("document.querySelector('#here .zhiyin-widget') !== null")
    assert page.evaluate(f"{SHADOW}.querySelectorAll('small').length") == 0
    links = page.evaluate(f"[...{SHADOW}.querySelectorAll('a')].map(e => e.getAttribute('href'))")
    assert not any(link.endswith("id=p1") for link in links)


def test_a_page_of_another_origin_gets_nothing_and_stays_whole(visit: Any) -> None:
    page = visit(host="localhost")
    assert eventually(lambda: bool(page.warnings) or page.wait_for_timeout(50))
    assert page.evaluate("document.querySelector('.zhiyin-widget')") is None
    assert page.inner_text("h1") == "Shop"


def test_a_key_that_may_not_is_a_warning_not_a_broken_page(visit: Any) -> None:
    page = visit(key="zy_live_nothing")
    assert eventually(lambda: any("401" in said for said in page.warnings) or page.wait_for_timeout(50)), (
        page.warnings
    )
    assert page.evaluate("document.querySelector('.zhiyin-widget')") is None
