"""How good: protocols, metrics, intervals, comparison, report.

>>> from zhiyin.evaluate import Protocol
>>> Protocol(k=(10,)).main_k
10
"""

from zhiyin.evaluate.ablation import Ablation, ablate
from zhiyin.evaluate.baselines import FLOORS, floors
from zhiyin.evaluate.evaluate import evaluate
from zhiyin.evaluate.evaluation import Evaluation, Row, Timing
from zhiyin.evaluate.intervals import Interval, bootstrap
from zhiyin.evaluate.paired import Paired, compare, holm
from zhiyin.evaluate.protocol import Protocol
from zhiyin.evaluate.questions import Questions
from zhiyin.evaluate.ranks import Lists, Rankable, ask
from zhiyin.evaluate.ratings import BiasPredictor, Predictor

__all__ = [
    "FLOORS", "Ablation", "BiasPredictor", "Evaluation", "Interval", "Lists", "Paired", "Predictor",
    "Protocol", "Questions", "Rankable", "Row", "Timing", "ablate", "ask", "bootstrap", "compare", "evaluate",
    "floors", "holm",
]  # fmt: skip
