"""What each source adds: the recommender without it, on the same users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.evaluate.clone import clone
from zhiyin.evaluate.evaluate import gathered, measured
from zhiyin.evaluate.evaluation import Evaluation
from zhiyin.evaluate.gauge import Gauge
from zhiyin.evaluate.paired import Paired, with_holm
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Progress
from zhiyin.evaluate.table import align, plain

__all__ = ["Ablation", "ablate"]

WHOLE = "everything"


@dataclass(frozen=True, slots=True)
class Ablation:
    """The whole recommender and one row without each source."""

    evaluation: Evaluation
    losses: Mapping[str, Paired]
    """source -> everything minus all but it: above 0, the source earns its place. Holm over all."""
    importances: Mapping[str, float] = field(default_factory=dict)
    """What the ranker itself says of its features, if it says anything; gain, not proof."""

    def table(self) -> str:
        """One line per source, the most useful first."""
        ordered = sorted(self.losses.items(), key=lambda pair: -pair[1].difference.value)
        head = ["without", "loses", "95 % interval", "p (Holm)", "won", "lost", "tied"]
        body = [
            [plain(source), f"{one.difference.value:+.4f}",
             f"[{one.difference.low:+.4f}, {one.difference.high:+.4f}]", f"{one.p_holm:.2g}",
             f"{one.wins}", f"{one.losses}", f"{one.ties}"]
            for source, one in ordered
        ]  # fmt: skip
        whole = self.evaluation[WHOLE]
        metric = next(iter(self.losses.values())).metric
        lines = [f"{metric} of everything: {whole.metrics[metric]}", align([head, *body])]
        if self.importances:
            top = sorted(self.importances.items(), key=lambda pair: -pair[1])[:15]
            lines += ["", "importance of features in the ranker"]
            lines.append(align([[plain(name), f"{value:.3g}"] for name, value in top]))
        return "\n".join([*lines, "", f"protocol  {plain(self.evaluation.protocol.describe())}"])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "evaluation": self.evaluation.as_dict(),
            "losses": {source: one.as_dict() for source, one in self.losses.items()},
            "importances": dict(self.importances),
        }

    def __str__(self) -> str:
        return self.table()


def ablate(
    recommender: Any,
    data: Dataset,
    protocol: Protocol | None = None,
    *,
    metric: str = "",
    seed: int | None = None,
    progress: Progress | None = None,
) -> Ablation:
    """Fit and measure a recommender without each of its retrievers in turn.

    The ranker is fitted again each time, so that it can make up for what is missing: the loss is what
    the other sources cannot replace, and two sources that say the same may both lose nothing. Choose by
    it on `part="validation"`. Costs one fit and one evaluation per retriever, plus one.
    """
    sources = dict(recommender.retrievers)
    if len(sources) < 2:
        raise ConfigError(
            f"{len(sources)} retriever to leave out: expected at least 2 in recommender.retrievers"
        )
    protocol = protocol or Protocol()
    if seed is not None:
        protocol = replace(protocol, seed=seed)
    gauge = Gauge.of(Questions.of(data, protocol), None)
    whole_row, whole = measured(WHOLE, recommender, gauge, progress=progress)
    rows = [whole_row]
    for source in sources:
        rest = {name: clone(part) for name, part in sources.items() if name != source}
        less = clone(recommender, retrievers=rest)
        rows.append(measured(f"without {source}", less, gauge, progress=progress)[0])
    found = gathered(data, gauge, rows)
    compared = with_holm({
        source: found.compare(WHOLE, f"without {source}", metric) for source in sources
    })  # fmt: skip
    return Ablation(found, compared, _importances(whole))


def _importances(recommender: Any) -> dict[str, float]:
    """What the ranker says of its features; nothing where there is no ranker, or one that has no opinion."""
    told = getattr(recommender, "importances", None)
    if not callable(told):
        return {}
    try:
        return dict(told())
    except ConfigError:
        return {}
