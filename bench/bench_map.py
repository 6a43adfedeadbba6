"""The console on this machine: drawing the map of many items, panning it in a browser, opening pages.

python bench/bench_map.py              # all; needs Debian's chromium and Playwright's driver
python bench/bench_map.py --map        # only the drawing, which needs no browser
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.represent.plane import neighbours, plane, principal
from zhiyin.types import Interaction, Item

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TOML = '[retrievers.kernel]\ntype = "kernel"\n\n[retrievers.popular]\ntype = "popular"\n'
PAN = """async (seconds) => {
  const canvas = document.querySelector('.map-canvas'), box = canvas.getBoundingClientRect();
  const say = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true }));
  const gaps = []; let before = 0, n = 0;
  say('pointerdown', 300, 300);
  const until = performance.now() + 1000 * seconds;
  await new Promise((done) => requestAnimationFrame(function step(now) {
    if (before) gaps.push(now - before);
    before = now; n += 1;
    say('pointermove', 300 + 120 * Math.sin(n / 15), 300 + 90 * Math.cos(n / 22));
    if (now < until) requestAnimationFrame(step); else done();
  }));
  say('pointerup', 300, 300);
  gaps.sort((a, b) => a - b);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  return { frames: gaps.length, fps: 1000 / mean, p95_ms: gaps[Math.floor(gaps.length * 0.95)] };
}"""


DRAW = """async () => {
  const app = document.querySelector('script[type=module]').src;
  const { measured } = await import(app.replace(/app\\.js$/, 'pages/map.js'));
  const began = performance.now();
  for (let turn = 0; turn < 30; turn++) measured.canvas.draw();
  return (performance.now() - began) / 30;
}"""


def vectors(n: int, dim: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit rows around 60 centres, as the texts of a shop lie."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((60, dim)).astype(np.float32)
    rows = centres[random.integers(0, 60, n)] + random.standard_normal((n, dim)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def draw(n: int, dim: int) -> dict[str, float]:
    """Seconds of each step of drawing a map."""
    rows = vectors(n, dim)
    began = time.perf_counter()
    reduced = principal(rows, 32)
    directions = time.perf_counter()
    neighbours(reduced, 12)
    graph = time.perf_counter()
    plane(rows)
    whole = time.perf_counter()
    return {"directions_s": directions - began, "neighbours_s": graph - directions, "all_s": whole - graph}


def shop(folder: Path) -> None:
    """A small project: enough for pages to open."""
    random = np.random.default_rng(0)
    items = [Item(f"i{i}", f"Item number {i}", attributes={"kind": f"kind {i % 7}"}) for i in range(300)]
    events = [
        Interaction(f"u{user}", f"i{int(item)}", at=1.7e9 + place)
        for user in range(200)
        for place, item in enumerate(random.integers(0, 300, 12))
    ]
    folder.mkdir(parents=True)
    Dataset.of(events, items).save(folder / "data")
    (folder / "zhiyin.toml").write_text(TOML, "utf-8")


def served(folder: Path) -> tuple[subprocess.Popen[str], str, str]:
    """The process, its address and its first key."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zhiyin", "serve", str(folder), "--port", "0", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            said = json.loads(text)
        except json.JSONDecodeError:
            continue
        return process, said["address"], said["first_key"]
    raise SystemExit("the service did not start")


def pages_of(n: int, each: int = 20_000) -> dict[int, str]:
    """Answers of /v1/map for `n` items, as a service would give them."""
    random = np.random.default_rng(1)
    group = random.integers(0, 8, n)
    centres = random.integers(9_000, 56_000, (8, 2))
    places = np.clip(centres[group] + random.normal(0, 4_500, (n, 2)), 0, 65_535).astype(int)
    found = {}
    for start in range(0, n, each):
        some = range(start, min(n, start + each))
        found[start] = json.dumps({
            "version": "bench", "drawn": True, "by": "text", "attribute": "kind", "attributes": ["kind"],
            "categories": [{"name": f"kind {g}", "items": int((group == g).sum())} for g in range(8)],
            "lists": 300, "total": n, "next": start + each if start + each < n else 0,
            "ids": [f"i{i}" for i in some], "titles": [f"Item number {i}" for i in some],
            "x": places[some, 0].tolist(), "y": places[some, 1].tolist(), "category": group[some].tolist(),
            "popularity": random.random(len(some)).round(4).tolist(), "listed": [0] * len(some),
            "shown": [0] * len(some),
        })  # fmt: skip
    return found


def browse(n: int, seconds: float) -> dict[str, Any]:
    """Frames a second while the map of `n` items is dragged; how long pages take to open."""
    from urllib.parse import parse_qs, urlsplit

    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        shop(Path(folder) / "shop")
        process, address, key = served(Path(folder) / "shop")
        try:
            with sync_playwright() as started:
                chromium = os.environ.get("ZHIYIN_CHROMIUM") or shutil.which("chromium")
                browser = started.chromium.launch(executable_path=chromium, args=ARGUMENTS)
                context = browser.new_context(viewport={"width": 1360, "height": 900})
                assert context.request.post(f"{address}/v1/session", data={"key": key}).ok
                page = context.new_page()
                found: dict[str, Any] = {"open_ms": opened(page, address)}
                answers = pages_of(n)

                def answer(route: Any) -> None:
                    asked = parse_qs(urlsplit(route.request.url).query)
                    body = answers[int(asked.get("after", ["0"])[0])]
                    route.fulfill(body=body, content_type="application/json")

                page.route("**/v1/map*", answer)
                began = time.perf_counter()
                page.goto(f"{address}/console/map")
                page.wait_for_selector(".map-canvas")
                found["map_shown_s"] = time.perf_counter() - began
                page.wait_for_timeout(1000)
                found["draw_ms"] = page.evaluate(DRAW)
                found["all"] = page.evaluate(PAN, seconds)
                for _ in range(4):
                    page.click(".map-tools .button:nth-child(3)")
                found["closer"] = page.evaluate(PAN, seconds)
                browser.close()
        finally:
            process.terminate()
            process.wait(30)
    return found


def opened(page: Any, address: str) -> dict[str, float]:
    """Milliseconds from the address to the heading of each page, with a warm cache."""
    times = {}
    for name in ("try", "users", "items", "live", "settings", "data", "api"):
        page.goto(f"{address}/console/{name}")
        page.wait_for_selector(".page h1")
        began = time.perf_counter()
        page.goto(f"{address}/console/{name}")
        page.wait_for_selector(".page h1")
        times[name] = round(1000 * (time.perf_counter() - began), 1)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--map", action="store_true", help="only the drawing")
    parser.add_argument("--browser", action="store_true", help="only the browser")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=6.0)
    asked = parser.parse_args()
    result: dict[str, Any] = {"items": asked.items, "dim": asked.dim, "load": os.getloadavg()[0]}
    if not asked.map:
        result["browser"] = browse(asked.items, asked.seconds)
    if not asked.browser:
        result["draw"] = draw(asked.items, asked.dim)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
