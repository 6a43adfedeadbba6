"""Words are read by the language model before the compute thread is asked, within the deadline or not."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future

from zhiyin.contracts import LanguageModel
from zhiyin.errors import LlmError
from zhiyin.represent.intent_prompt import read_by_model
from zhiyin.serve.call import Call
from zhiyin.types import Intent

__all__ = ["read_words"]

log = logging.getLogger(__name__)

SHARE = 0.5
"""Part of the time left that may go by before the list is begun."""
READING_S = 10.0
"""A reading that is late for its own question goes on for the next one with the same words."""
AT_ONCE = 2
busy = threading.BoundedSemaphore(AT_ONCE)


async def read_words(call: Call, words: str, locale: str, until: float) -> tuple[Intent | None, bool]:
    """What the model makes of the words, and whether it was missed; None: the rules read them."""
    serving = call.ground.live.serving
    llm = None if serving is None else getattr(serving.recommender, "llm", None)
    if not words.strip() or not isinstance(llm, LanguageModel):
        return None, False
    if not busy.acquire(blocking=False):
        return None, True
    reading: Future[tuple[Intent, bool]] = Future()
    before = call.ground.settings.model_before_vectors

    def work() -> None:
        try:
            recommender = serving.recommender  # type: ignore[union-attr]
            items = recommender.items_
            assert items is not None
            book = recommender.reader_.vocabulary(items)
            reading.set_result(
                read_by_model(
                    words, llm, book, items, locale=locale, timeout=READING_S, before_vectors=before
                )
            )
        except Exception as error:  # noqa: BLE001  # the rules are there
            said = error.bare if isinstance(error, LlmError) else type(error).__name__
            log.warning("the language model has not read the words of a question: %s", said)
            reading.set_exception(error)
        finally:
            busy.release()

    threading.Thread(target=work, name="zhiyin-intent", daemon=True).start()
    patience = max(0.0, (until - call.ground.service.clock()) * SHARE)
    try:
        intent, took_part = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(reading)), patience)
    except Exception:  # noqa: BLE001  # late, or failed and logged
        return None, True
    return (intent, False) if took_part else (None, True)
