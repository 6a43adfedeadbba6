"""Order to reasons: evidence, claims, verification, words."""

from zhiyin.explain.evidence_explainer import EvidenceExplainer

__all__ = ["EvidenceExplainer"]
