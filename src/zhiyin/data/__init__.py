"""Tables: sources, importing, cleaning and splits, all of them into and out of one `Dataset`."""

from zhiyin.data.amazon import load_amazon
from zhiyin.data.catalogue import Catalogue, Categories, Ids
from zhiyin.data.clean import Cleaning
from zhiyin.data.dataset import Dataset
from zhiyin.data.holdout import Holdout, Split, Splitter
from zhiyin.data.importing import Imported, import_events
from zhiyin.data.item_files import ImportedItems, import_items
from zhiyin.data.mind import load_mind, read_impressions
from zhiyin.data.movielens import fetch_movielens, load_movielens
from zhiyin.data.report import ImportReport
from zhiyin.data.sets import load_bench
from zhiyin.data.split import (
    ColdItems,
    LeaveLastN,
    LeaveOneOut,
    MarkedSplit,
    RandomSplit,
    TimeSplit,
    UserSplit,
)
from zhiyin.data.tables import Fix
from zhiyin.data.weights import KindWeights

__all__ = [
    "Catalogue",
    "Categories",
    "Cleaning",
    "ColdItems",
    "Dataset",
    "Fix",
    "Holdout",
    "Ids",
    "ImportReport",
    "Imported",
    "ImportedItems",
    "KindWeights",
    "LeaveLastN",
    "LeaveOneOut",
    "MarkedSplit",
    "RandomSplit",
    "Split",
    "Splitter",
    "TimeSplit",
    "UserSplit",
    "fetch_movielens",
    "import_events",
    "import_items",
    "load_amazon",
    "load_bench",
    "load_mind",
    "load_movielens",
    "read_impressions",
]
