"""Names, mails, phones, numbers and addresses of people, replaced before a text leaves this machine.

Rules, not a model: what has the form of such a thing (English and Chinese) becomes `[PHONE_1]`, the same
value the same mark, and the marks in an answer become the values again. A name is known where it is
introduced ("my name is …", "我叫…", "收件人：…") or where the caller names it; names of items stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zhiyin.llm.mask_rules import RULES

__all__ = ["Masks", "mask_text", "unsaid", "whole_values"]

MARK = re.compile(r"\[(?:MAIL|PHONE|ID|CARD|ADDRESS|NAME|ACCOUNT|IP)_\d{1,4}\]")
LONGEST_MARK = 16


@dataclass(slots=True)
class Masks:
    """The marks of one question, shared by all of its texts."""

    names: Sequence[str] = ()
    """Words that are always masked, such as the asker's own name."""
    marks: dict[str, str] = field(default_factory=dict)
    """Value -> mark."""
    _counts: dict[str, int] = field(default_factory=dict)

    def mask(self, text: str) -> str:
        """The text with marks. What already looks like a mark is broken up, so that nobody can forge one."""
        return self.mask_all([text])[0]

    def mask_all(self, texts: Sequence[str]) -> list[str]:
        """The texts of one question: what a rule finds in one of them is masked wherever it stands in any."""
        marked = [self._ruled(text) for text in texts]
        again = _anywhere(self.marks)
        if again is None:
            return marked
        known = {_bare(value): mark for value, mark in self.marks.items()}
        return [_repeated(text, again, known) for text in marked]

    def unmask(self, text: str) -> str:
        """The values again; marks that were never given stay."""
        if not self.marks or "[" not in text:
            return text
        values = {mark: value for value, mark in self.marks.items()}
        return MARK.sub(lambda found: values.get(found[0], found[0]), text)

    def unmask_json(self, text: str) -> str:
        """The same inside of JSON, where a value must be escaped."""
        if not self.marks or "[" not in text:
            return text
        values = {mark: _escaped(value) for value, mark in self.marks.items()}
        return MARK.sub(lambda found: values.get(found[0], found[0]), text)

    def unmask_pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        """The same of a stream: the beginning of what may become a mark is held back."""
        waiting = ""
        for piece in pieces:
            waiting += piece
            opened = waiting.rfind("[")
            cut = len(waiting)
            if opened >= 0 and "]" not in waiting[opened:] and len(waiting) - opened < LONGEST_MARK:
                cut = opened
            if cut:
                yield self.unmask(waiting[:cut])
            waiting = waiting[cut:]
        if waiting:
            yield self.unmask(waiting)

    def _ruled(self, text: str) -> str:
        text = MARK.sub(lambda found: f"({found[0][1:-1]})", text)
        for name in sorted(filter(None, self.names), key=len, reverse=True):
            text = re.sub(_word(name), lambda found: self._mark("NAME", found[0]), text)
        for kind, rule in RULES:
            text = self._applied(kind, rule, text)
        return text

    def _applied(self, kind: str, rule: re.Pattern[str], text: str) -> str:
        parts, after = [], 0
        for start, end in _spans(kind, rule, text):
            parts += [text[after:start], self._mark("CARD" if kind == "IBAN" else kind, text[start:end])]
            after = end
        return "".join([*parts, text[after:]])

    def _mark(self, kind: str, value: str) -> str:
        if value not in self.marks:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self.marks[value] = f"[{kind}_{self._counts[kind]}]"
        return self.marks[value]


def mask_text(text: str, names: Sequence[str] = ()) -> str:
    """One text alone.

    >>> mask_text("I am at li.lei@example.com or 138 0013 8000")
    'I am at [MAIL_1] or [PHONE_1]'
    >>> mask_text("我叫李雷，手机１３８００１３８０００")
    '我叫[NAME_1]，手机[PHONE_1]'
    """
    return Masks(names).mask(text)


def whole_values(text: str, limit: int) -> str:
    """The first `limit` characters, or fewer: half of a number or a name would have the form of none.

    >>> whole_values("ring 13800138000 or 13900139000", 24)
    'ring 13800138000 or '
    """
    cut = limit
    for kind, rule in RULES:
        for start, end in _spans(kind, rule, text):
            if start < cut < end:
                cut = start
    return text[:cut]


def unsaid(text: str, said: str) -> str:
    """The text, with an ellipsis wherever it repeats what is personal in `said`, its signs or not.

    >>> unsaid("about “name john smith”", "My name is John Smith")
    'about “name …”'
    """
    masks = Masks()
    masks.mask(said)
    again = _anywhere(masks.marks)
    return text if again is None else again.sub("…", text)


def _spans(kind: str, rule: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    plain = _plain(text)
    for found in rule.finditer(plain):
        start, end = found.span(1 if rule.groups else 0)
        check = CHECKS.get(kind)
        if check is None or check(plain[start:end]):
            yield start, end


def _bare(value: str) -> str:
    """What is left of a value without case, spaces and signs."""
    return "".join(letter for letter in _plain(value).casefold() if letter.isalnum())


def _anywhere(values: Iterable[str]) -> re.Pattern[str] | None:
    """Finds these values in any case and with any signs between their letters; and marks, to step over."""
    ways = []
    for bare in sorted({_bare(value) for value in values}, key=len, reverse=True):
        if len(bare) < 2:
            continue
        spread = r"[\W_]*".join(map(re.escape, bare))
        ways.append(rf"(?<![A-Za-z0-9]){spread}(?![A-Za-z0-9])" if bare.isascii() else spread)
    return re.compile("|".join([MARK.pattern, *ways]), re.IGNORECASE) if ways else None


def _repeated(text: str, again: re.Pattern[str], known: Mapping[str, str]) -> str:
    def mark(start: int, end: int) -> str:
        found = text[start:end]
        return found if MARK.fullmatch(found) else known.get(_bare(found), "")

    parts, after = [], 0
    for found in again.finditer(_plain(text)):
        start, end = found.span()
        parts += [text[after:start], mark(start, end) or text[start:end]]
        after = end
    return "".join([*parts, text[after:]])


def _plain(text: str) -> str:
    """Full-width digits and letters as ASCII, at the same places."""
    if text.isascii():
        return text
    return "".join(_narrow(letter) for letter in text)


def _narrow(letter: str) -> str:
    if letter.isascii() or letter in "：，。；！？":
        return letter
    narrow = unicodedata.normalize("NFKC", letter)
    return narrow if len(narrow) == 1 and narrow.isascii() else letter


def _word(name: str) -> str:
    escaped = re.escape(name)
    return rf"(?<!\w){escaped}(?!\w)" if name.isascii() else escaped


def _luhn(number: str) -> bool:
    """Whether a card number's last digit fits the others, so that other long numbers stay."""
    digits = [int(letter) for letter in number if letter.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(digits) >= 13 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(number: str) -> bool:
    """ISO 7064: the country and the two digits moved to the end, letters as 10 to 35; 1 of 97 is left."""
    letters = number.replace(" ", "")
    turned = "".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])
    return 15 <= len(letters) <= 34 and int(turned) % 97 == 1


CHECKS: dict[str, Callable[[str], bool]] = {"CARD": _luhn, "IBAN": _iban}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
