"""`zhiyin models` on a small file that only looks like a model, and the test that finds the way of asking."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from zhiyin.cli import main
from zhiyin.cli.try_models import tried
from zhiyin.errors import ArtefactError, ConfigError, FetchError
from zhiyin.llm import FakeModel
from zhiyin.llm.known_models import KNOWN, KnownModel
from zhiyin.llm.model_fetch import add_from_hub, add_known, hub_url
from zhiyin.llm.model_store import check_model, found_model, installed, put_in_place
from zhiyin.llm.sanity_questions import QUESTIONS

HEADER = b"GGUF" + struct.pack("<IQQQcIQIQ", 3, 1, 0, 1, b"t", 1, 512, 0, 0)
"""Of one tensor of 512 numbers."""
CONTENT = HEADER.ljust(64, b"\0") + bytes(range(256)) * 8
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ZHIYIN_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(["models", *arguments, "--json"])
    said = json.loads(capsys.readouterr().out)
    return said if ended.value.code == 0 else said["error"]["message"]


def small(parts: int = 2) -> KnownModel:
    packages = tuple(f"some-part{n}==1.0" for n in range(1, parts + 1))
    member = "some_part{number}/data/part{n}.bin"
    return KnownModel("small", "small.gguf", SHA256, len(CONTENT), "MIT", "by nobody", packages, member, "")


def wheels(folder: Path, parts: int, cut: int = 0) -> Path:
    folder.mkdir()
    size = -(-len(CONTENT) // parts)
    for n in range(parts):
        with zipfile.ZipFile(folder / f"some_part{n + 1}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(
                f"some_part{n + 1}/data/part{n + 1:02d}.bin", CONTENT[n * size : (n + 1) * size - cut]
            )
    return folder


def test_parts_are_joined_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    made = add_known(small(12), wheels=wheels(tmp_path / "w", 12))
    assert found_model("small").read_bytes() == CONTENT and made.sha256 == SHA256
    check_model(made)
    assert [one.name for one in installed()] == ["small"]


def test_a_wheel_with_other_content_is_refused(tmp_path: Path, own_folder: Path) -> None:
    with pytest.raises(FetchError, match="SHA-256"):
        add_known(small(), wheels=wheels(tmp_path / "w", 2, cut=1))
    assert installed() == [] and not list(own_folder.glob(".fetch*"))


def test_what_a_killed_add_left_goes_and_a_full_disk_is_told(
    tmp_path: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, young = own_folder / ".fetch.old", own_folder / ".fetch.young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (1.0, 1.0))
    given = wheels(tmp_path / "w", 2)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=100))
    with pytest.raises(FetchError, match="GB free"):
        add_known(small(), wheels=given)
    assert not old.exists() and young.exists() and installed() == []


def test_a_file_is_added_listed_checked_and_removed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "My.gguf").write_bytes(CONTENT)
    file = str(tmp_path / "My.gguf")
    assert "--licence" in run(capsys, "add", file)
    assert "--yes" in run(capsys, "add", file, "--licence", "MIT")
    assert "expected 00" in run(capsys, "add", file, "--licence", "MIT", "--yes", "--sha256", "00")
    assert run(capsys, "add", file, "--licence", "MIT", "--yes")["sha256"] == SHA256
    assert [one["name"] for one in run(capsys, "list")["installed"]] == ["my"]
    altered = found_model("my")
    altered.unlink()
    altered.write_bytes(CONTENT + b"x")
    with pytest.raises(ArtefactError, match="altered"):
        check_model(installed()[0])
    assert run(capsys, "remove", "my")["bytes"] > 2000
    assert "no installed model" in run(capsys, "remove", "my")


def test_what_is_no_model_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"<html>")
    assert "not a GGUF" in run(capsys, "add", str(tmp_path / "a.gguf"), "--licence", "MIT", "--yes")
    (tmp_path / "b.gguf").write_bytes(CONTENT)
    with pytest.raises(ConfigError, match="a-z"):
        put_in_place(tmp_path / "b.gguf", name="../b", licence="MIT", source="x")


def test_known_models_are_pinned_to_the_byte() -> None:
    for known in KNOWN.values():
        assert len(known.sha256) == 64 and known.licence == "Apache-2.0" and known.size > 1e6
        assert all("==" in package for package in known.packages)


@pytest.mark.parametrize("bad", ["hf:owner/file.gguf", "hf:o/r/../x.gguf", "http://x/y.gguf", "hf:o/r/x.bin"])
def test_an_address_of_a_hub_has_one_form(bad: str) -> None:
    with pytest.raises(ConfigError, match="expected hf:owner"):
        hub_url(bad)


def test_a_download_goes_on_where_it_was_cut_and_is_checked(own_folder: Path) -> None:
    asked: list[str] = []

    class Cut(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield CONTENT[:1000]
            raise httpx.ReadError("gone")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("range", ""))
        if len(asked) == 1:
            return httpx.Response(200, stream=Cut(), headers={"content-length": str(len(CONTENT))})
        return httpx.Response(206, content=CONTENT[1000:], headers={"x-linked-etag": f'"{SHA256}"'})

    def fetch() -> Any:
        client = httpx.Client(transport=httpx.MockTransport(answer))
        return add_from_hub("hf:a/b/c.gguf", name="c", licence="MIT", client=client)

    with pytest.raises(FetchError, match="goes on"):
        fetch()
    assert fetch().sha256 == SHA256 and asked == ["", "bytes=1000-"]
    assert found_model("c").read_bytes() == CONTENT


def test_the_built_in_questions_are_fair() -> None:
    for question in QUESTIONS:
        options = question.options(2)
        assert len(question.liked) == len(options) == len(set(options)) == 5 and options[2] == question.right
        assert not set(question.liked) & set(options)
    assert {locale: sum(q.locale == locale for q in QUESTIONS) for locale in ("en", "zh")} == {
        "en": 16,
        "zh": 16,
    }


def test_the_way_that_works_is_found() -> None:
    rights = {question.right for question in QUESTIONS}

    def likely(prefix: str, texts: Any) -> list[float]:
        known = any(question.liked[0] in prefix for question in QUESTIONS)
        return [-1.0 if known and any(right in text for right in rights) else -9.0 for text in texts]

    knowing = FakeModel(log_likelihood=likely, choose=lambda prompt, options: [0.0] * len(options))
    verdict = tried(knowing, n_each=10)
    assert verdict.best("en") == verdict.best("zh") == "likelihood"
    assert next(one for one in verdict.results if one.way == "listwise").asked == 0
    assert tried(FakeModel(log_likelihood=lambda _, texts: [-1.0] * len(texts)), n_each=4).best("en") is None


def test_a_way_that_guesses_is_given_up_and_time_cuts_all_alike() -> None:
    wrong = FakeModel(log_likelihood=lambda _, texts: [-1.0] * len(texts))
    told: list[str] = []
    guess = tried(wrong, ways=("likelihood",), n_each=10, told=lambda what, done, of: told.append(what))
    assert [one.asked for one in guess.results] == [5, 5] and len(told) == 10
    assert "like guessing after 5 of 10" in guess.results[0].said

    now = [0.0]

    def slow(prefix: str, texts: Any) -> list[float]:
        now[0] += 1.0
        rights = {question.right for question in QUESTIONS}
        known = any(question.liked[0] in prefix for question in QUESTIONS)
        return [0.0 if known and any(right in text for right in rights) else -9.0 for text in texts]

    knowing = FakeModel(log_likelihood=slow)
    cut = tried(knowing, ways=("likelihood",), n_each=10, within_s=13.0, clock=lambda: now[0])
    assert [(one.asked, one.right) for one in cut.results] == [(3, 3), (3, 3)]
    assert all("time is up after 3 of 10" in one.said for one in cut.results)


def test_usage_is_empty_before_anything_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "usage") == []
