"""What every encoder promises, and that the embedded one knows meaning in two languages."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from zhiyin.contracts import Encoder
from zhiyin.represent import CachedEncoder, HashEncoder, Space, UseEncoder
from zhiyin.testing import EncoderTests

TOPICS = json.loads((Path(__file__).parent / "topics.json").read_text("utf-8"))
TEXTS = ["The Wandering Earth", "流浪地球", "a cookbook of soups", "Toy Story", "红色口红"]


@pytest.fixture(scope="module", params=[UseEncoder(), HashEncoder()], ids=["use", "hash"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return request.param  # type: ignore[no-any-return]


def test_rows_are_unit_vectors_in_the_order_of_the_texts(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1]), vectors[::-1], atol=1e-5)


def test_one_by_one_is_the_same_as_all_at_once(encoder: Encoder) -> None:
    single = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), single, atol=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "…—!?", "\ud800"])
def test_a_text_without_words_is_like_nothing(encoder: Encoder, text: str) -> None:
    vectors = encoder.encode(["Toy Story", text])
    assert not vectors[1].any() and vectors[0].any()


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    "text", ["half a pair \ud83d of surrogates", "nul \0 inside", "🎵" * 50 + " song", "a" * 3_000_000]
)
def test_hostile_texts_are_encoded(encoder: Encoder, text: str) -> None:
    vector = encoder.encode([text])[0]
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_what_stands_after_the_cut_does_not_count() -> None:
    short = UseEncoder(max_chars=20)
    one, other = short.encode(["Toy Story, a film by Pixar", "Toy Story, a film by Disney"])
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert short.identity != UseEncoder().identity  # or a cache would mix them


def test_threads_get_what_one_thread_gets(encoder: Encoder) -> None:
    alone = encoder.encode(TEXTS)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(encoder.encode(TEXTS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for vectors in found:
        np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_a_hash_encoder_says_the_same_in_every_process() -> None:
    code = "from zhiyin.represent import HashEncoder as H; print(H(dim=16).encode(['流浪 a'])[0].tolist())"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_hash_encoder_finds_shared_words() -> None:
    query, same, other = HashEncoder().encode(["star wars", "Star Wars: A New Hope", "cooking for two"])
    assert query @ same > query @ other + 0.2


@pytest.mark.parametrize("space", [False, True], ids=["raw", "in a space"])
@pytest.mark.parametrize("asked", ["zh", "en"])
@pytest.mark.parametrize("found", ["zh", "en"])
def test_items_find_their_like_within_and_across_languages(asked: str, found: str, space: bool) -> None:
    items = [
        (topic, language, text)
        for topic in TOPICS
        for language in TOPICS[topic]
        for text in TOPICS[topic][language]
    ]
    topics, languages = np.array([item[0] for item in items]), np.array([item[1] for item in items])
    vectors = UseEncoder().encode([item[2] for item in items])
    if space:
        vectors = Space.of(vectors).put(vectors)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    rows, columns = np.flatnonzero(languages == asked), np.flatnonzero(languages == found)
    nearest = columns[likeness[np.ix_(rows, columns)].argmax(axis=1)]
    assert len(rows) >= 20 and (topics[nearest] == topics[rows]).mean() >= 0.8


class TestUse(EncoderTests):
    def make(self) -> Encoder:
        return UseEncoder()


class TestHash(EncoderTests):
    def make(self) -> Encoder:
        return HashEncoder()


class TestCached(EncoderTests):
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZHIYIN_CACHE", str(tmp_path))

    def make(self) -> Encoder:
        return CachedEncoder(HashEncoder())
