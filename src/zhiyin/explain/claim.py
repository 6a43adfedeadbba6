"""What is claimed about one item, before anybody has checked or worded it."""

from __future__ import annotations

import msgspec

__all__ = ["FORMS", "Claim"]

FORMS: dict[str, str] = {
    "because": "history",
    "goes": "history",
    "again": "history",
    "like": "attribute",
    "count": "attribute",
    "price": "attribute",
    "words": "words",
    "interest": "profile",
    "now": "popular",
    "among": "popular",
    "times": "popular",
    "new": "recent",
}
"""Every form that a claim can take, and the kind of reason that it makes."""


class Claim(msgspec.Struct, frozen=True):
    """A statement that can be true or false. What a form does not need stays empty.

    goes     the cited items gave a large part of the evidence
    because  they did, and without each of them the item's score is lower: it was tried
    again    the item itself was chosen `count` times
    like     it has `value` (and is of `decade`), as the cited items do
    count    it has `value`, as `count` of the last `of` items of the history do
    price    it costs about what the cited items cost
    words    `matched` words of the request are in its title, attributes or text, or wishes that it meets
    interest it meets the `matched` interests of the user's own profile
    now      it is among the `count` most chosen of the last weeks
    among    it is among the `count` most chosen
    times    it was chosen `count` times
    new      it came to the catalogue, or was chosen first, lately
    """

    form: str
    item: int
    cited: tuple[int, ...] = ()
    """Item codes."""
    attribute: str = ""
    value: str = ""
    decade: int | None = None
    count: int = 0
    of: int = 0
    matched: tuple[str, ...] = ()
    share: float = 0.0
    """Part of the item's evidence that the claim stands for, 0 to 1."""

    @property
    def kind(self) -> str:
        return FORMS[self.form]
