"""A real server, llama.cpp's own: what it says over HTTP is what the same file says in process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from zhiyin.errors import LlmError
from zhiyin.llm.endpoint import EndpointLanguageModel
from zhiyin.llm.gguf import GgufLanguageModel
from zhiyin.represent.endpoint_encoder import EndpointEncoder
from zhiyin.types import Prompt

SCRIPT = Path(__file__).with_name("llama_server.py")
PATIENCE_S = 300.0
HISTORY = "I watched Star Wars, then The Empire Strikes Back, and then"
NEXT = [" Return of the Jedi", " a recipe for bread", " 电影"]


class Colour(msgspec.Struct):
    colour: str
    shade: int


@contextmanager
def llama(weights: Path, how: str) -> Iterator[str]:
    """The address of a server of its own process, on loopback."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(weights), how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = next(
            (line for line in iter(process.stdout.readline, "") if line.startswith("http://127.0.0.1:")), ""
        )
        assert told, "the server did not start"
        yield told.strip() + "/v1"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def served(smollm2: Path) -> Iterator[EndpointLanguageModel]:
    with llama(smollm2, "chat") as address:
        endpoint = EndpointLanguageModel(base_url=address, name="smollm2")
        yield endpoint
        endpoint.close()


def asked(user: str, *, system: str = "You answer shortly.", max_tokens: int = 60) -> Prompt:
    return Prompt(system=system, user=user, task="test", version="1", locale="en", max_tokens=max_tokens)


def test_it_is_held_to_a_schema(served: EndpointLanguageModel) -> None:
    answer = served.complete(asked("Name a colour and a number."), schema=Colour, timeout=PATIENCE_S)
    assert answer.colour
    assert isinstance(answer.shade, int)


def test_pieces_come_one_by_one(served: EndpointLanguageModel) -> None:
    pieces = list(served.write(asked("Say hello in five words.", max_tokens=12), timeout=PATIENCE_S))
    assert len(pieces) > 3
    assert "".join(pieces).strip()


def test_first_tokens_have_probabilities(served: EndpointLanguageModel) -> None:
    scores = served.choose(asked("Is the sky blue? Yes or No?"), ["Yes", "No"], timeout=PATIENCE_S)
    assert np.isfinite(scores).all()
    assert np.exp(scores).sum() == pytest.approx(1.0, abs=1e-3)


def test_likelihoods_are_those_of_the_same_file_in_process(
    served: EndpointLanguageModel, smollm2: Path
) -> None:
    over_http = served.log_likelihood(HISTORY, NEXT, timeout=PATIENCE_S)
    with closing(GgufLanguageModel(path=smollm2)) as local:
        within = local.log_likelihood(HISTORY, NEXT, timeout=PATIENCE_S)
    assert over_http == pytest.approx(within, abs=0.05)
    assert over_http[0] == over_http.max()


def test_what_it_cannot_do_is_said_in_its_own_words(served: EndpointLanguageModel) -> None:
    with pytest.raises(LlmError, match="rerank"):
        served.relevance("war film", ["a war film", "a cake"], timeout=PATIENCE_S)


def test_it_embeds(smollm2: Path) -> None:
    with llama(smollm2, "embed") as address:
        encoder = EndpointEncoder(base_url=address, name="smollm2", timeout_s=PATIENCE_S)
        try:
            vectors = encoder.encode(["a war film", "a film about war", "一部战争电影", "how to bake bread"])
        finally:
            encoder.close()
    assert vectors.shape == (4, 576)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[3]
