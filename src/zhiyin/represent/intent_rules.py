"""Words to an intent by rules and the catalogue's own vocabulary: no model takes part, nothing can fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.errors import ZhiyinError
from zhiyin.represent.intent_numbers import Limit
from zhiyin.represent.intent_words import cues
from zhiyin.represent.limit_filters import attribute_of, filter_of
from zhiyin.represent.phrase_kinds import Kinds, kinds_of, standing_alone
from zhiyin.represent.stated_limits import stated_limits
from zhiyin.represent.units import SIGN, folded, is_cjk, units
from zhiyin.represent.vocabulary import MAX_UNITS, Value, Vocabulary, mood_values, quoted
from zhiyin.types import Intent, Wish

__all__ = ["language_of", "read_intent", "says_something"]

LONGEST = 500
"""Characters of a request that are read; search by text reads all of them."""
NEGATION_REACHES = 5
"""Units after a "not" within which something must be named."""
COMMAS = (",", "，")
ALTERNATIVES = ("or", "nor", "或", "或者")
GUESSED = 0.6
"""Weight of what is asked for without being named: "something funny"."""
TURNING = frozenset(("fresh", "old", "popular", "niche", "good", "cheap", "dear"))
TURNING_ALONE = frozenset(("fresh", "old", "popular"))
"""Those whose single Chinese characters a 不 may turn: 不老, but not 不好."""
SENTENCE_ENDS = frozenset(".;!?。；！？")
PARTICLES = frozenset("了吧啊哦呢呀啦的")
YOUNG = 12
"""Up to this age a gift is for a child."""


def read_intent(words: str, vocabulary: Vocabulary, items: Catalogue, *, near: bool = True) -> Intent:
    """What the words ask for. Any text is an answer: what is not understood stays text to search by.

    Words that name nothing become wishes for what is near in meaning, unless `near` is False or the
    vocabulary has no encoder.
    """
    key = (words, "near" if near else "")
    known = vocabulary.kept.get(key)
    if known is not None:
        return known
    found = _Reading(words[:LONGEST], vocabulary, items).intent(words)
    if near and vocabulary.near is not None and not says_something(found):
        try:
            found = vocabulary.near.added(found, items)
        except ZhiyinError:
            return found  # not kept: the encoder may answer next time
    return vocabulary.keep(key, found)


def says_something(intent: Intent) -> bool:
    """Whether words were understood as more than text to search by."""
    turned = intent.fresh or intent.popular or intent.quality
    return bool(turned or intent.require or intent.wishes or intent.like or intent.unlike or intent.mood)


def language_of(words: str) -> str:
    """zh, en, or empty when there are only signs and numbers."""
    if any(map(is_cjk, words)):
        return "zh"
    return "en" if any(letter.isalpha() for letter in words) else ""


@dataclass(slots=True)
class _Reading:
    """One pass over the units, the longest known phrase first."""

    words: str
    vocabulary: Vocabulary
    items: Catalogue
    text: str = ""
    require: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    wishes: dict[tuple[Value, ...], Wish] = field(default_factory=dict)
    like: dict[int, None] = field(default_factory=dict)
    unlike: dict[int, None] = field(default_factory=dict)
    mood: dict[str, None] = field(default_factory=dict)
    turns: dict[str, float] = field(default_factory=dict)
    unmet: list[str] = field(default_factory=list)
    n: int | None = None
    left: list[tuple[int, int]] = field(default_factory=list)
    """Pieces of the text that stay to search by."""
    negated: int = 0
    """Units that a "not" still reaches over."""
    unknown: tuple[int, int] | None = None
    """Words behind a "not" that name nothing here."""
    softly: bool = False
    ruled: bool = False
    """Whether an "and" now goes on with what is not wanted."""
    listing: bool = False
    """Whether commas go on with it too, until an "and" or "or" has come."""
    liking: int = 0
    alone: frozenset[int] | None = None
    """Places of Chinese characters that are words of their own."""
    last: list[tuple[Kinds, str, int]] = field(default_factory=list)
    """What was wished last, joined by "and"s, and where it starts: for a "not" that comes after it."""
    joiner: str = ""
    """The "and" or "or" that stood before what comes now."""
    told: bool = False
    """Whether the "not" that now reaches has found what it is about."""
    ended: int = -1
    """Where the words that were last not wanted end."""

    def intent(self, said: str) -> Intent:
        self.text = folded(self.words)
        spans = [self._limit(limit) for limit in stated_limits(self.text)]
        for piece in self._pieces(spans):
            self._clause(piece)
        self._tidy()
        return Intent(
            said=said,
            require=(*self.require, *self.exclude),
            wishes=tuple(self.wishes.values()),
            like=tuple(self.items.ids[code] for code in self.like if code not in self.unlike),
            unlike=tuple(self.items.ids[code] for code in self.unlike),
            text=" ".join(self.text[start:end] for start, end in self._joined()),
            mood=tuple(self.mood),
            fresh=self.turns.get("fresh", 0.0),
            popular=self.turns.get("popular", 0.0),
            quality=self.turns.get("good", 0.0),
            n=self.n,
            language=language_of(self.words),
            unmet=tuple(self.unmet),
        )

    # -- numbers -----------------------------------------------------------------------------------

    def _limit(self, limit: Limit) -> tuple[int, int]:
        """Takes a limit; which piece of the text it uses up."""
        if limit.role == "count":
            self.n = int(limit.low or 0) or None
            return limit.start, limit.end
        name, start = attribute_of(limit, self.text, self.vocabulary)
        said = self.text[limit.start : limit.end].strip()
        young = limit.role == "age" and (limit.high or 99) <= YOUNG
        if young:
            self._wish(self.vocabulary.concept_values.get("children", ()), said, 1.0)
        if not name:
            if not young:
                self.unmet.append(said)
            return limit.start, limit.end
        expression = filter_of(name, limit)
        if limit.firm:
            self.require.append(expression)
        else:
            self.wishes[(Value(name, expression),)] = Wish(expression, 1.0, said)
        return start, limit.end

    # -- phrases -----------------------------------------------------------------------------------

    def _pieces(self, spans: list[tuple[int, int]]) -> list[list[tuple[str, int, int]]]:
        """The units between the limits."""
        found, at = [], 0
        for start, end in [*sorted(spans), (len(self.text), len(self.text))]:
            piece = [(unit, at + low, at + high) for unit, low, high in units(self.text[at:start])]
            found.append(piece)
            at = max(at, end)
        return found

    def _clause(self, piece: list[tuple[str, int, int]]) -> None:
        place = 0
        while place < len(piece):
            place += self._step(piece, place)
        self.liking = 0
        self._end_of_not()

    def _step(self, piece: list[tuple[str, int, int]], place: int) -> int:
        """Takes what stands at a place; how many units it was."""
        unit, start, end = piece[place]
        if SIGN.fullmatch(unit):
            self.joiner = unit if unit == "、" else ""
            if unit in SENTENCE_ENDS:
                self.last = []
            if self.ruled and (unit == "、" or (unit in COMMAS and self._goes_on(piece, place))):
                self.listing = unit != "、"
                self.negated = NEGATION_REACHES
            elif unit not in '、《》“”"()[]':
                self._end_of_not()
                self.liking, self.ruled, self.listing = 0, False, False
            return 1
        length, kinds = self._longest(piece, place)
        span = (start, piece[place + max(length, 1) - 1][2])
        if self._is_titled(piece, place) and (titled := self._title(piece, place)) >= max(length, 1):
            return self._named(piece, place, titled)
        if not length and self._is_prefix(piece, place):
            self._not(kinds, span)
        elif not length:
            self._unnamed(start, end)
        elif self._is_free(kinds, span):
            self._take_back()
        elif kinds.cues == ("free",) and not kinds.means:
            self._unnamed(*span)
        else:
            self._meaning(kinds, span)
        return max(length, 1)

    def _unnamed(self, start: int, end: int) -> None:
        """A unit that names nothing: text to search by, or what a "not" speaks of and nobody can rule out."""
        self.liking = max(0, self.liking - 1)
        if not self.negated:
            self.left.append((start, end))
            return
        self.unknown = (start if self.unknown is None else self.unknown[0], end)
        self.negated -= 1
        if not self.negated:
            self._end_of_not()

    def _end_of_not(self) -> None:
        """What it would have ruled out is unmet, where it has ruled out nothing."""
        if self.unknown is not None:
            self.unmet.append(self.text[slice(*self.unknown)])
        self.negated, self.unknown, self.told = 0, None, False

    def _goes_on(self, piece: list[tuple[str, int, int]], place: int) -> bool:
        """Whether a comma stands within a list that a "not" rules: "no westerns, war or crime".

        Only its end tells: an "or", or an "and" behind two commas. "No war, comedy" asks for comedies.
        """
        commas, joined, named = 0, "", False
        if self.listing:
            return True
        while place < len(piece):
            unit = piece[place][0]
            length, kinds = (0, Kinds()) if SIGN.fullmatch(unit) else self._longest(piece, place)
            if unit in COMMAS and not joined:
                commas, named = commas + 1, False
            elif "and" in kinds.cues:
                joined = unit
            elif kinds.values or kinds.guessed or kinds.moods:
                named = True
                if joined:
                    return joined in ALTERNATIVES or commas > 1
            elif "skip" not in kinds.cues or (named and joined):
                return False
            place += max(length, 1)
        return False

    def _longest(self, piece: list[tuple[str, int, int]], place: int) -> tuple[int, Kinds]:
        """Length in units of the longest known phrase, and what it is; 0 for none."""
        most = min(len(piece) - place, MAX_UNITS)
        best, kinds = 0, Kinds()
        key = ""
        for length in range(1, most + 1):
            unit = piece[place + length - 1][0]
            if SIGN.fullmatch(unit):
                break
            key = f"{key} {unit}" if key else unit
            found = kinds_of(key, self.vocabulary)
            if found and (length > 1 or self._is_word(unit, piece[place][1])):
                best, kinds = length, found
        return best, kinds

    def _is_word(self, unit: str, start: int) -> bool:
        """A single Chinese character counts where the segmenter lets it stand alone: not 老 in 老虎."""
        if not is_cjk(unit):
            return True
        if self.alone is None:
            self.alone = standing_alone(self.text)
        return start in self.alone

    def _meaning(self, kinds: Kinds, span: tuple[int, int]) -> None:
        said = self.text[span[0] : span[1]]
        if {"not", "out"} & set(kinds.cues):
            self._not(kinds, span)
            return
        if "less" in kinds.cues:
            self.negated, self.softly, self.told = NEGATION_REACHES, True, False
            return
        if "and" in kinds.cues:
            self.joiner = said
        if "and" in kinds.cues and (self.ruled or self.unknown is not None):
            self._end_of_not()
            self.negated, self.listing, self.told = NEGATION_REACHES, False, True
            return
        if "like" in kinds.cues and not kinds.values:
            self._liked()
            return
        if "but" in kinds.cues and not kinds.values:
            self._end_of_not()
            self.ruled = False
            return
        if kinds.means and (self.negated or self._goes_on_not(kinds, span[0])):
            self._unwanted(kinds, said)
            self.ended = span[1]
            return
        if kinds.cues != ("skip",):
            self.unknown = None
        self._taken(kinds, said, span)

    def _liked(self) -> None:
        """Titles follow; "hated Titanic and loved Heat" no longer speaks of what is not wanted."""
        if self.told and self.joiner not in ALTERNATIVES:
            self._end_of_not()
            self.ruled = False
        self.liking = 3

    def _taken(self, kinds: Kinds, said: str, span: tuple[int, int]) -> None:
        turned = self._turned(kinds.cues)
        priced = self._priced(kinds, said)
        self._wished(kinds, said, span)
        if kinds.values or kinds.guessed or kinds.moods or turned or priced:
            self.last = [*(self.last if self.joiner else ()), (kinds, said, span[0])]
            self.joiner = ""

    # -- what is not wanted ------------------------------------------------------------------------

    def _not(self, kinds: Kinds, span: tuple[int, int]) -> None:
        """A "not" turns what follows; at the end of its clause (恐怖片不要) what came before."""
        if self.last and self._ends_clause(span[1]):
            self._take_back()
        elif "out" not in kinds.cues:
            self.negated, self.softly, self.listing = NEGATION_REACHES, False, False
            self.told = False
            self.liking = 3 if "disliked" in kinds.cues else self.liking

    def _ends_clause(self, at: int) -> bool:
        rest = units(self.text[at : at + 12])
        while rest and rest[0][0] in PARTICLES:
            rest.pop(0)
        return not rest or bool(SIGN.fullmatch(rest[0][0]))

    def _take_back(self) -> None:
        """What was wished last is not wanted."""
        said_last, self.last = self.last, []
        for kinds, said, start in said_last:
            self.wishes = {key: wish for key, wish in self.wishes.items() if wish.said != said}
            for mood in kinds.moods:
                self.mood.pop(mood, None)
            self.left = [piece for piece in self.left if piece[0] < start]
            self.negated, self.softly = 1, False
            if kinds.means:
                self._unwanted(kinds, said)
            else:
                self._turned(kinds.cues)
                self._priced(kinds, said)
        self.negated = 0

    def _is_prefix(self, piece: list[tuple[str, int, int]], place: int) -> bool:
        """A 不 before what it turns (不好笑), not in a question (好不好笑)."""
        unit, following = piece[place][0], piece[place + 1 : place + 2]
        if unit not in ("不", "没") or not following or (place and piece[place - 1][0] == following[0][0]):
            return False
        length, kinds = self._longest(piece, place + 1)
        found = set(kinds.cues)
        return bool(found & TURNING_ALONE) or (length > 1 and (kinds.means or bool(found & TURNING)))

    def _is_free(self, kinds: Kinds, span: tuple[int, int]) -> bool:
        """Horror-free."""
        before = self.text[: span[0]]
        return (
            "free" in kinds.cues and bool(self.last) and not kinds.values
            and before.rstrip(" -").endswith(self.last[-1][1])
            and not self.text[span[1] :].lstrip().startswith(("of ", "to "))
        )  # fmt: skip

    def _goes_on_not(self, kinds: Kinds, start: int) -> bool:
        """不要太血腥暴力: both."""
        return start == self.ended and is_cjk(self.text[start]) and not kinds.values and not kinds.known

    def _turned(self, found: tuple[str, ...]) -> bool:
        sign = -1.0 if self.negated else 1.0
        for cue, turn, way in (("fresh", "fresh", 1.0), ("old", "fresh", -1.0), ("popular", "popular", 1.0),
                               ("niche", "popular", -1.0), ("good", "good", 1.0)):  # fmt: skip
            if cue in found and not (cue == "good" and self.negated):
                self.turns[turn] = sign * way
        return bool(TURNING & set(found))

    def _priced(self, kinds: Kinds, said: str) -> bool:
        """Cheap is the cheaper third of what has a price, dear the dearer one."""
        if kinds.values or not {"cheap", "dear"} & set(kinds.cues):
            return False
        name = self.vocabulary.roles.get("price", "")
        if not name:
            self.unmet.append(said)
            return False
        cheap = ("cheap" in kinds.cues) != bool(self.negated)
        bound = float(np.nanpercentile(self.items.numbers[name], 100 / 3 if cheap else 200 / 3))
        expression = f"{quoted(name)} {'<=' if cheap else '>='} {bound:.10g}"
        if self.negated:
            said = f"不{said}" if is_cjk(said[0]) else f"not {said}"
        self.wishes[(Value(name, expression),)] = Wish(expression, 1.0, said)
        self.negated = 0
        return True

    def _wished(self, kinds: Kinds, said: str, span: tuple[int, int]) -> None:
        if kinds.values:
            self._wish(kinds.values, said, 1.0)
        elif kinds.guessed:
            self._wish(kinds.guessed, said, GUESSED)
        for mood in kinds.moods:
            self.mood[mood] = None
            often, seldom = mood_values(self.vocabulary, mood)
            if not kinds.values and not kinds.guessed:
                self._wish(often, said, GUESSED)
                self._wish(seldom, said, -GUESSED / 2)
        if kinds.values or kinds.guessed or kinds.moods or kinds.known or "keep" in kinds.cues:
            if not kinds.values:
                self.left.append(span)
            self.liking, self.ruled = 0, False

    def _unwanted(self, kinds: Kinds, said: str) -> None:
        """Firmly named words are ruled out; what is only meant, or "less" of something, weighs against."""
        self.negated, self.ruled, self.told, self.unknown = 0, True, True, None
        if kinds.values and not self.softly:
            for name in dict.fromkeys(value.attribute for value in kinds.values):
                words = ", ".join(quoted(value.word) for value in kinds.values if value.attribute == name)
                self.exclude.append(f"not {quoted(name)} in ({words})")
            return
        values = kinds.values or kinds.guessed
        for mood in () if values else kinds.moods:
            values = (*values, *mood_values(self.vocabulary, mood)[0])
        self._wish(values, said, -1.0)

    def _wish(self, values: tuple[Value, ...], said: str, by: float) -> None:
        if values:
            expression = " or ".join(value.filter for value in dict.fromkeys(values))
            self.wishes[values] = Wish(expression, by, said)

    # -- titles ------------------------------------------------------------------------------------

    def _is_titled(self, piece: list[tuple[str, int, int]], place: int) -> bool:
        """Whether a title may stand here: behind "like", "not", or a quotation mark."""
        return bool(
            self.liking
            or (self.negated and self.unknown is None)
            or (place and piece[place - 1][0] in '《“"')
        )

    def _title(self, piece: list[tuple[str, int, int]], place: int) -> int:
        """Length in units of the longest title at a place."""
        best, key = 0, ""
        for length in range(1, min(len(piece) - place, MAX_UNITS + 8) + 1):
            unit = piece[place + length - 1][0]
            if unit in '《》“”"':
                break
            if SIGN.fullmatch(unit):
                continue
            key = f"{key} {unit}" if key else unit
            if self.vocabulary.title(key) >= 0 and not self._is_common(key):
                one = self._ends(piece, place + 1) and bool(self.liking)
                best = length if length > 1 or one else best
        return best

    def _ends(self, piece: list[tuple[str, int, int]], place: int) -> bool:
        """Whether a title of one word may end here: "like Heat, …" but not "like heat waves"."""
        following = piece[place][0] if place < len(piece) else ""
        return not following or bool(SIGN.fullmatch(following)) or bool(cues().get(following))

    def _is_common(self, key: str) -> bool:
        """Titles that are ordinary words of a request: "it", "her", "comedy"."""
        return " " not in key and bool(kinds_of(key, self.vocabulary)) and not key.isdecimal()

    def _named(self, piece: list[tuple[str, int, int]], place: int, length: int) -> int:
        key = " ".join(unit for unit, _, _ in piece[place : place + length] if not SIGN.fullmatch(unit))
        code = self.vocabulary.title(key)
        (self.unlike if self.negated else self.like)[code] = None
        self.told, self.unknown = bool(self.negated), None
        self.liking = 3  # "like Toy Story and Babe"
        return length

    # -- the rest ----------------------------------------------------------------------------------

    def _tidy(self) -> None:
        """What was both wished and ruled out is ruled out."""
        ruled = " ".join(self.exclude)
        for values in list(self.wishes):
            if self.wishes[values].by > 0 and all(quoted(value.word) in ruled for value in values):
                del self.wishes[values]

    def _joined(self) -> Iterator[tuple[int, int]]:
        """The pieces to search by, neighbours as one."""
        at: tuple[int, int] | None = None
        for start, end in sorted(self.left):
            if at is not None and start - at[1] <= (0 if is_cjk(self.text[start]) else 1):
                at = (at[0], end)
                continue
            if at is not None:
                yield at
            at = (start, end)
        if at is not None:
            yield at
