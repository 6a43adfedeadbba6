"""A local model in one GGUF file, run in this process by llama.cpp (package xllamacpp, extra `llm`)."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from zhiyin.errors import ArtefactError, ConfigError, LlmError, MissingExtraError, check_options, needs_openmp
from zhiyin.llm.endpoint import EndpointLanguageModel
from zhiyin.llm.exchange import Exchange
from zhiyin.llm.gguf_header import check_gguf
from zhiyin.llm.model_store import fingerprint, found_model
from zhiyin.types import FloatArray, Prompt

__all__ = ["GgufLanguageModel"]

T = TypeVar("T")
TOP = 200
"""Tokens whose probability is seen where options are chosen from."""


class GgufLanguageModel:
    """Weights from `path`: a file, or the name of a model that `zhiyin models add` has put in place.

    It is loaded by the first question, and again in a process that was forked after it. llama.cpp opens a
    port of its own: on 127.0.0.1, with a random key that only this object knows. Questions come one
    after another, so that what the last ones had in common stays in the prefix cache; one that cannot begin
    in time is an LlmError. `n_threads` is 1 because more threads than free cores slow each other down by
    far; `n_batch` tokens are read between two looks at the clock. `lora` is an adapter in GGUF form.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        n_ctx: int = 4096,
        n_threads: int = 1,
        n_batch: int = 128,
        n_gpu_layers: int = 0,
        lora: str | Path | None = None,
        lora_scale: float = 1.0,
        temperature: float = 0.0,
    ) -> None:
        self.path = path
        self.n_ctx = n_ctx
        self.n_threads = n_threads
        self.n_batch = n_batch
        self.n_gpu_layers = n_gpu_layers
        self.lora = lora
        self.lora_scale = lora_scale
        self.temperature = temperature
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._server: Any = None
        self._endpoint: EndpointLanguageModel | None = None
        self._pid = 0
        self._identity = ""
        check_options(
            self, n_ctx=(64, 1e7), n_threads=(1, 1024), n_batch=(1, 1e6), n_gpu_layers=(-1, 1e6),
            lora_scale=(-100, 100), temperature=(0, 100),
        )  # fmt: skip

    sends_out = False

    @property
    def identity(self) -> str:
        """By the content of the files, so that a renamed file keeps its cached answers."""
        if not self._identity:
            name = fingerprint(found_model(self.path))
            adapter = f"+{fingerprint(Path(self.lora))}*{self.lora_scale:g}" if self.lora is not None else ""
            self._identity = f"gguf/{name}{adapter}/{self.n_ctx}/{self.temperature:g}"
        return self._identity

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        """Held to the schema by a grammar."""
        with self._asking(timeout) as (endpoint, left):
            return endpoint.complete(prompt, schema=schema, timeout=left)

    def write(self, prompt: Prompt, *, timeout: float) -> Iterator[str]:
        with self._asking(timeout) as (endpoint, left):
            yield from endpoint.write(prompt, timeout=left)

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        """From the probabilities of an answer's first token."""
        with self._asking(timeout) as (endpoint, left):
            return endpoint.choose(prompt, options, timeout=left)

    def log_likelihood(self, prefix: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """Exact: the model is made to write each text; see `forced`."""
        with self._asking(timeout) as (endpoint, left):
            return endpoint.log_likelihood(prefix, texts, timeout=left)

    def close(self) -> None:
        """Lets go of the weights; the next question loads them again."""
        with self._lock:
            self._server, endpoint, self._endpoint = None, self._endpoint, None
        if endpoint is not None:
            endpoint.close()

    @contextmanager
    def _asking(self, timeout: float) -> Iterator[tuple[EndpointLanguageModel, float]]:
        """The loaded model and the seconds that are left once it is this question's turn."""
        ends = time.monotonic() + timeout
        if not self._turn.acquire(timeout=max(0.0, timeout)):
            raise LlmError(
                f"{self.path}: another question took all of {timeout:g} s", passing=True, why="busy"
            )
        try:
            endpoint = self._opened()
            left = ends - time.monotonic()
            if left <= 0:
                raise LlmError(f"{self.path}: loading took all of {timeout:g} s", passing=True, why="late")
            yield endpoint, left
        finally:
            self._turn.release()

    def _opened(self) -> EndpointLanguageModel:
        with self._lock:
            if self._endpoint is None or self._pid != os.getpid():
                key = secrets.token_hex(24)
                self._server, self._pid = self._loaded(key), os.getpid()
                self._endpoint = _local(str(self._server.listening_address), key, self.temperature)
            return self._endpoint

    def _loaded(self, key: str) -> Any:
        try:
            with needs_openmp("xllamacpp"):
                import xllamacpp
        except ImportError as error:
            raise MissingExtraError("xllamacpp", extra="llm") from error
        params, file = xllamacpp.CommonParams(), found_model(self.path)
        try:
            check_gguf(file)
        except ArtefactError as error:
            raise LlmError(f"the model cannot be loaded: {error}") from error
        params.model.path = str(file)
        params.n_ctx, params.n_parallel = self.n_ctx, 1
        params.n_batch = params.n_ubatch = self.n_batch
        params.n_gpu_layers = self.n_gpu_layers
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.n_threads
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
        params.endpoint_slots = params.endpoint_props = params.ui = False
        params.warmup, params.verbosity, params.offline = False, -1, True
        if self.lora is not None:
            adapter = Path(self.lora)
            if not adapter.is_file():
                raise ConfigError(f"lora: there is no file {adapter}")
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), self.lora_scale)]
        try:
            return xllamacpp.Server(params)
        except Exception as error:  # the library raises bare ones
            raise LlmError(f"{params.model.path} cannot be loaded: {error}") from error


def _local(address: str, key: str, temperature: float) -> EndpointLanguageModel:
    base_url = f"{address}/v1"
    endpoint = EndpointLanguageModel(
        base_url=base_url, name="local", temperature=temperature, top_logprobs=TOP
    )
    endpoint.know(Exchange(base_url=base_url, what="the local model", key=key), likelihood="forced")
    return endpoint
