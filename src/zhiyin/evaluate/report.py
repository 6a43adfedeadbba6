"""An evaluation as one HTML page: no script, nothing fetched, light and dark, every name escaped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from zhiyin.evaluate.intervals import Interval
from zhiyin.evaluate.metrics import ACCURACY
from zhiyin.evaluate.paired import Paired
from zhiyin.evaluate.pictures import Bar, Curve, bars, curves, dots, short
from zhiyin.evaluate.table import plain, shown_metrics
from zhiyin.evaluate.words import METRIC_WORDS, phrase, words

if TYPE_CHECKING:
    from zhiyin.evaluate.evaluation import Evaluation, Row

__all__ = ["fragment", "report"]

PICTURED = ("ndcg", "recall", "precision", "f1", "mrr", "coverage")
LOWER = ("gini", "rmse", "mae")
N_COLOURS = 6


def report(evaluation: Evaluation, *, title: str = "", locale: str = "en") -> str:
    """The whole page."""
    page = Page(evaluation, words(locale))
    heading = escape(plain(title or page.words["title"]))
    language = "zh-CN" if locale.lower().startswith("zh") else "en"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{style()}</style></head>\n"
        f'<body class="zy-page"><main class="zy">\n<header><h1>{heading}</h1>{page.lead()}</header>\n'
        + "\n".join(page.sections())
        + "\n</main></body></html>\n"
    )


def fragment(evaluation: Evaluation, *, locale: str = "en") -> str:
    """The core of it for a notebook cell: the main picture, the numbers, the protocol."""
    page = Page(evaluation, words(locale))
    return (
        f'<div class="zy zy-cell"><style>{style()}</style>{page.lead()}'
        f"{page.metric(evaluation.main_metric)}{page.numbers()}{page.protocol()}</div>"
    )


def style() -> str:
    """The style sheet beside this file."""
    return resources.files("zhiyin.evaluate").joinpath("report.css").read_text("utf-8")


class Page:
    """The sections of one report."""

    def __init__(self, evaluation: Evaluation, texts: Mapping[str, str]) -> None:
        self.evaluation = evaluation
        self.words = texts
        self.k = evaluation.protocol.main_k
        self.rows = evaluation.rows
        self.styles = dict(_styles(evaluation.rows))
        self.compared = evaluation.compare_all()
        self.best = max(evaluation.rows, key=lambda row: row.metrics[evaluation.main_metric].value)

    def sections(self) -> Iterator[str]:
        """All sections, in reading order; those with nothing to show are left out."""
        w = self.words
        yield f"<section><h2>{w['protocol']}</h2>{self.protocol()}</section>"
        pictures = "".join(self.metric(f"{name}@{self.k}") for name in PICTURED)
        yield self._section("accuracy", f'<div class="pair">{pictures}</div>')
        if len(self.rows) > 1:
            yield self.comparisons()
        yield self._section("numbers", self.numbers() + self.other_cuts())
        for kind in ("history", "popularity"):
            yield self.buckets(kind)
        yield self.exposure()
        yield self.roc()
        yield self.time()
        yield f"<footer>{self.footer()}</footer>"

    def lead(self) -> str:
        """The answer in two sentences, then the data."""
        e, w = self.evaluation, self.words
        best = self.best
        found = best.metrics[e.main_metric]
        said = w["lead"].format(
            best=best.name, metric=_metric_name(e.main_metric), value=f"{found.value:.4f}",
            low=f"{found.low:.4f}", high=f"{found.high:.4f}",
        )  # fmt: skip
        reference = e[e.reference]
        if best is not reference and reference.floor:
            one = self.compared[best.name]
            base = one.mean_b
            percent = f"{abs(one.difference.value) / base:.0%}" if base else f"{one.difference.value:.4f}"
            said += " " + w["lead_gain"].format(
                gain=w["above" if one.difference.value >= 0 else "below"].format(percent=percent),
                reference=reference.name, sign="+" if one.difference.value >= 0 else "−",
                difference=f"{abs(one.difference.value):.4f}", p=_p(one.p_holm),
            )  # fmt: skip
        return f'<p class="lead">{escape(plain(said))}</p><p class="data">{escape(plain(str(e.data)))}</p>'

    def protocol(self) -> str:
        """Every fact of the protocol."""
        facts = self.evaluation.protocol.facts()
        told = {phrase(name, self.words): phrase(value, self.words) for name, value in facts.items()}
        told[phrase("questions", self.words)] += f" ({self.evaluation.n_questions:,})"
        listed = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(plain(value))}</dd></div>"
            for name, value in told.items()
        )
        return f'<dl class="protocol">{listed}</dl>'

    def metric(self, metric: str) -> str:
        """Bars of one metric."""
        drawn = [
            Bar(row.name, row.metrics[metric], self.styles[row.name], _digits(row.metrics[metric].value))
            for row in self.rows
            if metric in row.metrics
        ]
        title = _metric_name(metric)
        return self._figure(bars(drawn, title=title), title) if drawn else ""

    def comparisons(self) -> str:
        """Differences from the best floor row."""
        w = self.words
        body = [[name, *_difference(one)] for name, one in self.compared.items()]
        head = ["", w["difference"], w["interval"], "p", w["won"], w["lost"], w["tied"]]
        title = w["against"].format(reference=self.evaluation.reference)
        note = f"{_metric_name(self.evaluation.main_metric)}. {w['against_note']}"
        return self._section("against", self._table(head, body), title=title, note=note)

    def numbers(self, cut: int = 0) -> str:
        """One table of all metrics at one cut."""
        metrics = shown_metrics(self.evaluation, cut)
        accurate = [metric for metric in metrics if metric.split("@")[0] in ACCURACY]
        rest = [metric for metric in metrics if metric not in accurate]
        return "".join(self._metric_table(chosen) for chosen in (accurate, rest) if chosen)

    def other_cuts(self) -> str:
        """The tables of the other cuts, folded."""
        cuts = [k for k in self.evaluation.protocol.k if k != self.k]
        if not cuts:
            return ""
        tables = "".join(f"<h3>@{k}</h3>{self.numbers(k)}" for k in cuts)
        return f"<details><summary>{self.words['other_cuts']}</summary>{tables}</details>"

    def buckets(self, kind: str) -> str:
        """One picture per way to part the questions."""
        metric = self.evaluation.main_metric
        names = dict.fromkeys(b.name for row in self.rows for b in row.buckets if b.kind == kind)
        groups = []
        for name in names:
            found = [(row, b) for row in self.rows for b in row.buckets if (b.kind, b.name) == (kind, name)]
            n = self.words["questions"].format(n=f"{found[0][1].n:,}")
            drawn = [Bar(row.name, b.metrics[metric], self.styles[row.name]) for row, b in found]
            groups.append((f"{phrase(name, self.words)}\n{n}", drawn))
        if not groups:
            return ""
        title = _metric_name(metric)
        return self._section(
            kind, self.key() + self._figure(dots(groups, title=title), title) + self.lift(kind)
        )

    def lift(self, kind: str) -> str:
        """The best row minus the reference, bucket by bucket."""
        e, w = self.evaluation, self.words
        if self.best.name == e.reference or kind not in e.groups:
            return ""
        compared = e.compare_by(kind, self.best.name, e.reference)
        title = w["lift"].format(
            best=self.best.name, reference=e.reference, metric=_metric_name(e.main_metric)
        )
        head = ["", "n", w["difference"], w["interval"], "p", w["won"], w["lost"], w["tied"]]
        body = [[phrase(name, self.words), f"{one.n:,}", *_difference(one)] for name, one in compared.items()]
        return f"<h3>{escape(plain(title))}</h3>{self._table(head, body)}"

    def exposure(self) -> str:
        """Lorenz curves of what was shown."""
        w = self.words
        lines = [
            Curve(row.name, [(float(x), float(y)) for x, y in row.lorenz], self.styles[row.name])
            for row in self.rows
        ]
        drawn = curves(
            lines, title=w["exposure"], across=w["exposure_x"], up=w["exposure_y"], diagonal=w["equal"]
        )
        return self._section("exposure", self._figure(drawn, f"@{self.k}", kind="square"))

    def roc(self) -> str:
        """ROC curves of the lists."""
        w, n = self.words, self.evaluation.protocol.n
        lines = [
            Curve(row.name, [(float(x), float(y)) for x, y in row.roc], self.styles[row.name])
            for row in self.rows
        ]
        drawn = curves(lines, title=w["roc"], across=w["roc_x"], up=w["roc_y"], diagonal=w["chance"])
        return self._section(
            "roc", self._figure(drawn, f"AUC@{n}", kind="square"), note=w["roc_note"].format(n=n)
        )

    def time(self) -> str:
        """What it cost."""
        w = self.words
        pictures = "".join(
            self._figure(bars(self._times(of), title=w[of]), w[of]) for of in ("fit", "p50", "p99")
        )
        note = w["time_note"].format(interactions=f"{self.evaluation.data.interactions:,}")
        return self._section("time", f'<div class="pair">{pictures}</div>', note=note)

    def _times(self, of: str) -> list[Bar]:
        timings = {
            row.name: {"fit": row.timing.fit_s, "p50": row.timing.p50_ms, "p99": row.timing.p99_ms}[of]
            for row in self.rows
        }
        return [
            Bar(name, Interval(value), self.styles[name], f"{value:.3g}") for name, value in timings.items()
        ]

    def key(self) -> str:
        """Which colour is who."""
        entries = "".join(
            f'<li><i class="{self.styles[row.name]}"></i>{escape(short(row.name, 32))}</li>'
            for row in self.rows
        )
        return f'<ul class="key">{entries}</ul>'

    def footer(self) -> str:
        """Versions."""
        made = ", ".join(f"{name} {version}" for name, version in self.evaluation.versions.items())
        return escape(plain(f"{self.words['made']} {made}"))

    def _metric_table(self, metrics: Sequence[str]) -> str:
        head = ["", *(_metric_name(m) + (" ↓" if m.split("@")[0] in LOWER else "") for m in metrics)]
        body = [[row.name, *(_cell(row.metrics.get(metric)) for metric in metrics)] for row in self.rows]
        return self._table(head, body, safe=True)

    def _table(self, head: Sequence[str], body: Sequence[Sequence[str]], *, safe: bool = False) -> str:
        """`safe`: the cells after the first are HTML already; the first is always escaped."""
        floors = {row.name for row in self.rows if row.floor}
        lines = []
        for first, *rest in body:
            tag = f" <small>{self.words['floor']}</small>" if first in floors else ""
            cells = "".join(f"<td>{cell if safe else escape(cell)}</td>" for cell in rest)
            kind = "floor" if first in floors else "own"
            dot = f'<i class="{self.styles[first]}"></i>' if first in self.styles else ""
            lines.append(
                f'<tr class="{kind}"><th scope="row">{dot}{escape(short(first, 32))}{tag}</th>{cells}</tr>'
            )
        heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
        return (
            f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div>"
            f'<p class="under">{escape(self._under())}</p>'
        )

    def _section(self, key: str, body: str, *, title: str = "", note: str = "") -> str:
        title, note = title or self.words[key], note or self.words.get(f"{key}_note", "")
        return (
            f'<section id="{key}"><h2>{escape(plain(title))}</h2><p class="note">{escape(plain(note))}</p>'
            f"{body}</section>"
        )

    def _figure(self, drawn: str, title: str, *, kind: str = "wide") -> str:
        return (
            f'<figure class="{kind}">'
            f"<figcaption>{escape(title)}</figcaption>{drawn}"
            f'<p class="under">{escape(self._under())}</p></figure>'
        )

    def _under(self) -> str:
        """The protocol in short: it stands beside every number."""
        protocol, facts = self.evaluation.protocol, self.evaluation.protocol.facts()
        regime = f" {protocol.regime}" if protocol.regime and protocol.part == "test" else ""
        return plain(
            self.words["under"].format(
                split=type(protocol.splitter).__name__ + regime,
                part=phrase(protocol.part, self.words),
                seen=phrase(facts["seen items"], self.words),
                candidates=protocol.candidates,
                seed=protocol.seed,
                n=f"{self.evaluation.n_questions:,}",
            )
        )


def _styles(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    own = floors = 0
    for row in rows:
        if row.floor:
            yield row.name, f"f{floors % 4}"
            floors += 1
        else:
            yield row.name, f"c{own % N_COLOURS}"
            own += 1


def _metric_name(metric: str) -> str:
    name, _, cut = metric.partition("@")
    return METRIC_WORDS.get(name, name) + (f"@{cut}" if cut else "")


def _cell(found: Interval | None) -> str:
    if found is None or math.isnan(found.value):
        return "–"
    if math.isnan(found.low):
        return f"{found.value:.4f}"
    return f"{found.value:.4f} <small>±{(found.high - found.low) / 2:.4f}</small>"


def _difference(one: Paired) -> list[str]:
    return [
        _signed(one.difference.value),
        f"{_signed(one.difference.low)} … {_signed(one.difference.high)}",
        _p(one.p_holm),
        f"{one.wins:,}",
        f"{one.losses:,}",
        f"{one.ties:,}",
    ]


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _digits(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")
