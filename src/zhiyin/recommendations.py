"""An answer: the list in its order, with what is needed to show it, store it and find it again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zhiyin.errors import DataError
from zhiyin.page import bar, card, chips, document, escape, fit, fragment, plain, recommender_html, width
from zhiyin.types import Candidates, Reason, Recommendation

if TYPE_CHECKING:
    import polars as pl

    from zhiyin.data.catalogue import Catalogue

__all__ = ["Recommendations", "lines_of", "recommender_html"]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "for": "Recommendations for {user}",
        "list": "Recommendations",
        "empty": "Nothing to recommend.",
        "score": "score {score}, {part} on the scale of this list",
        "degraded": "answered without: {parts}",
        "version": "version {version}",
        "head": "#|title|score|sources|why",
        "and": "; ",
    },
    "zh": {
        "for": "为 {user} 推荐",
        "list": "推荐列表",
        "empty": "暂无可推荐的内容。",
        "score": "得分 {score}，在本列表的尺度上为 {part}",
        "degraded": "未能使用：{parts}",
        "version": "版本 {version}",
        "head": "#|标题|得分|来源|理由",
        "and": "；",
    },
}
WIDEST = (4, 36, 8, 22, 70)
"""Columns of the terminal that rank, title, score, sources and reasons may take."""
TO_THE_RIGHT = (True, False, True, False, False)


@dataclass(frozen=True, slots=True, repr=False)
class Recommendations(Sequence[Recommendation]):
    """Recommendations in their order; a sequence of `Recommendation` that can show itself.

    Two answers are equal when they say the same, however long they took.
    """

    items: tuple[Recommendation, ...] = ()
    user: str | None = None
    locale: str = "en"
    version: str = ""
    """Of the artefact that answered."""
    timings: Mapping[str, float] = field(default_factory=dict, compare=False)
    """Stage -> milliseconds."""
    degraded: tuple[str, ...] = ()
    """Parts that failed or were too slow, and that the answer does without."""

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Recommendation: ...
    @overload
    def __getitem__(self, index: slice) -> Recommendations: ...
    def __getitem__(self, index: int | slice) -> Recommendation | Recommendations:
        if isinstance(index, slice):
            return replace(self, items=self.items[index])
        return self.items[index]

    # -- for programs: the words as they are stored ------------------------------------------------

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per recommendation, of plain Python values; ready for JSON."""
        return [
            {
                "rank": int(row.rank),
                "item": row.item,
                "title": row.title,
                "score": _bare(row.score),
                "sources": _bare(row.sources),
                "reasons": [
                    {each.name: _bare(getattr(reason, each.name)) for each in fields(reason)}
                    for reason in row.reasons
                ],
            }
            for row in self.items
        ]

    def to_json(self, *, indent: int | None = None) -> str:
        """The whole answer. Valid JSON that may stand in a page or a log: odd characters are escaped."""
        answer = {
            "user": self.user,
            "locale": self.locale,
            "version": self.version,
            "degraded": list(self.degraded),
            "timings_ms": _bare(dict(self.timings)),
            "items": self.to_dicts(),
        }
        return _harmless(json.dumps(answer, ensure_ascii=False, indent=indent, allow_nan=False))

    def to_frame(self) -> pl.DataFrame:
        """rank, item, title, score, sources (as a list of names), reasons (as a list of texts)."""
        import polars as pl

        columns = {"rank": pl.Int64, "item": pl.String, "title": pl.String, "score": pl.Float64}
        rows = {name: [_utf8(getattr(row, name)) for row in self.items] for name in columns}
        sources = [list(map(_utf8, row.sources)) for row in self.items]
        reasons = [[_utf8(reason.text) for reason in row.reasons] for row in self.items]
        return pl.DataFrame(rows, schema=columns).with_columns(
            pl.Series("sources", sources, pl.List(pl.String)),
            pl.Series("reasons", reasons, pl.List(pl.String)),
        )

    def write(self, path: str | Path) -> Path:
        """The answer as a file: `.html` for people, `.json` for programs."""
        path = Path(path)
        if path.suffix not in {".html", ".json"}:
            raise DataError(
                "a file that ends in .html or .json", value=path.name, hint="choose one of the two"
            )
        text = self.to_html() if path.suffix == ".html" else self.to_json(indent=2)
        path.write_text(text, "utf-8")
        return path

    # -- for people: escaped and cut -----------------------------------------------------------------

    def to_html(self) -> str:
        """A page of its own, without scripts and without anything from elsewhere."""
        return document(self._heading(), self._cards(), lang=self.locale)

    def _repr_html_(self) -> str:
        return fragment(self._cards(), lang=self.locale)

    def __repr__(self) -> str:
        head = plain(self._heading())
        if not self.items:
            return f"{head}\n{self._say('empty')}"
        rows = [self._say("head").split("|"), *map(self._line, self.items)]
        widths = [min(most, max(map(width, column))) for most, column in zip(WIDEST, zip(*rows))]
        lines = [
            "  ".join(fit(cell, w, right=end) for cell, w, end in zip(row, widths, TO_THE_RIGHT)).rstrip()
            for row in rows
        ]
        return "\n".join([head, *lines, *filter(None, [self._foot()])])

    __str__ = __repr__

    def _line(self, row: Recommendation) -> list[str]:
        sources = " ".join(f"{plain(name, 20)}:{place}" for name, place in _best(row.sources))
        why = self._say("and").join(plain(reason.text, 160) for reason in row.reasons)
        return [str(row.rank), plain(row.title) or plain(row.item), _number(row.score), sources, why]

    def _cards(self) -> str:
        if not self.items:
            return f"<h2>{escape(self._heading())}</h2><p>{escape(self._say('empty'))}</p>"
        boxes = "".join(f"<li>{self._card(row, part)}</li>" for row, part in zip(self.items, self._parts()))
        foot = self._foot()
        note = f'<p class="soft{" warn" if self.degraded else ""}">{escape(foot)}</p>' if foot else ""
        return f"<h2>{escape(self._heading(), 120)}</h2><ol>{boxes}</ol>{note}"

    def _card(self, row: Recommendation, part: float) -> str:
        label = self._say("score").format(score=_number(row.score), part=f"{part:.0%}")
        reasons = "".join(f"<p><bdi>{escape(reason.text)}</bdi></p>" for reason in row.reasons)
        sources = chips(f"{plain(name, 30)} {place}" for name, place in _best(row.sources))
        return card(
            plain(row.title) or plain(row.item), bar(part, label) + reasons + sources, number=row.rank
        )

    def _parts(self) -> list[float]:
        """Each score as a part of the highest; where scores fall below 0, as a place between the two ends."""
        scores = [row.score for row in self.items]
        finite = [score for score in scores if math.isfinite(score)] or [0.0]
        top, low = max(finite), min(0.0, *finite)
        return [
            (score - low) / (top - low) if math.isfinite(score) and top > low else 0.0 for score in scores
        ]

    def _heading(self) -> str:
        return self._say("list") if self.user is None else self._say("for").format(user=plain(self.user, 60))

    def _foot(self) -> str:
        told = []
        if self.version:
            told.append(self._say("version").format(version=plain(self.version, 40)))
        if self.timings:
            told.append(f"{sum(self.timings.values()):.1f} ms")
        if self.degraded:
            told.append(
                self._say("degraded").format(parts=", ".join(plain(part, 40) for part in self.degraded))
            )
        return " · ".join(told)

    def _say(self, what: str) -> str:
        return WORDS["zh" if self.locale.lower().startswith("zh") else "en"][what]


