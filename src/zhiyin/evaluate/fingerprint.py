"""Which data a number was made on, by which code."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from zhiyin.data.dataset import Dataset

__all__ = ["Fingerprint", "versions"]

LIBRARIES = ("zhiyin", "numpy", "scipy", "lightgbm", "implicit")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Equal for equal content, whatever the files were called."""

    name: str
    users: int
    items: int
    interactions: int
    sha256: str
    """First 16 hex digits, over ids and interaction columns (not the texts of items)."""

    @classmethod
    def of(cls, data: Dataset) -> Fingerprint:
        digest = hashlib.sha256()
        for names in (data.users, data.items.ids):
            digest.update("\n".join(names).encode("utf-8", "surrogatepass") + b"\0")
        for column in (data.user, data.item, data.kind, data.value, data.at):
            digest.update(np.ascontiguousarray(column).tobytes())
        return cls(data.name, data.n_users, data.n_items, len(data), digest.hexdigest()[:16])

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.users:,} users, {self.items:,} items, "
            f"{self.interactions:,} interactions, sha256 {self.sha256}"
        )


def versions() -> dict[str, str]:
    """Python and the libraries that take part in a number; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
