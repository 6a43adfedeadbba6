"""The console in a real browser: bytes and time to the first page, click to new list; NiceGUI beside it.

`python bench/bench_console.py --project zhiyin-demo`. With `--nicegui PYTHON` (an interpreter that has it) a
page of that shape in NiceGUI is measured too: ten lines in a table, a button that puts them in another order.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE_S = 120.0
DEEDS = ("like", "click", "hide", "purchase")
NICEGUI = """
from nicegui import ui
rows = [{"rank": k, "title": f"Item {k}"} for k in range(1, 11)]
@ui.page("/")
def page():
    columns = [{"name": name, "label": name, "field": name} for name in ("rank", "title")]
    ui.label("Try it")
    table = ui.table(columns=columns, rows=rows, row_key="rank")
    def turn():
        table.rows = table.rows[1:] + table.rows[:1]
        table.update()
    ui.button("Turn", on_click=turn)
ui.run(port=PORT, show=False, reload=False)
"""


def started(command: Sequence[str], said: str, log: Path) -> tuple[subprocess.Popen[bytes], re.Match[str]]:
    """A process, once its log says what is waited for."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(said, log.read_text("utf-8", "replace")):
            return process, found
        time.sleep(0.05)
    process.kill()
    raise SystemExit(f"{command} did not start:\n{log.read_text()[-2000:]}")


def mib(pid: int) -> float:
    """Resident memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (str(pid), *children)]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def loaded(page: Any) -> str:
    """Bytes over the wire, and requests."""
    sizes = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(e => e.transferSize)"
    )
    return f"{sum(sizes) / 1024:.0f} KiB in {len(sizes)} requests"


def faults(page: Any) -> int:
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": RULES, "resultTypes": ["violations"]}
    return sum(len(one["nodes"]) for one in Axe().run(page, options=options).response["violations"])


def spread(ms: Sequence[float]) -> str:
    ordered = sorted(ms)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    middle = statistics.median(ordered)
    return f"p50 {middle:.0f} ms, p95 {p95:.0f} ms, most {ordered[-1]:.0f} ms (n={len(ordered)})"


def ours(browser: Any, link: str, clicks: int) -> None:
    """The console on the demo: users by turns, four deeds each, as somebody would play."""
    origin = link.partition("/console/")[0]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector(".ranking li")
    state = context.storage_state()
    firsts = []
    for _ in range(5):
        fresh = browser.new_context(viewport={"width": 1280, "height": 900}, storage_state=state).new_page()
        began = time.perf_counter()
        fresh.goto(f"{origin}/console/try?user=471")
        fresh.wait_for_selector(".ranking li")
        firsts.append(1e3 * (time.perf_counter() - began))
        what = loaded(fresh)
        fresh.context.close()
    print("first page usable, empty cache:", spread(firsts), "-", what)
    taken: list[float] = []
    for turn in range(clicks // 4):
        page.goto(f"{origin}/console/try?user={100 + 7 * turn}")
        page.wait_for_selector(".ranking .about:not(:empty)")
        for deed in range(4):
            page.click(f".ranking li:nth-child({1 + (3 * deed) % 7}) .act.{DEEDS[deed]}")
            page.wait_for_selector(f".deed.played >> nth={deed}")
            page.wait_for_load_state("networkidle")
        taken += page.evaluate("performance.getEntriesByName('zhiyin.rerank').map(e => e.duration)")
    print("click to new list on the page:", spread(taken))


def nicegui(browser: Any, python: str, folder: Path, port: int = 8979) -> None:
    """The same shape of page, made and kept on the server."""
    script = folder / "page.py"
    script.write_text(NICEGUI.replace("PORT", str(port)), encoding="utf-8")
    process, _ = started([python, str(script)], "ready to go", folder / "nicegui.log")
    try:
        firsts, taken = [], []
        for _ in range(5):
            page = browser.new_context(bypass_csp=True).new_page()
            began = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("tbody tr td")
            firsts.append(1e3 * (time.perf_counter() - began))
            what = loaded(page)
            page.wait_for_timeout(500)
            for _ in range(8):
                first = page.inner_text("tbody tr td")
                began = time.perf_counter()
                page.click("button:has-text('Turn')")
                while page.inner_text("tbody tr td") == first:
                    page.wait_for_timeout(2)
                taken.append(1e3 * (time.perf_counter() - began))
        print("NiceGUI, first page:", spread(firsts), "-", what)
        print("NiceGUI, click to new table:", spread(taken), "with nothing computed")
        print(f"NiceGUI, process: {mib(process.pid):.0f} MiB; axe: {faults(page)} elements at fault")
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--project", type=Path, default=Path("zhiyin-demo"), help="what `zhiyin demo` has left"
    )
    parser.add_argument("--clicks", type=int, default=80)
    parser.add_argument("--nicegui", default="", help="a Python interpreter that has NiceGUI")
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("ZHIYIN_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as driver:
        folder = Path(kept)
        shutil.copytree(chosen.project, folder / "shop")
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        command = [sys.executable, "-m", "zhiyin", "serve", str(folder / "shop"), "--port", "0"]
        process, found = started(
            [*command, "--set", "anonymous_per_s=0"], r"console\s+(http\S+)", folder / "log"
        )
        try:
            before = mib(process.pid)
            ours(browser, found[1], chosen.clicks)
            print(
                f"service: {before:.0f} MiB before, {mib(process.pid):.0f} MiB after; no process besides it"
            )
        finally:
            process.terminate()
            process.wait(60)
        if chosen.nicegui:
            nicegui(browser, chosen.nicegui, folder)
        browser.close()


if __name__ == "__main__":
    main()
