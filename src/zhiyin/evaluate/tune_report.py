"""What a search tried, as one HTML page that needs nothing else: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from zhiyin.errors import ConfigError
from zhiyin.evaluate.intervals import Interval
from zhiyin.evaluate.pictures import Bar, bars
from zhiyin.evaluate.report import style
from zhiyin.evaluate.scatter import Point, scatter
from zhiyin.evaluate.table import plain
from zhiyin.evaluate.tune import Tried, Tuning

__all__ = ["tune_report"]

ENGLISH: Mapping[str, str] = {
    "title": "Search for better settings", "history": "What was tried, in order",
    "history_note": "Each dot is a fit with other values; the line is the best so far. Dots lie within each "
    "other's intervals more often than not: the highest of many is partly luck, which is why it is checked.",
    "trial": "trial", "importance": "What mattered",
    "importance_note": "Share of each option in what separates the better trials (PED-ANOVA).",
    "changed": "What the best has changed", "option": "option", "present": "present", "best": "best",
    "range": "searched", "all": "All trials", "value": "value", "interval": "95 % interval", "seconds": "s",
    "protocol": "Protocol", "settings": "Settings of the best, as TOML",
    "lead": "Best of {n} trials: {metric} {best}, with the present values {present}.",
    "check": "Checked on {n} validation questions, best minus present: {difference:+.4f}, 95 % interval "
    "{low:+.4f} to {high:+.4f}, p {p:.2g}.",
    "same": "The present values are the best that was found.",
    "unsure": "That is not shown to be better.", "sure": "The search and the check agree that it is better.",
}  # fmt: skip
CHINESE: Mapping[str, str] = {
    "title": "寻找更好的设置", "history": "依次试过的取值",
    "history_note": "每个点是用另一组取值做的一次拟合；折线是到此为止的最好值。各点大多落在彼此的区间之内："
    "多次尝试中的最高值部分出于运气，所以要再检验一次。",
    "trial": "试验", "importance": "哪些选项要紧",
    "importance_note": "各选项在区分较好试验时所占的份额（PED-ANOVA）。",
    "changed": "最好的一组改了什么", "option": "选项", "present": "当前", "best": "最好", "range": "搜索范围",
    "all": "全部试验", "value": "值", "interval": "95% 区间", "seconds": "秒", "protocol": "协议",
    "settings": "最好一组的 TOML",
    "lead": "{n} 次试验中最好的：{metric} {best}；当前设置为 {present}。",
    "check": "在 {n} 个验证问题上检验，最好减当前：{difference:+.4f}，"
    "95% 区间 {low:+.4f} 至 {high:+.4f}，p {p:.2g}。",
    "same": "当前取值就是找到的最好取值。", "unsure": "尚不能说它更好。", "sure": "搜索与检验都认为它更好。",
}  # fmt: skip
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "zh": CHINESE}
N_SHOWN = 15


def tune_report(found: Tuning, *, locale: str = "en") -> str:
    """The whole page, in English or Chinese."""
    if locale not in LANGUAGES:
        raise ConfigError(f"locale {locale!r}: expected en or zh")
    w = LANGUAGES[locale]
    sections = [
        _section(w["history"], f"<figure>{_history(found, w)}</figure>", w["history_note"]),
        _section(w["changed"], _changed(found, w)),
    ]
    if found.importances:
        drawn = [
            Bar(path.removeprefix("retrievers."), Interval(share), "c0", f"{share:.0%}")
            for path, share in list(found.importances.items())[:N_SHOWN]
        ]
        picture = bars(drawn, title=w["importance"])
        sections.append(_section(w["importance"], f"<figure>{picture}</figure>", w["importance_note"]))
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(plain(value))}</dd></div>"
        for name, value in found.protocol.facts().items()
    )
    sections += [
        _section(w["settings"], f"<pre>{escape(plain_lines(found.settings))}</pre>"),
        _section(w["all"], _trials(found, w)),
        _section(w["protocol"], f'<dl class="protocol">{facts}</dl>'),
    ]
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if locale == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{w['title']}</title><style>{style()}</style></head>\n"
        f'<body class="zy-page"><main class="zy"><header><h1>{w["title"]}</h1>{_lead(found, w)}</header>'
        + "".join(sections)
        + "</main></body></html>\n"
    )


def plain_lines(text: str) -> str:
    """Several lines, each without control characters."""
    return "\n".join(plain(line) for line in text.splitlines())


def _section(title: str, body: str, note: str = "") -> str:
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{said}{body}</section>"


def _lead(found: Tuning, w: Mapping[str, str]) -> str:
    said = w["lead"].format(
        n=len(found.trials), metric=found.metric, best=f"{found.best.metric.value:.4f}",
        present=f"{found.trials[0].metric.value:.4f}",
    )  # fmt: skip
    if found.check is None:
        said += " " + w["same"]
    else:
        one = found.check
        said += " " + w["check"].format(
            n=one.wins + one.losses + one.ties, difference=one.difference.value, low=one.difference.low,
            high=one.difference.high, p=one.p,
        )  # fmt: skip
        said += " " + w["sure" if found.is_better else "unsure"]
    return f'<p class="lead">{escape(plain(said))}</p><p class="data">{escape(plain(str(found.data)))}</p>'


def _history(found: Tuning, w: Mapping[str, str]) -> str:
    best, line = float("-inf"), []
    for one in found.trials:
        best = max(best, one.metric.value)
        line.append((float(one.number), best))
    dots = [
        Point(
            one.number,
            one.metric.value,
            "c1" if one is found.best else "c0",
            note=f"{one.number}: {one.metric}",
        )
        for one in found.trials
    ]
    return scatter(dots, title=w["history"], across=w["trial"], up=found.metric, line=line)


def _changed(found: Tuning, w: Mapping[str, str]) -> str:
    if not found.changed:
        return f'<p class="note">{escape(w["same"])}</p>'
    ranges = {knob.path: knob.range for knob in found.knobs}
    rows = [
        (path, _shown(before), _shown(after), ranges.get(path, ""))
        for path, (before, after) in found.changed.items()
    ]
    return _table((w["option"], w["present"], w["best"], w["range"]), rows)


def _trials(found: Tuning, w: Mapping[str, str]) -> str:
    ordered = sorted(found.trials, key=lambda one: -one.metric.value)
    rows = [
        (str(one.number), f"{one.metric.value:.4f}", f"{one.metric.low:.4f} – {one.metric.high:.4f}",
         f"{one.seconds:.0f}", _values(one, found))
        for one in ordered
    ]  # fmt: skip
    return _table((w["trial"], w["value"], w["interval"], w["seconds"], w["option"]), rows)


def _values(one: Tried, found: Tuning) -> str:
    """What differs from the present values."""
    present = {knob.path: knob.present for knob in found.knobs}
    return ", ".join(
        f"{path} {_shown(value)}" for path, value in one.values.items() if value != present[path]
    )


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(plain(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
