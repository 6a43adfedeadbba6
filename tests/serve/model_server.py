"""A language model's endpoint in the OpenAI shape that answers by what is asked, or in a wrong way."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ModelServer:
    """`answers` has what to say for each property that a schema names, or a function of the
    question; `fault`: "" | hangs | errors."""

    def __init__(self, **answers: object) -> None:
        self.answers, self.fault = answers, ""
        self.asked: list[str] = []
        self.released = threading.Event()
        outer = self

        class Respond(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["content-length"])))
                named = json.dumps(question.get("response_format", {}))
                key = next((key for key in outer.answers if f'"{key}"' in named), "")
                outer.asked.append(key)
                if outer.fault == "hangs":
                    outer.released.wait(120)
                if outer.fault or not key:
                    return self.send_error(500)
                told = outer.answers[key]
                return self.say({key: told(question["messages"][-1]["content"]) if callable(told) else told})

            def say(self, answer: Any) -> None:
                message = {"role": "assistant", "content": json.dumps(answer)}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                usage = {"prompt_tokens": 7, "completion_tokens": 3}
                body = json.dumps({"choices": [choice], "usage": usage}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None: ...  # type: ignore[override]

        self.server = Server(("127.0.0.1", 0), Respond)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()
