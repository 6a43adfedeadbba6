"""The route of the dialogue: a list every turn, and a text about it, whole or streamed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial

import msgspec
from starlette.responses import Response, StreamingResponse

from zhiyin.contracts import WritingModel
from zhiyin.data.catalogue import Catalogue
from zhiyin.dialogue import State, answer_text, heard, locale_of, next_state, spoken
from zhiyin.errors import LlmError
from zhiyin.explain.chat_prompt import without_own_words
from zhiyin.represent.criticism import Criticism
from zhiyin.represent.intent_rules import read_intent
from zhiyin.serve.call import Call, json_answer
from zhiyin.serve.chat_messages import ChatAnswer, ChatRequest, shown_state, state_of
from zhiyin.serve.lists import admitted, until_of
from zhiyin.serve.meaning_messages import shown_intent
from zhiyin.serve.messages import ListAnswer, RecommendRequest
from zhiyin.serve.service import Service
from zhiyin.serve.understanding import read_words
from zhiyin.types import Intent

__all__ = ["chat"]

log = logging.getLogger(__name__)

WRITING_S = 8.0
"""Longest time for a text of a model; the list is there long before."""
AT_ONCE = 2
"""Texts of models that a worker has in the making; others get the template."""
UNBUFFERED = {"x-accel-buffering": "no"}
"""A proxy such as nginx would keep the pieces of a text until it has enough of them."""
busy = threading.BoundedSemaphore(AT_ONCE)


async def chat(call: Call) -> Response:
    """One turn. `Accept: text/event-stream` gets events: list, then text piece by piece, then end."""
    request = call.take(ChatRequest)
    until = until_of(call, None)
    said = await admitted(call, partial(listened, call.ground.service, request), until)
    locale = request.locale or locale_of(request.message, "en")
    read, missed = await read_words(call, said.rest, locale, until)
    answer = await admitted(call, partial(turn, call.ground.service, request, said, read, locale), until)
    if missed:
        answer.meta.degraded.append("intent")
    writer = _writer(call, request)
    if "text/event-stream" in call.request.headers.get("accept", ""):
        streamed = _events(call, request, answer, writer)
        return StreamingResponse(
            streamed, media_type="text/event-stream", headers={"cache-control": "no-store", **UNBUFFERED}
        )
    if writer is not None:
        pieces = [piece async for piece in _written(call, request, answer, writer)]
        answer = _with_text(answer, " ".join(pieces))
    return json_answer(answer)


def listened(service: Service, request: ChatRequest) -> Criticism:
    """What the message says of the list before. Runs in the compute thread."""
    return heard(request.message, state_of(request.state), service.serving().items)


def turn(
    service: Service, request: ChatRequest, said: Criticism, read: Intent | None, locale: str
) -> ChatAnswer:
    """The next list and the template's text; `read` None: the rules read. Runs in the compute thread."""
    serving = service.serving()
    items = serving.items
    if read is None:
        vocabulary = serving.recommender.reader_.vocabulary(items)
        read = read_intent(said.rest, vocabulary, items) if said.rest else Intent()
    state = next_state(said, read, state_of(request.state), items)
    asked = RecommendRequest(
        user=request.user, session=request.session, n=request.n, words=request.message,
        intent=shown_intent(state.intent), locale=locale, surface="chat", filter=request.filter,
        exclude=list(state.gone), dry_run=request.dry_run,
    )  # fmt: skip
    found = service.recommend(asked)
    kept = shown_state(state, [line.id for line in found.items])
    text = _template(state, found, items, locale)
    return ChatAnswer(text=text, items=found.items, state=kept, meta=found.meta)


def _template(state: State, answer: ListAnswer | ChatAnswer, items: Catalogue, locale: str) -> str:
    relaxed = answer.meta.understood.relaxed if answer.meta.understood is not None else ()
    codes = items.ids.codes(line.id for line in answer.items)
    return answer_text(state, codes, items, locale, relaxed)


# -- a model's words ---------------------------------------------------------------------------------


def _writer(call: Call, request: ChatRequest) -> WritingModel | None:
    serving = call.ground.live.serving
    found = None if serving is None else getattr(serving.recommender, "llm", None)
    return found if request.phrased and isinstance(found, WritingModel) else None


async def _events(
    call: Call, request: ChatRequest, answer: ChatAnswer, writer: WritingModel | None
) -> AsyncIterator[bytes]:
    """Server-sent events; the list does not wait for the text."""
    yield _event("list", msgspec.json.encode(answer))
    n = 0
    if writer is not None:
        async for piece in _written(call, request, answer, writer):
            n += 1
            yield _event("text", msgspec.json.encode({"text": piece}))
    if not n:
        yield _event("text", msgspec.json.encode({"text": answer.text}))
    yield _event("end", b"{}")


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


async def _written(
    call: Call, request: ChatRequest, answer: ChatAnswer, writer: WritingModel
) -> AsyncIterator[str]:
    """Checked sentences of a model, written in a thread of its own: the event loop and the compute thread
    never wait for it. Ends early, and silently, when it fails or takes too long."""
    if not answer.items or not busy.acquire(blocking=False):
        return
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def work() -> None:
        try:
            for sentence in _spoken(call, request, answer, writer):
                loop.call_soon_threadsafe(pieces.put_nowait, sentence)
        except Exception as error:  # noqa: BLE001  # a text is never worth an answer
            said = error.bare if isinstance(error, LlmError) else type(error).__name__
            log.warning("the text of a dialogue is the template's: %s", said)
        finally:
            busy.release()
            loop.call_soon_threadsafe(pieces.put_nowait, None)

    threading.Thread(target=work, name="zhiyin-chat", daemon=True).start()
    until = loop.time() + WRITING_S
    while True:
        try:
            piece = await asyncio.wait_for(pieces.get(), max(0.0, until - loop.time()))
        except TimeoutError:
            return
        if piece is None:
            return
        yield piece


def _spoken(call: Call, request: ChatRequest, answer: ChatAnswer, writer: WritingModel) -> Iterator[str]:
    serving = call.ground.service.serving()
    items, vocabulary = serving.items, serving.recommender.reader_.vocabulary(serving.items)
    locale = request.locale or locale_of(request.message, "en")
    return spoken(
        writer, request.message, _told(answer, items, locale),
        [(line.title, line.reasons[0].text if line.reasons else "") for line in answer.items],
        items.ids.codes(line.id for line in answer.items), items, vocabulary,
        locale=locale, timeout=WRITING_S,
    )  # fmt: skip


def _told(answer: ChatAnswer, items: Catalogue, locale: str) -> str:
    """The template's text without the user's own words: the model has them as the message, and only there."""
    state = state_of(answer.state)
    return _template(replace(state, intent=without_own_words(state.intent)), answer, items, locale)


def _with_text(answer: ChatAnswer, said: str) -> ChatAnswer:
    if said:
        return msgspec.structs.replace(answer, text=said)
    meta = msgspec.structs.replace(answer.meta, degraded=[*answer.meta.degraded, "chat"])
    return msgspec.structs.replace(answer, meta=meta)
