"""Rows of vectors in 16 bits: whole numbers, and for each row what they are multiplied by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhiyin.types import FloatArray

__all__ = ["ShortArray", "in_16_bits", "in_32_bits", "rounded"]

ShortArray = NDArray[np.int16]

MOST = np.iinfo(np.int16).max


def in_16_bits(vectors: NDArray[np.floating]) -> tuple[ShortArray, FloatArray]:
    """(r, d) whole numbers and (r,) scales, so that numbers * scale is at most scale / 2 away.

    A scale is a power of two with which the largest number of its row takes 15 bits. So to do it once more
    changes nothing, and numbers * scale is exact in 32 bits. Beside float16, the numbers that matter most in
    a product keep four more bits, and a row is read by one conversion of many numbers at a time.
    """
    wide = np.asarray(vectors, np.float32)
    peaks = np.abs(wide).max(axis=1, initial=0)
    _, exponents = np.frexp(peaks / np.float32(MOST))
    scales = np.ldexp(np.float32(1), np.where(peaks > 0, exponents, 0)).astype(np.float32)
    return np.rint(wide / scales[:, None]).astype(np.int16), scales


def in_32_bits(numbers: ShortArray, scales: FloatArray) -> FloatArray:
    """(r, d) float32, exactly."""
    wide = numbers.astype(np.float32)
    wide *= scales[:, None]
    return wide


def rounded(vectors: NDArray[np.floating]) -> FloatArray:
    """What is left of rows in 16 bits, in float32."""
    return in_32_bits(*in_16_bits(vectors))
