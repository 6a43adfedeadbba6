"""Each page's main path, clicked through in both languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from service import eventually

LANGUAGES = ("en", "zh")
TITLES = ".ranking h3"


def shown(page: Any) -> list[str]:
    return page.locator(TITLES).all_inner_texts()  # type: ignore[no-any-return]


def changed(seat: Any, before: list[str]) -> list[str]:
    """The list once it is another one."""
    seat.until(
        "old => [...document.querySelectorAll('.ranking h3')].map(e => e.innerText).join('|') !== old",
        "|".join(before),
    )
    return shown(seat.page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_try_it(sit: Any, service: Any, language: str) -> None:
    seat = sit(language)
    page = seat.open("/console/try?user=u02", ".ranking li")
    seat.settled()
    first = shown(page)
    assert len(first) == 10 and page.locator(".reason").count() > 0
    liked = first[4]
    page.click(".ranking li:nth-child(5) .act.like")
    second = changed(seat, first)
    assert liked not in second, "what is in the history does not come back"
    assert page.locator(".move.fresh").count() >= 1
    assert page.locator(".deed.played").inner_text().endswith(liked)
    said = seat.until("document.querySelector('.unseen[role=status]').textContent")
    assert second[0] in said, "the new list is told to who cannot see it"
    seat.picture(f"try-{language}")
    assert service.http.get("/v1/users/u02/history?n=1").json()["events"][0]["kind"] != "like"
    page.click(".page-head .button >> nth=0")
    assert changed(seat, second) == first, "undo leads back"

    page.reload()
    page.wait_for_selector(".ranking li")
    assert shown(page) == first, "the address holds the state"
    page.click(".deed >> nth=0 >> .icon-button")
    page.wait_for_selector(".deed.out")
    assert changed(seat, first)
    seat.unhurt()


@pytest.mark.parametrize("language", LANGUAGES)
def test_somebody_composed_and_a_wish(sit: Any, language: str) -> None:
    seat = sit(language)
    page = seat.open("/console/try?who=new", ".ranking li")
    seat.settled()
    first = shown(page)
    page.fill(".who-card [role=combobox]", "茶壶" if language == "zh" else "teapot")
    page.wait_for_selector(".options li.active")
    assert ("茶壶" if language == "zh" else "Teapot") in page.inner_text(".options li.active")
    page.keyboard.press("Enter")
    page.wait_for_selector(".deed.played")
    composed = changed(seat, first)
    page.locator(".segmented input[value=wish]").check(force=True)
    page.fill(".who-card textarea", "lantern")
    wished = changed(seat, composed)
    seat.until("document.querySelector('.ranking h3').innerText.includes('Lantern')")
    assert wished and "words=lantern" in page.url
    seat.unhurt()


def test_written_events_count_and_are_attributed(sit: Any, service: Any) -> None:
    seat = sit()
    page = seat.open("/console/try?user=u04", ".ranking li")
    page.click(".toggle input")
    page.wait_for_selector(".answer-state .chip.warn")
    seat.settled()
    first = shown(page)
    page.click(".ranking li:nth-child(3) .act.purchase")
    changed(seat, first)
    newest = service.http.get("/v1/users/u04/history?n=1").json()["events"][0]
    assert (newest["title"], newest["kind"]) == (first[2], "purchase")
    events = service.http.get("/v1/users/u04/export").json()["events"]
    assert [event["kind"] for event in events].count("impression") == 10
    assert all(event["slate_id"] for event in events if event["kind"] in ("impression", "purchase"))
    seat.unhurt()


@pytest.mark.parametrize("language", LANGUAGES)
def test_why(sit: Any, language: str) -> None:
    seat = sit(language)
    page = seat.open("/console/try?user=u06", ".ranking li")
    seat.settled()
    listed = shown(page)
    page.click(".page-head .primary")
    page.wait_for_selector(".because")
    assert page.locator(".shown-title").all_inner_texts() == listed
    assert page.locator(".falls").count() >= 1 and page.locator(".heat").count() > 5
    page.click(".shown li:nth-child(2) button")
    seat.until("t => document.querySelectorAll('.columns .card h2')[1].innerText === t", listed[1])
    page.fill(".page-why .combobox input", "kettle")
    page.wait_for_selector(".options li.active")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status] .chip")
    page.click(".page-why .button.small[aria-pressed=false] >> nth=0")
    page.wait_for_selector(".card .card .slope")
    seat.picture(f"why-{language}", whole=True)
    kept = page.url
    page.goto(kept)
    page.wait_for_selector(".card .card .slope")
    assert page.locator(".button.small[aria-pressed=true]").count() == 1, "the address holds the what-if too"
    seat.open("/console/why", "tbody a")
    seat.unhurt()


@pytest.mark.parametrize("language", LANGUAGES)
def test_users(sit: Any, service: Any, language: str) -> None:
    name = f"gone-{language}"
    sent = [{"user": name, "item": f"p{k}", "kind": "click"} for k in range(4)]
    service.http.post("/v1/events", json=sent)
    seat = sit(language)
    page = seat.open("/console/users", "tbody a")
    page.fill("[role=combobox]", name)
    page.wait_for_selector(".options li.active")
    page.keyboard.press("Enter")
    page.wait_for_selector(".timeline li li")
    assert page.locator(".timeline li li").count() == 4
    page.wait_for_selector(".plain-list li")
    seat.settled()
    seat.picture(f"users-{language}", whole=True)
    page.fill(".interests ~ .row input, .stack > .row input[maxlength='200']", "lanterns at sea")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip.warn")
    said = service.http.get(f"/v1/users/{name}/profile").json()
    assert said["edited"] and "lanterns at sea" in [one["words"] for one in said["interests"]]
    with page.expect_download() as got:
        page.click(".rights-card .row .button:not(.danger)")
    exported = json.loads(got.value.path().read_text("utf-8"))
    assert len(exported["events"]) == 4
    page.click(".toggle input")
    page.wait_for_selector(".note")
    assert service.http.get(f"/v1/users/{name}").json()["personalise"] is False
    page.click(".button.danger")
    assert page.locator("dialog .button.danger").is_disabled()
    page.fill("dialog input", name)
    page.click("dialog .button.danger")
    erased = {"en": "Erased", "zh": "已抹除"}[language]  # the toast of opting out may still be there
    page.wait_for_selector(f".toast.good >> text={erased}")
    assert service.http.get(f"/v1/users/{name}").status_code == 404
    seat.unhurt()


@pytest.mark.parametrize("language", LANGUAGES)
def test_items(sit: Any, service: Any, language: str) -> None:
    seat = sit(language)
    page = seat.open("/console/items", "tbody a")
    page.fill("[role=combobox]", "罗盘" if language == "zh" else "compass")
    page.wait_for_selector(".options li.active")
    page.keyboard.press("Enter")
    page.wait_for_selector(".plain-list li")
    item = page.url.partition("id=")[2]
    answer = service.http.post("/v1/rank", json={"user": f"seen-{language}", "items": [item]}).json()
    sent = {"user": f"seen-{language}", "item": item, "slate_id": answer["meta"]["slate_id"]}
    service.http.post("/v1/events", json=[{**sent, "kind": kind} for kind in ("impression", "click")])
    assert eventually(lambda: service.http.get(f"/v1/items/{item}/exposure").json()["listed"] >= 1)
    page.reload()
    page.wait_for_selector(f"a:has-text('seen-{language}')")
    assert page.locator(".line-chart").count() == 2
    seat.settled()
    seat.picture(f"items-{language}", whole=True)
    page.click(".page-items .stack > details.twin summary")
    page.fill("details[open] input >> nth=0", "glow, 航海")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast.good")
    assert service.http.get(f"/v1/items/{item}/tags").json()["tags"] == ["glow", "航海"]
    page.fill(".editor-card input[type=text]", f"Edited {language}")
    page.click(".editor-card .button.primary")
    seat.until("t => document.querySelector('h1').innerText === t", f"Edited {language}")
    assert service.http.get(f"/v1/items/{item}").json()["title"] == f"Edited {language}"
    seat.unhurt()


def test_a_table_is_taken_along_and_calculates_nothing(sit: Any, service: Any) -> None:
    service.http.put("/v1/items/0formula", json={"title": "=1+1", "attributes": {"kind": "@SUM(A1)"}})
    page = sit().open("/console/items", "tbody a")
    with page.expect_download() as got:
        page.click(".table-foot .button >> nth=0")
    raw = got.value.path().read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and "'=1+1" in raw.decode("utf-8-sig")
    assert not any(
        cell.startswith(("=", "@", "+")) for row in raw.decode().splitlines() for cell in row.split(",")
    )
    service.http.delete("/v1/items/0formula")


def test_typing_goes_on_while_the_list_follows(sit: Any) -> None:
    """The field that is written in is never made anew: focus and an input method's composition stay."""
    seat = sit()
    page = seat.open("/console/try?who=wish", ".ranking li")
    page.click(".who-card textarea")
    for word in ("red ", "lantern ", "kettle"):
        page.keyboard.type(word)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(250)
    assert page.input_value(".who-card textarea") == "red lantern kettle"
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    seat.unhurt()


def test_enter_takes_what_was_typed_and_not_what_an_older_search_found(sit: Any, service: Any) -> None:
    """Fast fingers press Enter while the list still shows what fewer letters found."""
    sent = [{"user": name, "item": "p1", "kind": "click"} for name in ("fast-a", "fast-b")]
    service.http.post("/v1/events", json=sent)
    seat = sit()
    page = seat.open("/console/users", "tbody a")
    page.click("[role=combobox]")
    page.keyboard.type("fast")
    page.wait_for_selector(".options li.active >> text=fast-a")
    page.keyboard.type("-b")
    page.keyboard.press("Enter")
    page.wait_for_selector(".timeline li li")
    assert page.url.endswith("id=fast-b")
    page.wait_for_timeout(400)
    assert page.locator(".options").first.is_hidden(), (
        "the search that was on its way does not open the list again"
    )
    seat.unhurt()
