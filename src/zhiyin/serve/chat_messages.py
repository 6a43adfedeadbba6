"""A dialogue over the wire: its state travels with the request."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from zhiyin.dialogue import State
from zhiyin.serve.meaning_messages import Id, IntentIn, intent_of, shown_intent
from zhiyin.serve.messages import Line, Meta_

__all__ = ["ChatAnswer", "ChatRequest", "ChatState", "shown_state", "state_of"]


class ChatState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the dialogue remembers: send it back as it came."""

    intent: IntentIn = IntentIn()
    shown: Annotated[list[Id], Meta(max_length=100, description="The last list, in order")] = []
    gone: Annotated[list[Id], Meta(max_length=200, description="What shall not come back")] = []


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn: wishes, or what should be otherwise in the list that was shown."""

    message: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: ChatState = ChatState()
    user: Annotated[str, Meta(max_length=512)] = ""
    session: Annotated[str, Meta(max_length=512)] = ""
    n: Annotated[int, Meta(ge=1, le=50)] = 5
    locale: Annotated[str, Meta(max_length=35, description="Empty = the language of the message")] = ""
    filter: Annotated[str, Meta(max_length=4000)] = ""
    phrased: Annotated[bool, Meta(description="By the language model, where there is one")] = True
    dry_run: bool = False


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A list and a text about it, and of nothing else."""

    text: str
    items: list[Line]
    state: ChatState
    meta: Meta_


def state_of(given: ChatState) -> State:
    """As the dialogue keeps it."""
    intent = intent_of(given.intent, given.intent.text, path="$.state.intent")
    return State(intent, tuple(given.shown), tuple(given.gone))


def shown_state(state: State, shown: list[str]) -> ChatState:
    """As it goes over the wire, with the list that is shown now."""
    return ChatState(intent=shown_intent(state.intent), shown=shown, gone=list(state.gone))
