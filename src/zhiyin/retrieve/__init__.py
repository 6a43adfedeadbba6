"""Catalogue to candidates: one file per retriever.

To add one:

1. Copy `popular.py` (scores from anywhere) or `kernel.py` (one row of weights per item); the class is
   called `<Name>Retriever`, the file `<name>.py`. Its options are the keyword arguments of `__init__`,
   which only stores them; what `fit` learns ends in `_`.
2. `relevance(query)` answers with scores for the whole catalogue: NaN = cannot score. Ask with
   `query.history.decayed(decay)`; an item -1 or newer than the fit adds nothing.
3. `state()` and `restore()` carry the learnt arrays and strings; answers after them are the same.
4. Name it below, and let `class Test<Name>(RetrieverTests)` in `tests/retrieve/test_contract.py` have a
   `make()` that returns one: `zhiyin.testing` does the rest.
5. Name it in TOML: `type = "<name>"`.
"""

from zhiyin.retrieve.als import AlsRetriever
from zhiyin.retrieve.attributes import AttributesRetriever
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.context import ContextRetriever
from zhiyin.retrieve.ease import EaseRetriever
from zhiyin.retrieve.graph import GraphRetriever
from zhiyin.retrieve.gru import GruRetriever
from zhiyin.retrieve.item_knn import ItemKnnRetriever
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.retrieve.pagerank import PageRankRetriever
from zhiyin.retrieve.popular import PopularRetriever
from zhiyin.retrieve.recent import RecentRetriever
from zhiyin.retrieve.repeat import RepeatRetriever
from zhiyin.retrieve.sgd import SgdRetriever
from zhiyin.retrieve.slit import SlitRetriever
from zhiyin.retrieve.text_factors import TextFactorsRetriever
from zhiyin.retrieve.text_kernel import TextKernelRetriever
from zhiyin.retrieve.transformer import TransformerRetriever
from zhiyin.retrieve.user_knn import UserKnnRetriever
from zhiyin.retrieve.wish import WishRetriever

__all__ = [
    "AlsRetriever",
    "AttributesRetriever",
    "ContentRetriever",
    "ContextRetriever",
    "EaseRetriever",
    "GraphRetriever",
    "GruRetriever",
    "ItemKnnRetriever",
    "KernelRetriever",
    "LexicalRetriever",
    "PageRankRetriever",
    "PopularRetriever",
    "RecentRetriever",
    "RepeatRetriever",
    "SgdRetriever",
    "SlitRetriever",
    "TextFactorsRetriever",
    "TextKernelRetriever",
    "TransformerRetriever",
    "UserKnnRetriever",
    "WishRetriever",
]
