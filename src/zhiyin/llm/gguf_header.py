"""Whether a GGUF file is whole: what its header promises is there, to the last byte of the last tensor.

Form: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import os
import struct
from math import prod
from pathlib import Path
from typing import BinaryIO

from zhiyin.errors import ArtefactError

__all__ = ["check_gguf"]

MAGIC = b"GGUF"
STRING, LIST = 8, 9
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of each kind."""
ALIGNMENT = "general.alignment"
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""Kind of a tensor -> numbers in a block and its bytes; of a newer kind only the beginning is checked."""
MOST = 1 << 24
"""Values of a header, texts of a list, tensors; a header that says more is none."""
DEEPEST = 4


def check_gguf(path: Path) -> None:
    """Raises ArtefactError where the file is no GGUF, was cut, or holds no tensors."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise ArtefactError(f"{path} is not a GGUF file")
            needed = _Header(file, size).needed()
    except (struct.error, OverflowError) as error:
        raise ArtefactError(f"{path} is cut or damaged: its {size:,} bytes end within the header") from error
    except ValueError as error:
        raise ArtefactError(f"{path} is damaged: {error}") from error
    if size < needed:
        raise ArtefactError(f"{path} is cut: it has {size:,} bytes, its header promises {needed:,}")


class _Header:
    """Reads on behind the magic number; struct.error where the file ends, ValueError for nonsense."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size
        self.order = "<"

    def needed(self) -> int:
        """Bytes that the file must have."""
        (version,) = struct.unpack("<I", self._bytes(4))
        if version and not version & 0xFFFF:
            self.order, version = ">", version >> 24
        if version not in (2, 3):
            raise ValueError(f"GGUF version {version} is not known, expected 2 or 3")
        tensors, values = self._count(), self._count()
        alignment = 32
        for _ in range(values):
            name, kind = self._text(), self._number("I")
            found = self._value(kind)
            if name == ALIGNMENT and found:
                alignment = found
        if not tensors:
            raise ValueError("it holds no tensors")
        ends = [self._tensor() for _ in range(tensors)]
        begin = -(-self.file.tell() // alignment) * alignment
        return begin + max(ends)

    def _tensor(self) -> int:
        """Where it ends, from the beginning of all of them."""
        self._text()
        n_dims = self._number("I")
        if n_dims > 8:
            raise ValueError(f"a tensor has {n_dims} dimensions")
        numbers = prod(self._number("Q") for _ in range(n_dims))
        kind, offset = self._number("I"), self._number("Q")
        per, width = BLOCKS.get(kind, (1, 0))
        return offset + -(-numbers // per) * width

    def _value(self, kind: int, depth: int = 0) -> int:
        """Steps over a value; a whole number comes back."""
        if kind == STRING:
            self._skip(self._number("Q"))
        elif kind == LIST and depth < DEEPEST:
            inner, n = self._number("I"), self._count()
            if inner in WIDTHS:
                self._skip(WIDTHS[inner] * n)
            else:
                for _ in range(n):
                    self._value(inner, depth + 1)
        elif kind in WIDTHS:
            found = self._bytes(WIDTHS[kind])
            return int.from_bytes(found, "little" if self.order == "<" else "big")
        else:
            raise ValueError(f"a value of kind {kind}")
        return 0

    def _text(self) -> str:
        length = self._number("Q")
        if length > 65_535:
            raise ValueError("a name is longer than any can be")
        return self._bytes(length).decode("utf-8", "replace")

    def _count(self) -> int:
        n = self._number("Q")
        if n > MOST:
            raise ValueError(f"it says to hold {n:,} values")
        return n

    def _number(self, form: str) -> int:
        (found,) = struct.unpack(self.order + form, self._bytes(struct.calcsize(form)))
        return int(found)

    def _skip(self, n: int) -> None:
        if self.file.tell() + n > self.size:
            raise struct.error("the file ends")
        self.file.seek(n, os.SEEK_CUR)

    def _bytes(self, n: int) -> bytes:
        found = self.file.read(n)
        if len(found) < n:
            raise struct.error("the file ends")
        return found
