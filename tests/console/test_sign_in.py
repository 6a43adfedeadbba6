"""Signing in by key and by link, out again, and what a key that may only look is shown."""

from __future__ import annotations

import re
from typing import Any

import pytest

FORM = ".sign-in input[type=password]"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_key_signs_in_and_out(sit: Any, service: Any, language: str) -> None:
    seat = sit(language, key="")
    page = seat.open("/console/items?id=p3", FORM)
    seat.picture(f"sign-in-{language}")
    page.fill(FORM, "zy_live_wrong")
    page.keyboard.press("Enter")
    seat.until("document.querySelector('[role=alert]').textContent.length > 5")
    page.fill(FORM, service.key)
    page.keyboard.press("Enter")
    page.wait_for_selector(".page-items h1")
    assert "id=p3" in page.url, "where the reader wanted to go"
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "zy_live" not in stored and "zhiyin_session" not in stored
    page.click(".tools .icon-button:last-child")
    page.wait_for_selector(FORM)
    page.reload()
    page.wait_for_selector(FORM)
    seat.unhurt()


def test_the_printed_link_signs_in_once_and_leaves_the_address(sit: Any, service: Any) -> None:
    link = re.findall(r"console\s+http://[^/]+(/console/#link=zy_live_\w+)", service.log)[-1]
    seat = sit(key="")
    page = seat.open(link, ".menu")
    assert "link" not in page.url and "zy_live" not in page.evaluate(
        "JSON.stringify(history.state) + location"
    )
    page.wait_for_selector(".ranking li")
    again = sit(key="")
    page = again.open(link, FORM)
    assert page.inner_text("[role=alert]")
    requests = [line for line in service.log.splitlines() if '"event":"request"' in line]
    assert requests and not any("zy_live" in line for line in requests), "no secret in the log of requests"


def test_who_may_only_look_is_offered_nothing_else(sit: Any, service: Any) -> None:
    key = service.http.post("/v1/keys", json={"name": "looker", "scopes": ["read"]}).json()["secret"]
    seat = sit(key=key)
    page = seat.open("/console/try?user=u02", ".ranking li")
    assert page.locator(".toggle").count() == 0, "no writing of events"
    page.click(".ranking li:nth-child(2) .act.like")
    page.wait_for_selector(".deed.played")
    seat.open("/console/users?id=u02", ".timeline li")
    assert page.locator(".button.danger, .toggle").count() == 0
    seat.open("/console/items?id=p1", ".plain-list li")
    assert page.locator(".page-items textarea").count() == 0
    seat.unhurt()


def test_a_session_that_ended_leads_to_the_sign_in(sit: Any, service: Any) -> None:
    made = service.http.post("/v1/keys", json={"name": "short", "scopes": ["read"]}).json()
    seat = sit(key=made["secret"])
    page = seat.open("/console/try?user=u02", ".ranking li")
    service.http.delete(f"/v1/keys/{made['id']}")
    page.wait_for_timeout(1100)  # other workers take a second to know
    page.evaluate("document.querySelector('.ranking li .act.like')?.click()")  # unless it has noticed already
    page.wait_for_selector(FORM)
    seat.unhurt()
