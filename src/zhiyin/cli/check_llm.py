"""The check of a configured language model: can it be reached, what can it do, how long does a word take."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from zhiyin.cli.checks import Finding
from zhiyin.errors import LlmError, ZhiyinError, shorten
from zhiyin.llm.within import within
from zhiyin.terminal import printable
from zhiyin.types import Prompt

__all__ = ["language_model"]

NAME = "language model"
TIMEOUT_S = 20.0
"""For each of the questions."""
LOAD_S = 120.0
"""For the first one, which loads a model of this machine."""


class Pong(msgspec.Struct):
    """The tiny answer."""

    ready: Literal["yes", "no"]


PING = Prompt("doctor", "1", "Answer in JSON.", 'Are you ready? Say {"ready": "yes"}.', max_tokens=24)
CHOICE = Prompt("doctor", "1", "Answer with one letter.", "A. yes\nB. no\nWhich is first?", max_tokens=1)
ABILITIES: dict[str, Callable[[Any, float], Any]] = {
    "first tokens": lambda llm, left: llm.choose(CHOICE, ["A", "B"], timeout=left),
    "texts": lambda llm, left: llm.log_likelihood("One, two,", [" three", " tea"], timeout=left),
    "rerank": lambda llm, left: llm.relevance("green tea", ["tea", "tyre"], timeout=left),
}
"""What parts may ask for beside an answer in words; the first two are probabilities."""


def language_model(project: Path) -> Finding:
    """Asks the model of `[llm]` itself, past the guard's kept answers; its key is in no line."""
    from zhiyin.config import from_toml

    file = project / "zhiyin.toml"
    try:
        llm: Any = from_toml(file).llm if file.is_file() else None
    except ZhiyinError:
        llm = None  # the check of the file has told
    if llm is None:
        return Finding(NAME, "ok", "none is configured, and none is needed")
    llm = getattr(llm, "language_model", llm)
    try:
        return _asked(llm, file)
    finally:
        getattr(llm, "close", lambda: None)()


def _asked(llm: Any, file: Path) -> Finding:
    what, facts = _named(llm), {"model": _named(llm), "reached": False}
    try:
        if not hasattr(llm, "complete"):
            return Finding(NAME, "ok", f"{what}: it scores and writes nothing", facts=facts)
        if not getattr(llm, "sends_out", True):  # loads it
            _in_time(lambda: llm.choose(CHOICE, ["A", "B"], timeout=LOAD_S), LOAD_S)
        start = time.perf_counter()
        _in_time(lambda: llm.complete(PING, schema=Pong, timeout=TIMEOUT_S), TIMEOUT_S)
        ms = (time.perf_counter() - start) * 1000
    except (ZhiyinError, OSError) as error:
        said = _without_key(f"{what}: {error}", llm)
        facts |= {"why": getattr(error, "why", type(error).__name__)}
        return Finding(NAME, "fail", said, _way_out(error, llm, file), facts)
    able = {name: _able(llm, ask) for name, ask in ABILITIES.items()}
    can = ", ".join(name for name, yes in able.items() if yes) or "words only"
    cannot = ", ".join(name for name, yes in able.items() if not yes)
    said = f"{what} answers in JSON, {ms:,.0f} ms; beside it can: {can}"
    said += f"; not: {cannot}" if cannot else ""
    return Finding(NAME, "ok", said, facts={**facts, "reached": True, "ms": round(ms, 1), "can": able})


def _able(llm: Any, ask: Callable[[Any, float], Any]) -> bool:
    try:
        _in_time(lambda: ask(llm, TIMEOUT_S), TIMEOUT_S)
    except (LlmError, AttributeError):
        return False
    return True


def _in_time(call: Callable[[], Any], seconds: float) -> Any:
    return within(seconds, call, done=lambda: None)


def _way_out(error: Exception, llm: Any, file: Path) -> str:
    """What to do; lists are made without the model until then."""
    if not isinstance(error, LlmError):
        return "lists are made without it until then"  # the message names the command
    variable = getattr(llm, "api_key_env", "")
    if error.status in (401, 403):
        if variable and not os.environ.get(variable):
            return f"{variable} is not set here: export {variable}=…"
        return (
            f"the key in {variable} is not accepted" if variable else f"name its key: api_key_env in {file}"
        )
    if error.status == 404:
        return f"is the model's name right, and does base_url end in /v1? [llm] in {file}"
    if error.status == 429:
        return "its limit is reached: wait, or lower what is asked a day (tokens_per_day)"
    if error.why == "form":
        return "it answers, but not as asked: a larger model, or a server that holds to a JSON schema"
    if error.why == "late":
        return "it is too slow or hangs: look at its log; lists do not wait for it"
    return f"start the server or mend base_url in {file}; lists are made without it until then"


def _named(llm: Any) -> str:
    url = re.sub(r"//[^/@]*@", "//", str(getattr(llm, "base_url", "")))
    name = str(getattr(llm, "name", "") or getattr(llm, "path", "") or type(llm).__name__)
    return printable(shorten(f"{name} at {url}" if url else name, 160))


def _without_key(text: str, llm: Any) -> str:
    """Servers repeat keys in their errors."""
    key = os.environ.get(getattr(llm, "api_key_env", "") or "", "")
    text = text.replace(key, "[key]") if len(key) > 3 else text
    return printable(re.sub(r"//[^/@\s]*@", "//", text))
