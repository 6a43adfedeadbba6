"""Map, Compare, Quality, Live, Data, Settings, API: main paths, rules, small windows, hostile texts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from service import eventually
from test_reach import axe

PAGES = ("map", "compare", "compare?of=days", "quality", "live", "data", "data?tab=health",
         "settings", "settings?tab=artefacts", "settings?tab=keys", "settings?tab=backups",
         "settings?tab=service", "api")  # fmt: skip

WORDS = ("q", "only", "user", "at", "lasso", "colour", "tab", "kind", "route", "body", "run", "a", "b",
         "file", "values", "window", "attribute", "of")  # fmt: skip


def worked(service: Any, **request: Any) -> dict[str, Any]:
    """A job from its start to its result, asked for over HTTP."""
    until = time.monotonic() + 120
    while (answer := service.http.post("/v1/jobs", json=request)).status_code == 409:
        assert time.monotonic() < until
        time.sleep(0.1)
    name = answer.json()["id"]
    while (job := service.http.get(f"/v1/jobs/{name}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.1)
    assert job["state"] == "done", job
    return service.http.get(f"/v1/jobs/{name}/result").json()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def versions(service: Any) -> tuple[str, str]:
    """A second version with another setting beside the one that serves, evaluated and compared."""
    toml = service.http.get("/v1/pipeline").json()["toml"]
    worked(service, kind="publish", toml=f"n_each = 37\n{toml}")
    second, first = (one["version"] for one in service.http.get("/v1/artefacts").json()["artefacts"][:2])
    worked(service, kind="evaluate", max_questions=50)
    worked(service, kind="compare", artefacts=[first, second], max_questions=50)
    return first, second


@pytest.fixture(scope="module")
def drawn(service: Any, versions: tuple[str, str]) -> dict[str, Any]:
    """Of the version that serves."""
    worked(service, kind="health")
    return worked(service, kind="map")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_map_is_searched_coloured_and_listed(sit: Any, drawn: dict[str, Any], language: str) -> None:
    seat = sit(language)
    page = seat.open("/console/map", ".map-canvas")
    assert page.locator(".map-key").count() >= 1
    page.fill(".page-map input[type=search]", "teapot")
    page.wait_for_selector(".page-map tbody a")
    titles = page.locator(".page-map tbody th").all_inner_texts()
    assert titles and all("Teapot" in title for title in titles)
    page.locator(".segmented input[value=list]").check(force=True)
    assert page.locator(".map-card").is_hidden() and "as=list" in page.url
    page.reload()
    page.wait_for_selector(".page-map tbody a")
    assert page.locator(".page-map tbody th").all_inner_texts() == titles, "the address holds the state"
    seat.unhurt()


def test_a_lasso_and_a_person_on_the_map(sit: Any, drawn: dict[str, Any]) -> None:
    seat = sit()
    page = seat.open("/console/map?user=u02", ".map-list li")
    box = page.locator(".map-canvas").bounding_box()
    page.click(".map-tools .button >> nth=0")
    page.mouse.move(box["x"] + 8, box["y"] + 60)
    page.mouse.down()
    for x, y in ((box["width"] - 8, 60), (box["width"] - 8, box["height"] - 8), (8, box["height"] - 8)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
    page.mouse.up()
    page.wait_for_selector(".page-map tbody a")
    assert "lasso=" in page.url and "user=u02" in page.url
    page.focus(".map-canvas")
    page.keyboard.press("+")
    page.wait_for_timeout(500)
    assert "at=" in page.url
    seat.unhurt()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_two_days_are_compared(sit: Any, service: Any, language: str) -> None:
    now = time.time()
    sent = [
        {"user": f"{day}-{k}", "item": f"p{k % 9}", "kind": kind, "at": now - 86_400 * day}
        for day, kind, n in ((0, "impression", 12), (1, "impression", 6), (0, "click", 3), (1, "like", 2))
        for k in range(n)
    ]
    assert service.http.post("/v1/events", json=sent).json()["accepted"] == len(sent)
    seat = sit(language)
    page = seat.open("/console/compare", ".segmented")
    page.locator(".segmented input[value=days]").check(force=True)
    page.wait_for_selector(".page-compare tbody a")
    days = service.http.get("/v1/days").json()["days"][:2]
    assert page.locator("h2").filter(has_text=f"{days[1]['day']} → {days[0]['day']}").count() == 1
    shown = page.locator(".page-compare tbody tr").first.locator("td").all_inner_texts()
    assert shown == [str(days[1]["shown"]), str(days[0]["shown"])]
    seat.settled()
    seat.picture(f"days-{language}", whole=True)
    page.locator(".page-compare select").first.select_option(days[0]["day"])
    page.wait_for_selector(f'h2:has-text("{days[0]["day"]} → {days[0]["day"]}")')
    assert f"a={days[0]['day']}" in page.url and "of=days" in page.url
    seat.unhurt()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_versions_are_compared_and_judged_blind(
    sit: Any, service: Any, versions: tuple[str, str], language: str
) -> None:
    seat = sit(language)
    page = seat.open("/console/compare", ".whisker")
    assert "37" in page.inner_text(".diff")
    seat.settled()
    seat.picture(f"compared-{language}", whole=True)
    page.locator(".segmented input[value=judge]").check(force=True)
    page.wait_for_selector(".pair-lists")
    done = page.locator(".judging .chip.accent")
    before = done.inner_text()
    page.fill(".page-compare input[type=text]", f"judge {language}")
    page.keyboard.press("Enter")
    page.wait_for_selector(".pair-lists")
    page.locator("h1").click()
    numbers = []
    for key in ("1", "2", "0", "u", "1"):
        page.keyboard.press(key)
        seat.until("old => document.querySelector('.judging .chip.accent').innerText !== old", before)
        before = done.inner_text()
        numbers.append(
            int(before.split()[0] if language == "en" else before.split("/")[0].strip().split()[-1])
        )
    assert numbers == [1, 2, 3, 2, 3], "one key, one judgement, and back"
    job = next(one for one in service.http.get("/v1/jobs", params={"kind": "compare"}).json()["jobs"])
    found = service.http.get(f"/v1/jobs/{job['id']}/judgements", params={"judge": f"judge {language}"}).json()
    assert found["done"] == 3 and found["tally"] is None
    seat.unhurt()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_quality_is_shown_beside_the_baselines(
    sit: Any, service: Any, versions: tuple[str, str], language: str
) -> None:
    seat = sit(language)
    page = seat.open("/console/quality", ".page-quality table")
    assert page.locator(".page-quality svg").count() >= 1
    assert page.locator(".page-quality tbody th").all_inner_texts()
    seat.settled()
    seat.picture(f"quality-{language}", whole=True)
    seat.unhurt()


def test_an_earlier_version_is_taken_back_and_again(
    sit: Any, service: Any, versions: tuple[str, str]
) -> None:
    first, second = versions
    seat = sit()
    page = seat.open("/console/settings?tab=artefacts", "tbody")
    page.locator("tr").filter(has_text=first).locator("button").first.click()
    page.locator("dialog[open] .button.primary, dialog[open] .button.danger").first.click()

    def serves(version: str) -> bool:
        rows = service.http.get("/v1/artefacts").json()["artefacts"]
        return next(one["version"] for one in rows if one["state"] == "serving") == version

    assert eventually(lambda: serves(first))
    answer = service.http.post("/v1/artefacts/rollback", json={"to": second})
    assert answer.status_code == 200 and eventually(lambda: serves(second))
    seat.unhurt()


def test_what_happens_is_seen_as_it_happens(sit: Any, service: Any) -> None:
    seat = sit()
    page = seat.open("/console/live", ".page-live .tile-value")
    service.http.post("/v1/events", json={"user": "u02", "item": "p7", "kind": "share"})
    page.wait_for_selector(".feed li:has-text('shared')")
    service.recommend("u04", n=3, surface="checkout")
    page.wait_for_selector(".feed li:has-text('checkout')")
    seat.unhurt()


def test_a_file_is_brought_in_step_by_step(sit: Any, service: Any, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "customer,sku,when\nnew-one,p1,2026-01-02T10:00:00Z\nnew-one,p2,2026-01-03T10:00:00Z\n,p3,x\n"
        "new-one,p4,the day after\n"
    )
    seat = sit()
    page = seat.open("/console/data", ".drop")
    page.set_input_files("#file", file)
    page.wait_for_selector(".page-data .fields select")
    selects = page.locator(".page-data .fields .field")
    for role, column in (("User", "customer"), ("Item", "sku"), ("Time", "when")):
        selects.filter(has_text=role).first.locator("select").select_option(column)
    page.click(".page-data .button.primary")
    page.wait_for_selector(".page-data .chip.good", timeout=90_000)
    assert "2 kept" in page.inner_text(".page-data .stack")
    page.locator("tr").filter(has_text="the day after").locator("input.fix").fill("2026-01-04T10:00:00Z")
    page.keyboard.press("Enter")
    page.wait_for_selector(".page-data .chip.good:has-text('3 kept')", timeout=90_000)
    assert page.locator("tr").filter(has_text="the day after").count() == 1, "the file's own first rows only"
    page.click(".page-data .button.primary >> nth=1")
    page.wait_for_selector("text=3 written", timeout=90_000)
    events = service.http.get("/v1/users/new-one/history").json()["events"]
    assert [event["item"] for event in events] == ["p4", "p2", "p1"]
    seat.unhurt()


def test_a_mistake_in_the_pipeline_is_told_with_its_place(sit: Any) -> None:
    seat = sit()
    page = seat.open("/console/settings", ".flow-part")
    before = page.locator(".flow-part").count()
    text = page.input_value("#toml")
    page.fill("#toml", text.replace('type = "popular"', 'type = "populer"'))
    page.wait_for_selector(".faults li")
    assert "popular" in page.inner_text(".faults") and page.locator(".button.primary").is_disabled()
    page.click(".faults .text-button")
    assert "populer" in page.evaluate(
        "(e => e.value.slice(e.selectionStart, e.selectionEnd))(document.activeElement)"
    )
    page.fill("#toml", "n_candidates = 33\n" + text)
    page.wait_for_selector("#toml-said .chip.good")
    assert page.locator(".flow-part").count() == before
    page.click(".flow-part >> nth=1")
    page.wait_for_selector("dialog[open] p")
    seat.faults = [fault for fault in seat.faults if "ApiError" not in fault]
    seat.unhurt()


def test_a_request_is_tried_and_taken_along(sit: Any, service: Any) -> None:
    """What is copied is run as it stands: a name with every kind of quote comes through all of them."""
    seat = sit()
    page = seat.open("/console/api?route=post+%2Fv1%2Frecommend", ".snippet")
    words = 'o\'clock "tea" $HOME `id` \\\\ 茶 🍵'
    page.fill("#api-body", json.dumps({"user": "u02", "n": 2, "words": words}))
    page.click(".page-api .button.primary")
    page.wait_for_selector(".reply")
    answer = json.loads(page.inner_text(".reply"))
    assert len(answer["items"]) == 2
    for name, command in (
        ("python", [sys.executable, "-c"]),
        ("curl", ["bash", "-c"]),
        ("typescript", ["node", "--input-type=module", "-e"]),
    ):
        page.locator(f".segmented input[value={name}]").check(force=True)
        copied = page.inner_text(".snippet")
        assert "u02" in copied
        needed = "curl" if name == "curl" else command[0]
        if shutil.which(needed):
            done = subprocess.run(
                [*command, copied], env={**os.environ, "ZHIYIN_KEY": service.key}, capture_output=True,
                text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)
            assert [line["id"] for line in found["items"]] == [line["id"] for line in answer["items"]]
            trace = service.http.get(f"/v1/trace/{found['meta']['slate_id']}").json()
            assert trace["request"]["words"] == words
    seat.unhurt()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing(sit: Any, drawn: dict[str, Any], language: str, theme: str) -> None:
    seat = sit(language, theme, reduced_motion="reduce", bypass_csp=True)
    said = []
    for name in PAGES:
        page = seat.open(f"/console/{name}")
        page.wait_for_function("!document.querySelector('.waiting')")
        page.wait_for_timeout(300)
        said += [f"{name}: {fault}" for fault in axe(page)]
        seat.picture(f"{name.replace('?tab=', '-')}-{language}-{theme}")
    assert not said, "\n".join(said)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 450)], ids=["360 px", "200 %"])
def test_nothing_scrolls_sideways(sit: Any, drawn: dict[str, Any], width: int, height: int) -> None:
    seat = sit(width=width, height=height, bypass_csp=True)
    for name in PAGES:
        page = seat.open(f"/console/{name}")
        page.wait_for_function("!document.querySelector('.waiting')")
        page.wait_for_timeout(200)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide"
        seat.picture(f"{name.replace('?tab=', '-')}-{width}")


def test_hostile_titles_and_addresses_stay_text(sit: Any, drawn: dict[str, Any]) -> None:
    from hostile import HOSTILE

    seat = sit(bypass_csp=True)
    page = seat.open("/console/map?as=list&user=u03", ".page-map tbody a")
    seat.open("/console/live", ".feed li")
    for turn, text in enumerate(HOSTILE[::6]):
        state = dict.fromkeys(WORDS, text)
        name = ("map", "compare", "quality", "live", "data", "settings", "api")[turn % 7]
        page.evaluate(
            """([name, state]) => {
              history.pushState(null, '', `/console/${name}?${new URLSearchParams(state)}`);
              dispatchEvent(new PopStateEvent('popstate'));
            }""",
            [name, state],
        )
        page.wait_for_selector(".page h1")
        page.wait_for_timeout(150)
    assert page.evaluate("window.hurt") is None
    assert not [fault for fault in seat.faults if fault.startswith(("dialog", "asked elsewhere"))]
