"""Candidates to order: features, rankers, policies.

To add a feature: copy a class of `features.py`; `names` and `values` are all it needs (and `fit` if it
learns). To add a ranker: `features`, `fitted`, `fit_rows` and `score`, as in `fusion.py`. To add a policy:
`rerank`, as in `diversity.py`. Name it below, test it with `zhiyin.testing`, use it in TOML by its `type`.
"""

from zhiyin.rank.boosted import BoostedRanker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.diversity import DiversityReranker, TailReranker
from zhiyin.rank.exploration import EpsilonGreedyReranker, ThompsonReranker
from zhiyin.rank.features import AgreementFeature, EvidenceFeature, HistoryFeature, SourceFeature
from zhiyin.rank.fusion import FusionRanker
from zhiyin.rank.item_features import AttributeFeature, PopularityFeature
from zhiyin.rank.rules import Rule, RulesRanker

__all__ = [
    "AgreementFeature",
    "AttributeFeature",
    "BoostedRanker",
    "CapReranker",
    "DiversityReranker",
    "EpsilonGreedyReranker",
    "EvidenceFeature",
    "FusionRanker",
    "HistoryFeature",
    "PopularityFeature",
    "Rule",
    "RulesRanker",
    "SourceFeature",
    "TailReranker",
    "ThompsonReranker",
]
