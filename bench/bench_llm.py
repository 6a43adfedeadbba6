"""The guard around a language model: its overhead, kept answers, and model faults at 200 requests each.

python bench/bench_llm.py
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np

from zhiyin.errors import LlmError
from zhiyin.llm import EndpointLanguageModel, FakeModel, GuardedLanguageModel
from zhiyin.types import Prompt

DEADLINE_S, N = 0.3, 200
WHOLE = {"choices": [{"message": {"content": '{"items": [1]}'}, "finish_reason": "stop"}]}
GOOD = json.dumps(WHOLE).encode()
FAULTS = {
    "401": (401, b"{}"), "429": (429, b"{}"), "500": (500, b"{}"), "hang": (0, b""), "drip": (-1, GOOD),
    "cut stream": (-2, GOOD), "truncated JSON": (200, GOOD[:-9]),
    "wrong schema": (200, GOOD.replace(b"[1]", b"3")), "10 MB": (200, b" " * 10_000_000),
}  # fmt: skip
ELSEWHERE = {"refused": "http://127.0.0.1:9/v1", "DNS": "http://no-such-host.invalid/v1", "TLS": ""}


class Order(msgspec.Struct):
    items: list[int]


class Respond(BaseHTTPRequestHandler):
    fault = (200, GOOD)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = Respond.fault
        if status == 0:
            threading.Event().wait(2)
            return
        self.send_response(status if status > 0 else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if status == -1:
                for at in range(len(body)):
                    self.wfile.write(body[at : at + 1])
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            else:
                self.wfile.write(body[:-9] if status == -2 else body)
        except OSError:
            pass

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


def timed(one: GuardedLanguageModel, n: int, fresh: bool) -> tuple[list[float], dict[str, int]]:
    times, ends = [], {}
    for at in range(n):
        start = time.perf_counter()
        try:
            one.complete(
                Prompt("order", "1", "s", f"q{at if fresh else 0}"), schema=Order, timeout=DEADLINE_S
            )
            why = "ok"
        except LlmError as error:
            why = error.why
        times.append((time.perf_counter() - start) * 1000)
        ends[why] = ends.get(why, 0) + 1
    return times, ends


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    fake = FakeModel(complete=lambda prompt, schema: {"items": [1]})
    one = GuardedLanguageModel(language_model=fake, path=folder / "a.sqlite")
    for name, fresh in (("fresh answer of a model that takes no time", True), ("kept answer", False)):
        times, _ = timed(one, 1000, fresh)
        print(f"{name}: p50 {np.median(times):.3f} ms, p99 {np.percentile(times, 99):.3f} ms")
    server = Server(("127.0.0.1", 0), Respond)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    for name in (*FAULTS, *ELSEWHERE):
        Respond.fault = FAULTS.get(name, (200, GOOD))
        address = ELSEWHERE.get(name) or (url.replace("http:", "https:") if name == "TLS" else url)
        endpoint = EndpointLanguageModel(base_url=address, name="m", max_answer_bytes=1_000_000)
        guard = GuardedLanguageModel(language_model=endpoint, path=folder / f"{name}.sqlite", rest_s=0.5)
        times, ends = timed(guard, N, True)
        closed = "not tried"
        if name in FAULTS:
            Respond.fault = (200, GOOD)
            time.sleep(0.6 * 2**guard.breaker.opened)
            timed(guard, 1, True), timed(guard, 1, True)
            closed = guard.breaker.state
        over = np.percentile(times, 99) - DEADLINE_S * 1000
        opened = guard.breaker.opened
        print(f"{name}: {ends}, p99 {over:+.0f} ms of the deadline, opened {opened}, then {closed}")
        guard.close()


if __name__ == "__main__":
    main()
