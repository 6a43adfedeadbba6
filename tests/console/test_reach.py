"""For everybody: axe-core finds nothing, small windows hold, keys suffice, input methods are safe."""

from __future__ import annotations

from typing import Any

import pytest

PAGES = {
    "try": ("/console/try?user=u02&past=like~p3", ".ranking li"),
    "wish": ("/console/try?who=wish&words=lantern", ".ranking li"),
    "decisions": ("/console/why", "tbody a"),
    "why": ("/console/why?slate=SLATE", ".because"),
    "users": ("/console/users", "tbody a"),
    "user": ("/console/users?id=u02", ".timeline li"),
    "items": ("/console/items", "tbody a"),
    "item": ("/console/items?id=p4", ".plain-list li"),
    "nowhere": ("/console/nowhere", ".empty"),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def slate(service: Any) -> str:
    made: str = service.recommend("u02", n=8, surface="home")["meta"]["slate_id"]
    service.http.get(f"/v1/trace/{made}").raise_for_status()
    return made


def axe(page: Any) -> list[str]:
    """What the rules of WCAG 2.2 AA find wrong, readably."""
    driver = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    found = driver.Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing(sit: Any, slate: str, language: str, theme: str) -> None:
    seat = sit(language, theme, reduced_motion="reduce", bypass_csp=True)
    said = []
    for name, (path, wait) in PAGES.items():
        page = seat.open(path.replace("SLATE", slate), wait)
        seat.settled()
        said += [f"{name}: {fault}" for fault in axe(page)]
        seat.picture(f"{name}-{language}-{theme}")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    said += [f"keys: {fault}" for fault in axe(page)]
    stranger = sit(language, theme, key="", bypass_csp=True)
    said += [f"sign-in: {fault}" for fault in axe(stranger.open("/console/", ".sign-in"))]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 450)], ids=["360 px", "200 %"])
def test_small_and_enlarged_windows_do_not_scroll_sideways(
    sit: Any, slate: str, width: int, height: int
) -> None:
    seat = sit(width=width, height=height, device_scale_factor=2 if width == 640 else 1)
    for name, (path, wait) in PAGES.items():
        for user in ("u02", "u03"):  # the second one has the long and hostile titles
            if user == "u03" and "u02" not in path:
                continue
            page = seat.open(path.replace("SLATE", slate).replace("u02", user), wait)
            seat.settled()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} for {user} is {wide} px wide"
        seat.picture(f"{name}-{width}")
    page.click(".opener")
    page.click(".menu a[data-page=try]")
    page.wait_for_selector(".ranking li")
    assert page.locator(".menu.open").count() == 0
    seat.unhurt()


def test_the_keyboard_alone_suffices_for_try_it(sit: Any) -> None:
    seat = sit()
    page = seat.open("/console/try?user=u02", ".ranking li")
    seat.settled()

    def focused() -> str:
        return page.evaluate(  # type: ignore[no-any-return]
            "(e => e.getAttribute('aria-label') || e.innerText || e.tagName)(document.activeElement)"
        )

    def tab_until(word: str, most: int = 60) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if word in focused():
                return
        raise AssertionError(f"Tab never reached {word!r}, stands on {focused()!r}")

    page.keyboard.press("Tab")
    assert "Skip" in focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    first = page.locator(".ranking h3").all_inner_texts()
    tab_until(f"Like {first[0]}")
    page.keyboard.press("ArrowDown")
    assert focused() == f"Like {first[1]}"
    page.keyboard.press("Enter")
    page.wait_for_selector(".deed.played")
    seat.until("document.activeElement.dataset.kind === 'like'")
    seat.settled()
    page.keyboard.press("Control+z")
    seat.until("!document.querySelector('.deed.played')")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("Blue Kettle")
    page.wait_for_selector("dialog .options li.active")
    seat.until("document.querySelector('dialog .options')?.innerText.includes('Blue Kettle')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".page-items h1")
    page.keyboard.press("?")
    page.wait_for_selector("dialog .keys")
    page.keyboard.press("Escape")
    seat.until("!document.querySelector('dialog')")
    page.keyboard.press("Shift+L")
    seat.until("document.documentElement.lang === 'zh-CN'")
    page.keyboard.press("Shift+T")
    seat.until("document.documentElement.dataset.theme === 'dark'")
    seat.unhurt()


COMPOSE = """input => {
  const press = (more) => {
    const how = {key: "Enter", bubbles: true, cancelable: true, ...more};
    input.dispatchEvent(new KeyboardEvent("keydown", how));
  };
  input.focus();
  input.dispatchEvent(new CompositionEvent("compositionstart", {bubbles: true}));
  press({isComposing: true});
  press({keyCode: 229});
}"""


def test_enter_that_belongs_to_an_input_method_submits_nothing(sit: Any, service: Any) -> None:
    seat = sit("zh", key="")
    page = seat.open("/console/", ".sign-in")
    page.fill(".sign-in input", "half a key")
    page.locator(".sign-in input").evaluate(COMPOSE)
    page.wait_for_timeout(150)
    assert page.inner_text("[role=alert]") == "", "the sign-in was not sent"
    seat = sit("zh")
    for path, field in (
        ("/console/try?who=new", ".who-card [role=combobox]"),
        ("/console/items", "[role=combobox]"),
    ):
        page = seat.open(path)
        seat.settled()
        before = page.url
        page.fill(field, "茶壶")
        page.wait_for_selector(".options li.active")
        page.locator(field).evaluate(COMPOSE)
        assert page.url == before and page.locator(".options li.active").count() == 1
        page.press(field, "Enter")
        seat.until("before => location.href !== before", before)
    seat.open("/console/why", "tbody a")
    before = page.url
    page.fill(".field input[type=search]", "u02")
    page.locator(".field input[type=search]").evaluate(COMPOSE)
    assert page.url == before
    page.press(".field input[type=search]", "Enter")
    seat.until("location.search.includes('u02')")
    seat.unhurt()
