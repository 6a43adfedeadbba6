"""The first use of a type by several threads at once."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading, msgspec
from zhiyin.prepared import prepared

sys.setswitchinterval(1e-6)
for _ in range(int(sys.argv[1])):
    class Inner(msgspec.Struct):
        content: str | None = None
        parts: dict[str, float] = {}
    class Choice(msgspec.Struct):
        message: Inner
        likely: list[dict[str, int]] | None = None
    class Answer(msgspec.Struct):
        choices: list[Choice] = []
        usage: dict[str, int] | None = None
    start, right = threading.Barrier(4), []
    def ask():
        start.wait()
        kind = Answer if sys.argv[2] == "bare" else prepared(Answer)
        body = b'{"choices": [{"message": {"content": "a", "parts": {"b": 1.5}}}], "usage": {"t": 3}}'
        right.append(msgspec.json.decode(body, type=kind).choices[0].message.content == "a")
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert right == [True] * 4
print("well")
"""


def ends(n: int, how: str) -> tuple[int, str]:
    """Return code and output of a process in which four threads use `n` fresh types."""
    command = [sys.executable, "-c", PROGRAM, str(n), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout.strip()


def test_threads_that_decode_to_a_fresh_type_at_once_do_not_crash() -> None:
    """Without `prepared` (argument "bare") the process ended by SIGSEGV within a tenth of a second,
    three times of three (msgspec 0.22.0)."""
    assert ends(1500, "prepared") == (0, "well")
