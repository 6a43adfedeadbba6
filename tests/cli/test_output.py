"""What stdout does to a command: another encoding, a full disk, a reader that goes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from zhiyin.cli.output import Output, forgive

BIN = [sys.executable, "-m", "zhiyin"]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A dry run that says much, with names of two scripts."""
    rows = "".join(f"用户{n},i{n % 7},“näh”\n" for n in range(30))
    (tmp_path / "e.csv").write_text(f"user,item,kind\n{rows}", encoding="utf-8")
    return ["import", str(tmp_path / "shop"), str(tmp_path / "e.csv"), "--map", "kind=", "--dry-run"]


def ran(
    arguments: list[str], more: Mapping[str, str] | None = None, stdout: object = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*BIN, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **(more or {})},
        check=False,
    )  # type: ignore[call-overload, no-any-return]


def test_an_encoding_without_the_letters_writes_others(files: list[str]) -> None:
    done = ran(files, {"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0 and b"'user': '??0'" in done.stdout and b"bug" not in done.stderr
    done = ran([*files, "--json"], {"PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)["sample"][0]["user"] == "用户0", "JSON loses nothing"


def test_streams_forgive_what_they_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1"))
    forgive()
    Output().show("“喜剧” ä")
    sys.stdout.flush()
    assert raw.getvalue() == "???? ä\n".encode("latin-1")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_full_disk_is_one_sentence(files: list[str], form: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = ran([*files, *form], stdout=full)
    said = done.stderr.decode()
    assert done.returncode == 1 and "No space left on device" in said
    assert "Traceback" not in said and "Exception ignored" not in said


@pytest.mark.parametrize("arguments", [["components"], ["components", "--json"], ["import", "--help"]])
def test_a_reader_that_goes_is_no_failure(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ran(arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_help_names_the_extra() -> None:
    said = ran(["fit", "--help"], {"COLUMNS": "200"}).stdout.decode()
    assert "zhiyin[train]" in said
