"""Takes the README's pictures of the console from the demo: `make pictures`.

Needs chromium and Playwright's driver. The project is served as anybody would serve it, on a free port.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
USER = "471"
PATIENCE_S = 120.0


def served(project: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A running service and its one-time link."""
    command = [sys.executable, "-m", "zhiyin", "serve", str(project), "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"console\s+(http\S+)", log.read_text("utf-8", "replace")):
            return process, found[1]
        time.sleep(0.1)
    process.kill()
    raise SystemExit(f"the service did not start:\n{log.read_text()}")


def pictures(browser: Any, link: str, folder: Path) -> None:
    """Try it after two deeds, the decision behind it, and the map."""
    origin = link.partition("/console/")[0]
    page = browser.new_page(
        viewport={"width": 1280, "height": 860}, color_scheme="light", locale="en-GB", device_scale_factor=1.5
    )
    page.goto(link)
    page.wait_for_selector(".ranking li")
    page.goto(f"{origin}/console/try?user={USER}")
    for place, kind in ((5, "like"), (4, "hide")):
        page.wait_for_selector(".ranking .about:not(:empty)")
        page.click(f".ranking li:nth-child({place}) .act.{kind}")
        page.wait_for_selector(f".deed.played >> nth={0 if kind == 'like' else 1}")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(700)  # the lines have come to rest
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=folder / "console-try.png")
    page.click(".page-head .primary")
    page.wait_for_selector(".because")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / "console-why.png")
    page.goto(f"{origin}/console/map")
    draw = page.get_by_role("button", name="Draw the map")
    page.wait_for_selector("canvas, main button")
    if draw.count():
        draw.click()
    page.wait_for_selector("canvas", timeout=PATIENCE_S * 1e3)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / "console-map.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--project", type=Path, default=Path("zhiyin-demo"), help="what `zhiyin demo` has left"
    )
    parser.add_argument("--out", type=Path, default=IMAGES)
    chosen = parser.parse_args()
    if not (chosen.project / "artefact").is_dir():
        raise SystemExit(f"{chosen.project}: expected a fitted project. Make one: zhiyin demo")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit("this needs Playwright's driver: pip install playwright") from None
    chromium = os.environ.get("ZHIYIN_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        copy = Path(folder) / "shop"
        shutil.copytree(chosen.project, copy)
        process, link = served(copy, Path(folder) / "log")
        try:
            browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            pictures(browser, link, chosen.out)
            browser.close()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


if __name__ == "__main__":
    main()
