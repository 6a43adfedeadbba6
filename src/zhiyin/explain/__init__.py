"""Order to reasons: evidence, claims, verification, words."""

from zhiyin.explain.evidence_explainer import EvidenceExplainer
from zhiyin.explain.phrased import PhrasedExplainer

__all__ = ["EvidenceExplainer", "PhrasedExplainer"]
