"""Where a command will write: tried before its work, so that minutes of it are not lost at the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

from zhiyin.errors import ConfigError

__all__ = ["check_file", "check_folder"]


def check_file(*paths: Path | None) -> None:
    """ConfigError where no file can be written at one of the paths; what stands there stays as it is."""
    for path in paths:
        if path is not None:
            _try(path)


def _try(path: Path) -> None:
    try:
        new = not path.exists()
        if not new and not path.is_file():  # a device or a pipe: opening it could wait, or do something
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            return
        with path.open("ab"):
            pass
        if new:
            path.unlink()
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a place where a file can be written: {error.strerror}. Name another one"
        ) from error


def check_folder(path: Path | None) -> None:
    """ConfigError where `path` is no folder that can be written, and cannot be made one; nothing is made."""
    if path is None:
        return
    place = path
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a folder that can be written: {place}: {error.strerror}. Name another one"
        ) from error
