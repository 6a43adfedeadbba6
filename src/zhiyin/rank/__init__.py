"""Candidates to order: features, rankers, policies.

To add a feature: copy a class of `features.py`; `names` and `values` are all it needs (and `fit` if it
learns). To add a ranker: `features`, `fitted`, `fit_rows` and `score`, as in `fusion.py`. To add a policy:
`rerank`, as in `diversity.py`. Name it below, test it with `zhiyin.testing`, use it in TOML by its `type`.
"""

from zhiyin.rank.boosted import BoostedRanker
from zhiyin.rank.caps import CapReranker
from zhiyin.rank.clock import ClockFeature
from zhiyin.rank.context_features import ContextFeature
from zhiyin.rank.cross import CrossRanker
from zhiyin.rank.distance import DistanceFeature
from zhiyin.rank.diversity import DiversityReranker, TailReranker
from zhiyin.rank.exploration import EpsilonGreedyReranker, ThompsonReranker
from zhiyin.rank.features import AgreementFeature, EvidenceFeature, HistoryFeature, SourceFeature
from zhiyin.rank.fusion import FusionRanker
from zhiyin.rank.item_features import AttributeFeature, PopularityFeature
from zhiyin.rank.likeness import LikenessFeature
from zhiyin.rank.llm_reranker import LlmReranker
from zhiyin.rank.repeats import RepeatFeature
from zhiyin.rank.rules import Rule, RulesRanker
from zhiyin.rank.student import StudentReranker
from zhiyin.rank.variety import VarietyReranker

__all__ = [
    "AgreementFeature",
    "AttributeFeature",
    "BoostedRanker",
    "CapReranker",
    "ClockFeature",
    "ContextFeature",
    "CrossRanker",
    "DistanceFeature",
    "DiversityReranker",
    "EpsilonGreedyReranker",
    "EvidenceFeature",
    "FusionRanker",
    "HistoryFeature",
    "LikenessFeature",
    "LlmReranker",
    "PopularityFeature",
    "RepeatFeature",
    "Rule",
    "RulesRanker",
    "SourceFeature",
    "StudentReranker",
    "TailReranker",
    "ThompsonReranker",
    "VarietyReranker",
]
