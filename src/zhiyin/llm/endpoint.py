"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, TEI, a cloud."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import numpy as np

from zhiyin.errors import LlmError, check_options
from zhiyin.llm.endpoint_scores import Post, likelihood_ways, rerank_ways
from zhiyin.llm.exchange import Exchange, advice, origin
from zhiyin.llm.replies import read_reply, schema_of, schema_words
from zhiyin.llm.special import without_marks
from zhiyin.llm.usage import said_usage_of
from zhiyin.llm.wire import (
    ChatAnswer,
    ChatChunk,
    CompletionsAnswer,
    first_tokens,
    option_scores,
)
from zhiyin.prepared import prepared
from zhiyin.types import FloatArray, Prompt

__all__ = ["EndpointLanguageModel"]

T = TypeVar("T")
CANNOT = frozenset({400, 404, 405, 410, 415, 422, 501})
"""Statuses that say: not in this way."""
SURE = 3
"""Questions that no way could answer, before any was answered: then the server is not asked again."""
FORMS = ("json_schema", "json_object", "text")


class EndpointLanguageModel:
    """Asks a server, each time with one try; faults are LlmErrors. Wrap it in a `guarded` one.

    `base_url` usually ends in `/v1`; `name` is the served model. The key is never given, only the name of
    the environment variable that holds it. Answers are kept under the identity: it goes by the address,
    as two servers may give one name to different models, or, where `revision` names the model exactly, by
    that alone, so that its server may move. `extra` are further fields of each question, such as
    `{ chat_template_kwargs = { enable_thinking = false } }`.

    What a server can do is found by the first question and remembered: JSON by schema, else JSON, else
    words that are searched for JSON; probabilities of an answer's first token from chat, else from
    completions; those of a text as vLLM, OpenAI, SGLang or llama.cpp give them; rerank as Cohere and Jina
    or as TEI have it, at `rerank_url` with `rerank_name` where that is another server. Its key is the one in
    `rerank_api_key_env`; without, that of `base_url` only where scheme, host and port are the same. What a
    server cannot do is an LlmError.
    """

    def __init__(
        self,
        *,
        base_url: str,
        name: str,
        api_key_env: str = "",
        revision: str = "",
        temperature: float = 0.0,
        top_logprobs: int = 20,
        rerank_url: str = "",
        rerank_name: str = "",
        rerank_api_key_env: str = "",
        extra: Mapping[str, Any] | None = None,
        max_answer_bytes: int = 8 * 2**20,
    ) -> None:
        self.base_url = base_url
        self.name = name
        self.api_key_env = api_key_env
        self.revision = revision
        self.temperature = temperature
        self.top_logprobs = top_logprobs
        self.rerank_url = rerank_url
        self.rerank_name = rerank_name
        self.rerank_api_key_env = rerank_api_key_env
        self.extra = extra
        self.max_answer_bytes = max_answer_bytes
        self._exchanges: dict[str, Exchange] = {}
        self._known: dict[str, str] = {}
        self._failed: dict[str, int] = {}
        check_options(self, temperature=(0, 100), top_logprobs=(0, 1000), max_answer_bytes=(1, 1e12))

    sends_out = True

    @property
    def identity(self) -> str:
        where = self.revision or (self.base_url, self.rerank_url)
        how = (self.temperature, self.top_logprobs, sorted((self.extra or {}).items()))
        return f"endpoint/{(self.name, self.rerank_name, where, how)!r}"

    def complete(self, prompt: Prompt, *, schema: type[T], timeout: float) -> T:
        """An instance of `schema`; the server is held to its JSON schema where it can be."""
        ends, shape = time.monotonic() + timeout, schema_of(schema)
        answer = self._by_first_way("form", {form: self._asked(prompt, shape, form) for form in FORMS}, ends)
        text = (answer.choices[0].message.content if answer.choices else None) or ""
        try:
            return read_reply(text, schema)
        except LlmError as error:
            cut = answer.choices and answer.choices[0].finish_reason == "length"
            said = f"{error}; it was cut at max_tokens = {prompt.max_tokens}" if cut else str(error)
            raise self._opened().error(said, why="form") from error

    def write(self, prompt: Prompt, *, timeout: float) -> Iterator[str]:
        """The pieces as they come; after the last, the usage is told."""
        question = self._chat(prompt, stream=True, stream_options={"include_usage": True})
        finished, sent = False, _encoded(question)
        try:
            events = self._opened().events("chat/completions", sent, timeout_s=timeout)
            for event in events:
                chunk = self._read(event, ChatChunk)
                if chunk.error is not None:
                    raise self._opened().error(f"it says in the stream: {chunk.error!s:.200}", passing=True)
                if chunk.usage is not None:
                    _tell(chunk.usage, question, sent)
                for choice in chunk.choices[:1]:
                    finished = finished or choice.finish_reason is not None
                    if choice.delta.content:
                        yield choice.delta.content
        except LlmError:
            if not finished:  # some servers leave out the end mark
                raise

    def choose(self, prompt: Prompt, options: Sequence[str], *, timeout: float) -> FloatArray:
        """From the log-probabilities of an answer's first token; all options must begin differently."""
        ends = time.monotonic() + timeout
        ways: dict[str, Callable[[float], FloatArray]] = {
            "chat": lambda left: self._first_of(self._chosen_in_chat(prompt, left), options),
            "completions": lambda left: self._first_of(self._chosen_in_text(prompt, left), options),
        }
        return self._by_first_way("choose", ways, ends)

    def log_likelihood(self, prefix: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """Exact: the whole text's log-probability less that of its prefix, both in one question."""
        if not texts:
            return np.zeros(0, np.float32)
        ends = time.monotonic() + timeout
        ways = likelihood_ways(
            self._posted, {"model": self.name, **(self.extra or {})}, prefix or "\n", texts
        )
        return self._by_first_way("likelihood", ways, ends)

    def relevance(self, question: str, texts: Sequence[str], *, timeout: float) -> FloatArray:
        """Scores of a rerank endpoint, in the order of `texts`."""
        if not texts:
            return np.zeros(0, np.float32)
        ends, name = time.monotonic() + timeout, self.rerank_name or self.name
        ways = rerank_ways(self._posted_to(self.rerank_url or self.base_url), name, question, texts)
        return self._by_first_way("rerank", ways, ends)

    def close(self) -> None:
        """Ends kept connections."""
        for exchange in self._exchanges.values():
            exchange.close()

    def know(self, exchange: Exchange, **ways: str) -> None:
        """Takes a connection that was made elsewhere, and what its server is known to understand."""
        self._exchanges[exchange.base_url] = exchange
        self._known.update(ways)

    # -- which way a server understands --------------------------------------------------------------

    def _by_first_way(self, verb: str, ways: Mapping[str, Callable[[float], T]], ends: float) -> T:
        """The answer of the way that is known to work, else of the first that does."""
        if self._failed.get(verb, 0) >= SURE:
            raise self._opened().error(f"this server has no way to answer: {verb}", why="unable")
        known = self._known.get(verb)
        for name in ways if known is None else (known,):
            try:
                answer = ways[name](max(0.001, ends - time.monotonic()))
            except LlmError as error:
                if error.status not in CANNOT and error.why != "unable":
                    raise
                fault = error
                continue
            self._known[verb], self._failed[verb] = name, 0
            return answer
        if known is None:  # a question that was too long says nothing of what the server can do
            self._failed[verb] = self._failed.get(verb, 0) + 1
        raise fault

    # -- questions -----------------------------------------------------------------------------------

    def _chat(self, prompt: Prompt, **more: Any) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        messages.append({"role": "user", "content": without_marks(prompt.user)})
        question = {
            "model": self.name,
            "messages": messages,
            "max_tokens": prompt.max_tokens,
            "temperature": self.temperature,
        }
        return {**question, **more, **(self.extra or {})}

    def _asked(self, prompt: Prompt, shape: dict[str, Any], form: str) -> Callable[[float], ChatAnswer]:
        """A question for JSON in one of FORMS."""

        def ask(left: float) -> ChatAnswer:
            if form == "json_schema":
                named = {"name": prompt.task or "answer", "schema": shape, "strict": True}
                question = self._chat(prompt, response_format={"type": form, "json_schema": named})
            else:
                system = f"{prompt.system}\n\n{schema_words(shape, prompt.locale)}".strip()
                question = self._chat(replace(prompt, system=system))
                if form == "json_object":
                    question.setdefault("response_format", {"type": form})
            return self._posted("chat/completions", question, ChatAnswer, left)

        return ask

    def _chosen_in_chat(self, prompt: Prompt, left: float) -> dict[str, float]:
        question = self._chat(prompt, logprobs=True, top_logprobs=self.top_logprobs)
        question = {**question, "max_tokens": 1, "temperature": 0.0}
        answer = self._posted("chat/completions", question, ChatAnswer, left)
        return first_tokens(answer.choices[0]) if answer.choices else {}

    def _chosen_in_text(self, prompt: Prompt, left: float) -> dict[str, float]:
        text = f"{prompt.system}\n\n{prompt.user}\n\n".lstrip()
        question = {"model": self.name, "prompt": text, "max_tokens": 1, "temperature": 0.0}
        question |= {"logprobs": min(self.top_logprobs, 5), **(self.extra or {})}
        answer = self._posted("completions", question, CompletionsAnswer, left)
        return first_tokens(answer.choices[0]) if answer.choices else {}

    def _first_of(self, first: dict[str, float], options: Sequence[str]) -> FloatArray:
        if not first:
            raise self._opened().error("it gives no log-probabilities", why="unable")
        scores = option_scores(options, first)
        if scores is None:
            raise self._opened().error(
                f"none of {list(options)!r:.80} stands out as a first token", why="form"
            )
        return scores

    def _posted(self, path: str, question: Any, kind: type[T], left: float) -> T:
        return self._posted_to(self.base_url)(path, question, kind, left)

    def _posted_to(self, base_url: str) -> Post:
        exchange = self._opened(base_url)

        def post(path: str, question: Any, kind: Any, left: float) -> Any:
            sent = _encoded(question)
            reply = exchange.post(path, sent, timeout_s=left)
            if reply.status != 200:
                raise exchange.refused(reply, self._advice(reply.status, exchange))
            answer = self._read(reply.body, kind)
            counted = getattr(answer, "usage", None)
            if counted is not None:
                _tell(counted, question, sent)
            return answer

        return post

    def _advice(self, status: int, exchange: Exchange) -> str:
        if not status:
            return "Does the server run, and is base_url right?"
        if status in (401, 403) and not exchange.api_key_env and exchange.base_url != self.base_url:
            return "It wants a key: set rerank_api_key_env"
        return advice(status, name=self.name, api_key_env=exchange.api_key_env, otherwise="")

    def _read(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=prepared(kind))
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise self._opened().error(f"the answer cannot be read: {error}", why="form") from error

    def _opened(self, base_url: str = "") -> Exchange:
        address = base_url or self.base_url
        if address not in self._exchanges:
            fresh = Exchange(
                base_url=address,
                what=repr(self.name),
                api_key_env=self._key_for(address),
                max_bytes=self.max_answer_bytes,
            )
            self._exchanges.setdefault(address, fresh)
        return self._exchanges[address]

    def _key_for(self, address: str) -> str:
        """A key goes to the server that it is of, and to no other."""
        if address == self.base_url:
            return self.api_key_env
        same = origin(address) == origin(self.base_url)
        return self.rerank_api_key_env or (self.api_key_env if same else "")


def _tell(counted: Any, question: Mapping[str, Any], sent: bytes) -> None:
    """What a server says that a question took."""
    texts = next((question[name] for name in ("documents", "texts", "prompt") if name in question), "")
    n = len(texts) if isinstance(texts, list) else 1
    most = question.get("max_completion_tokens") or question.get("max_tokens") or 1
    said_usage_of(counted.prompt_tokens, counted.completion_tokens, sent=sent, most_out=most, n=n)


def _encoded(question: Any) -> bytes:
    return msgspec.json.encode(question)