def lines_of(
    ranking: Candidates, items: Catalogue, reasons: Sequence[tuple[Reason, ...]], n_each: int
) -> tuple[Recommendation, ...]:
    """A ranking in words; a source has proposed what it puts among its first `n_each`."""
    nothing: list[list[float]] = [[]] * len(ranking)
    ranks, scores = (part.tolist() if part.size else nothing for part in (ranking.ranks, ranking.scores))
    lines = zip(
        ranking.items.tolist(), ranking.score.tolist(), ranks, scores, reasons, ranking.chances().tolist()
    )
    return tuple(
        Recommendation(
            item=items.ids[code],
            title=items.titles[code],
            score=score,
            rank=place,
            sources=_proposed(ranking.sources, own_ranks, own_scores, n_each),
            reasons=said,
            propensity=chance,
        )
        for place, (code, score, own_ranks, own_scores, said, chance) in enumerate(lines, 1)
    )


def _proposed(
    sources: Sequence[str], ranks: Sequence[float], scores: Sequence[float], n_each: int
) -> dict[str, int]:
    """Sources that proposed an item -> its place there, the highest place first; NaN is no opinion."""
    said = zip(ranks, scores, sources)
    proposed = sorted([(rank, name) for rank, score, name in said if rank < n_each and score > 0])
    return {name: int(rank) + 1 for rank, name in proposed}


def _best(sources: Mapping[str, int], n: int = 4) -> list[tuple[str, int]]:
    """The sources that placed the item highest."""
    return sorted(sources.items(), key=lambda pair: pair[1])[:n]


def _number(score: float) -> str:
    return f"{score:.4g}" if math.isfinite(score) else "–"


def _utf8(value: Any) -> Any:
    """Without half surrogate pairs, which a table cannot hold."""
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) else value


def _bare(value: Any) -> Any:
    """Without tuples, numpy numbers and NaN, none of which JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _bare(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_bare(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _harmless(text: str) -> str:
    """The same JSON value with <, >, & and every character that cannot be printed as an escape."""
    if text.isprintable() and not {"<", ">", "&"} & set(text):
        return text
    return "".join(c if (c.isprintable() and c not in "<>&") or c == "\n" else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
