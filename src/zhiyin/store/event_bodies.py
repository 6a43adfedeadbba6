"""What counts of an event as 40 bytes with a checksum: thousands are read at once, no flipped bit passes.

The same bytes stand in the row and in the indexes that answer `history`.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import StoreError

__all__ = ["BODY", "NO_TIME", "body_of", "columns_of", "seal_all", "unpack"]

BODY = np.dtype([
    ("seq", "<i8"), ("at", "<i8"), ("user", "<u4"), ("item", "<u4"),
    ("value", "<f4"), ("kind", "u1"), ("attributed", "u1"), ("none", "<u2"), ("seal", "<u8"),
])  # fmt: skip
"""`at` in microseconds; `value` NaN = none; `attributed` 1 where the event names a slate."""
PACKED = struct.Struct("<qqIIfBBHQ")
WORDS = struct.Struct("<QQQQ")
NO_TIME = -(2**62)
NAN = struct.unpack("<f", b"\x00\x00\xc0\x7f")[0]
MASK = 2**64 - 1
FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
"""Odd, and every later step can be undone, so that a change within 8 bytes always shows; any other
escapes once in 2**64."""
LAST = 0xC4CEB9FE1A85EC53
ARRAY, ARRAY_LAST, SHIFT = np.array(FACTORS, np.uint64), np.uint64(LAST), np.uint64(31)


def body_of(
    *, seq: int, at: int | None, user: int, item: int, kind: int, value: float | None, attributed: bool
) -> bytes:
    """One event; OverflowError when the value is no float32."""
    when, number = NO_TIME if at is None else at, NAN if value is None else value
    bare = bytes(PACKED.pack(seq, when, user, item, number, kind, attributed, 0, 0)[:32])
    a, b, c, d = WORDS.unpack(bare)
    mixed = (a * FACTORS[0] + b * FACTORS[1] + c * FACTORS[2] + d * FACTORS[3]) & MASK
    mixed = ((mixed ^ (mixed >> 31)) * LAST) & MASK
    return bare + int(mixed ^ (mixed >> 31)).to_bytes(8, "little")


def seals(bodies: NDArray[np.void]) -> NDArray[np.uint64]:
    """The checksums that (n,) `BODY` rows should have."""
    words = bodies.view(np.uint64).reshape(-1, 5)
    mixed = words[:, :4] @ ARRAY
    mixed ^= mixed >> SHIFT
    mixed *= ARRAY_LAST
    mixed ^= mixed >> SHIFT
    return mixed


def seal_all(bodies: NDArray[np.void]) -> None:
    """Write the checksums, in place."""
    bodies["value"][np.isnan(bodies["value"])] = NAN
    bodies["seal"] = seals(bodies)


def unpack(text: str | None, where: object) -> NDArray[np.void]:
    """(n,) rows of `BODY` from hexadecimal, one behind the other. StoreError if any is damaged."""
    bodies: NDArray[np.void] = np.frombuffer(bytes.fromhex(text or ""), BODY)
    good = seals(bodies) == bodies["seal"]
    if not good.all():
        raise damaged(where, f"an event near number {int(bodies['seq'][~good][0])} is not what was written")
    return bodies


def columns_of(bodies: NDArray[np.void]) -> dict[str, NDArray[np.generic]]:
    """The columns that reads give, by their names there; `at` in UTC seconds, NaN without a clock."""
    stamps = bodies["at"]
    at = stamps / 1e6
    at[stamps == NO_TIME] = np.nan
    return {
        "seqs": bodies["seq"].astype(np.int64),
        "items": bodies["item"].astype(np.int64),
        "kinds": bodies["kind"].astype(np.int8),
        "values": bodies["value"].astype(np.float32),
        "at": at,
    }


def damaged(where: object, what: str, hint: str = "") -> StoreError:
    said = f"{where} is damaged: {what}. Restore a backup; `zhiyin doctor` says what else is wrong"
    return StoreError(f"{said}. {hint}" if hint else said)
