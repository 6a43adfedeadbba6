"""Calls about meaning: interest profiles, tags, dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from zhiyin.client.bodies import encoded, listed
from zhiyin.client.exchange import Ask
from zhiyin.errors import DataError
from zhiyin.serve.chat_messages import ChatAnswer, ChatRequest, ChatState
from zhiyin.serve.meaning_messages import InterestIn, ProfileIn, ProfileOut, TagsIn, TagsOut

__all__ = ["MeaningAsks", "id_in_path"]


def id_in_path(name: str) -> str:
    """An id as a part of a path, whatever it holds."""
    if not name:
        raise DataError("an id", value=name, hint="an empty one names nobody and nothing")
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


class MeaningAsks:
    """One method for each thing that the service can be asked about meaning."""

    def profile(self, user: str) -> Ask[ProfileOut]:
        """A user's interests in words, and the events that they rest on."""
        return Ask("GET", f"/v1/users/{id_in_path(user)}/profile", ProfileOut)

    def put_profile(self, user: str, interests: Mapping[str, float]) -> Ask[ProfileOut]:
        """Say what the interests are, words -> weight; what the history shows and is missing here is taken
        out, with the events behind it."""
        given = ProfileIn(interests=[InterestIn(words=w, weight=by) for w, by in interests.items()])
        path = f"/v1/users/{id_in_path(user)}/profile"
        return Ask("PUT", path, ProfileOut, body=encoded(given))

    def delete_profile(self, user: str) -> Ask[ProfileOut]:
        """Forget what was said: the history speaks again."""
        return Ask("DELETE", f"/v1/users/{id_in_path(user)}/profile", ProfileOut)

    def tags(self, item: str) -> Ask[TagsOut]:
        """What an item is about."""
        return Ask("GET", f"/v1/items/{id_in_path(item)}/tags", TagsOut)

    def put_tags(self, item: str, tags: Sequence[str], *, line: str = "") -> Ask[TagsOut]:
        """Say what an item is about; `line` is the item in one line."""
        body = encoded(TagsIn(tags=listed(tags, "tags"), line=line))
        return Ask("PUT", f"/v1/items/{id_in_path(item)}/tags", TagsOut, body=body)

    def chat(
        self,
        message: str,
        *,
        state: ChatState | None = None,
        user: str = "",
        session: str = "",
        n: int = 5,
        locale: str = "",
        filter: str = "",
        phrased: bool = True,
        dry_run: bool = False,
    ) -> Ask[ChatAnswer]:
        """One turn of a dialogue: a list and a text about it; `state` is that of the answer before."""
        request = ChatRequest(
            message=message, state=state or ChatState(), user=user, session=session, n=n, locale=locale,
            filter=filter, phrased=phrased, dry_run=dry_run,
        )  # fmt: skip
        return Ask("POST", "/v1/chat", ChatAnswer, body=encoded(request))
