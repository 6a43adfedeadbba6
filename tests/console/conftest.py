"""One service with one project, one browser, and pages that are signed in and watched."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "serve"))

CHROMIUM = os.environ.get("ZHIYIN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-default-browser-check",
]  # fmt: skip
PATIENCE_S = 20.0
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (said) => {
  window.broken.push(`${said.violatedDirective} ${said.blockedURI}`);
});
"""


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real server."""
    from service import serving
    from shop import make

    folder = tmp_path_factory.mktemp("console") / "shop"
    key = make(folder)
    with serving(folder, key, workers=1, failed_keys_per_minute=10_000) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for one file: as long as its driver runs, no other test may have an event loop."""
    if not CHROMIUM:
        pytest.skip("no chromium here; ZHIYIN_CHROMIUM may name one")
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright's driver is not installed")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Seat:
    """A reader before the console: a page, and what went wrong on it."""

    def __init__(self, page: Any, address: str, pictures: Path) -> None:
        self.page, self.address, self.pictures = page, address, pictures
        self.faults: list[str] = []
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {request.url}")

    def open(self, path: str, wait: str = ".page h1") -> Any:
        self.page.goto(self.address + path)
        self.page.wait_for_selector(wait)
        return self.page

    def settled(self) -> None:
        """Nothing is on its way any more."""
        self.page.wait_for_load_state("networkidle")
        self.until("!document.querySelector('.waiting, [aria-busy=true]')")

    def until(self, true: str, arg: Any = None) -> Any:
        """What a JavaScript expression, or a function of `arg`, says once it is true.

        Playwright's own waiting evaluates texts inside of the page, which the page's policy refuses.
        """
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if said := self.page.evaluate(true, arg):
                return said
            self.page.wait_for_timeout(30)
        raise AssertionError(f"never true: {true} with {arg!r}")

    def picture(self, name: str, *, whole: bool = False) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=whole, animations="disabled")

    def unhurt(self) -> None:
        """Nothing was executed, blocked, thrown or asked elsewhere."""
        self.faults += [f"policy: {said}" for said in self.page.evaluate("window.broken")]
        assert self.page.evaluate("window.hurt") is None
        assert not self.faults, "\n".join(self.faults)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: ZHIYIN_PICTURES, else with pytest's own files."""
    kept = os.environ.get("ZHIYIN_PICTURES")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def sitting(service: Any, chromium: Any) -> Callable[[str], dict[str, Any]]:
    """Signs a key in once; what the browser keeps of it serves for every context."""
    kept: dict[str, dict[str, Any]] = {}

    def signed_in(key: str) -> dict[str, Any]:
        if key not in kept:
            context = chromium.new_context()
            answer = context.request.post(f"http://127.0.0.1:{service.port}/v1/session", data={"key": key})
            assert answer.status == 200, answer.text()
            kept[key] = context.storage_state()
            context.close()
        return kept[key]

    return signed_in


@pytest.fixture
def sit(service: Any, chromium: Any, sitting: Any, pictures: Path) -> Iterator[Callable[..., Seat]]:
    """A new reader: `language`, `theme`, `key` (empty: a stranger), size of the window."""
    open_ones: list[Any] = []

    def seat(
        language: str = "en",
        theme: str = "light",
        key: str | None = None,
        width: int = 1280,
        height: int = 900,
        **more: Any,
    ) -> Seat:
        state = sitting(service.key if key is None else key) if key != "" else None
        context = chromium.new_context(
            locale=LANGUAGES[language], color_scheme=theme, viewport={"width": width, "height": height},
            storage_state=state, timezone_id="Asia/Shanghai", **more,
        )  # fmt: skip
        context.add_init_script(WATCH)
        open_ones.append(context)
        return Seat(context.new_page(), f"http://127.0.0.1:{service.port}", pictures)

    yield seat
    for context in open_ones:
        context.close()
