"""What others have published on public sets, by protocol: printed beside our rows, never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PUBLISHED", "Published"]


@dataclass(frozen=True, slots=True)
class Published:
    """One row of a publication, measured by its authors or by those who ran it again."""

    name: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    """metric -> value, under the names of this package; of one target per user recall = hit rate."""
    note: str = ""


def _r10(name: str, recall: float, ndcg: float, note: str = "") -> Published:
    return Published(name, {"recall@10": recall, "ndcg@10": ndcg}, note)


FROM_MEMORY = "figure not checked against the paper"
RAN_AGAIN = "run again by others"

PUBLISHED: Mapping[str, tuple[Published, ...]] = {
    "amazon-beauty/T": (
        _r10("SASRec, one negative", 0.0605, 0.0318),
        _r10("TIGER", 0.0648, 0.0384, "run again by others: recall .058 to .072"),
        _r10("HSTU", 0.0708, 0.0412, RAN_AGAIN),
        _r10("ActionPiece, ICML 2025", 0.0775, 0.0424),
        _r10("LC-Rec", 0.0791, 0.0438, RAN_AGAIN),
        _r10("SASRec, cross-entropy (RecBole)", 0.0821, 0.0405),
        _r10("ICSRec, WSDM 2024", 0.0960, 0.0579),
        _r10("BSARec, AAAI 2024", 0.1008, 0.0611, FROM_MEMORY),
    ),
    "amazon-beauty/T+V": (
        _r10("SASRec, sampled softmax, RecSys 2025", 0.0921, 0.0531),
        _r10("eSASRec, RecSys 2025", 0.0928, 0.0523),
    ),
    "ml-1m/T": (
        _r10("SASRec, one negative", 0.2500, 0.1341),
        _r10("BERT4Rec", 0.2843, 0.1537),
        _r10("gSASRec", 0.3003, 0.1726),
        _r10("SASRec, cross-entropy", 0.3152, 0.1821),
        _r10("SASRec, 3,000 negatives", 0.3159, 0.1857),
        _r10("ICSRec, WSDM 2024", 0.3368, 0.2007),
    ),
    "ml-100k/T+V": (
        _r10("item-kNN (implicit)", 0.105, 0.054, RAN_AGAIN),
        _r10("ALS (implicit)", 0.140, 0.075, RAN_AGAIN),
        _r10("BPR (cornac)", 0.146, 0.077, RAN_AGAIN),
        _r10("ImplicitMF (LensKit)", 0.151, 0.078, RAN_AGAIN),
        _r10("ELSA", 0.152, 0.082, RAN_AGAIN),
        _r10("SLIM", 0.159, 0.083, RAN_AGAIN),
    ),
    "mind-news/next-day": (Published("best, full-shot (RecLM)", {"recall@20": 0.0788}),),
    "mind-news/new-items": (Published("best, zero-shot (RecLM)", {"recall@20": 0.0424, "ndcg@40": 0.0135}),),
    "foursquare-nyc/next-place": (
        Published("STAN, WWW 2021", {"recall@5": 0.467, "recall@10": 0.596}, FROM_MEMORY),
    ),
}
"""Benchmark (see `benchmarks.py`) -> published rows, weakest first."""
