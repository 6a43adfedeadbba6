"""Answers by everything that could change them: in memory, and those that may be on disk there too."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from zhiyin.llm.llm_file import LlmFile

__all__ = ["KeptAnswers", "key_of"]


def key_of(*parts: str) -> bytes:
    """16 bytes; no two lists of parts share one, for each part's length is hashed too."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass")
        whole.update(len(content).to_bytes(8, "little"))
        whole.update(content)
    return whole.digest()


class KeptAnswers:
    """The last `max_in_memory` answers here, all durable ones of the last `keep_s` seconds in `file`."""

    def __init__(self, file: LlmFile, max_in_memory: int, keep_s: float, now: Callable[[], float]) -> None:
        self.file = file
        self.max_in_memory = max_in_memory
        self.keep_s = keep_s
        self.now = now
        self._memory: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def one(self, key: bytes, durable: bool) -> bytes | None:
        return self.many([key], durable).get(key)

    def many(self, keys: Sequence[bytes], durable: bool) -> dict[bytes, bytes]:
        """Those that are kept; what comes from disk is in memory from then on."""
        oldest, found = self.now() - self.keep_s, {}
        with self._lock:
            for key in keys:
                at, value = self._memory.get(key, (0.0, b""))
                if value and at >= oldest:
                    self._memory.move_to_end(key)
                    found[key] = value
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing and durable:
            read = self.file.answers(missing, oldest)
            self._remember(read)
            found |= read
        return found

    def keep(self, answers: Mapping[bytes, bytes], task: str, durable: bool) -> None:
        if self.keep_s <= 0:
            return
        self._remember(answers)
        if durable:
            self.file.keep(answers.items(), task, self.now())

    def _remember(self, answers: Mapping[bytes, bytes]) -> None:
        at = self.now()
        with self._lock:
            for key, value in answers.items():
                self._memory[key] = (at, value)
                self._memory.move_to_end(key)
            while len(self._memory) > self.max_in_memory:
                self._memory.popitem(last=False)
