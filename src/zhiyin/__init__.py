"""zhiyin (知音) ranks a catalogue for one person, now, and says why.

>>> from zhiyin import Dataset, Interaction, Recommender
>>> from zhiyin.retrieve import KernelRetriever
>>> log = [Interaction(user, item) for user in "abc" for item in ("kettle", "tea", "cup")]
>>> shop = Recommender(retrievers={"kernel": KernelRetriever()}, fallback="kernel").fit(Dataset.of(log))
>>> shop.recommend(history=["kettle"], n=1)[0].item
'tea'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zhiyin.data.dataset import Dataset
    from zhiyin.data.importing import import_events
    from zhiyin.errors import ZhiyinError
    from zhiyin.recommender import Recommender
    from zhiyin.types import Interaction, Item, Query

__all__ = [
    "Dataset", "Interaction", "Item", "Query", "Recommender", "ZhiyinError", "import_events",
]  # fmt: skip

HOMES = {
    "Dataset": "zhiyin.data.dataset",
    "Interaction": "zhiyin.types",
    "Item": "zhiyin.types",
    "Query": "zhiyin.types",
    "Recommender": "zhiyin.recommender",
    "ZhiyinError": "zhiyin.errors",
    "import_events": "zhiyin.data.importing",
}
"""What is shown here is loaded when it is first asked for: `import zhiyin` costs nothing."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'zhiyin' has no attribute {name!r}; it shows {', '.join(HOMES)}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *HOMES]
