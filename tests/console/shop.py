"""The project that the browser tests look at: even users like plain titles, odd users hostile ones."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "serve"))
sys.path.insert(0, str(Path(__file__).parent))

from hostile import HOSTILE

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.explain import EvidenceExplainer
from zhiyin.rank import BoostedRanker, EvidenceFeature, SourceFeature
from zhiyin.recommender import Recommender
from zhiyin.represent import HashEncoder
from zhiyin.retrieve import KernelRetriever, PopularRetriever
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.serve.bootstrap import prepare
from zhiyin.types import Interaction, Item

START = 1_760_000_000.0
PLAIN = tuple(
    f"{colour} {thing}"
    for colour in ("Red", "Blue", "Green", "Silver", "绿色", "金色")
    for thing in ("Kettle", "Teapot", "Lantern", "Compass", "茶壶", "灯笼", "罗盘")
)


def items() -> list[Item]:
    """`p0`… have plain titles, `h0`… hostile titles, texts, attribute names and words."""
    plain = [
        Item(
            f"p{k}",
            title,
            f"About {title}.",
            {"kind": title.split()[1], "colour": title.split()[0], "price": float(k)},
        )
        for k, title in enumerate(PLAIN)
    ]
    hostile = [
        Item(f"h{k}", text, f"text {text}", {"kind": word(text), "colour": word(HOSTILE[-k - 1])})
        for k, text in enumerate(HOSTILE)
    ]  # fmt: skip
    return [*plain, *hostile]


def word(text: str) -> str:
    """As an attribute: not empty, and short enough to be shown."""
    return text[:60].strip() or "blank"


def data() -> Dataset:
    random = np.random.default_rng(0)
    events = []
    for user in range(60):
        names = (
            [f"p{k}" for k in range(len(PLAIN))] if user % 2 == 0 else [f"h{k}" for k in range(len(HOSTILE))]
        )
        for step, place in enumerate(random.permutation(len(names))[:14]):
            events.append(Interaction(f"u{user:02d}", names[place], at=START + 3600.0 * step + user))
    return Dataset.of(events, items())


def recommender() -> Recommender:
    encoder = HashEncoder()
    return Recommender(
        retrievers={
            "kernel": KernelRetriever(),
            "content": ContentRetriever(encoder=encoder),
            "lexical": LexicalRetriever(),
            "popular": PopularRetriever(),
        },
        ranker=BoostedRanker(
            features=[SourceFeature(), EvidenceFeature()], n_trees=20, min_rows_in_leaf=5, n_threads=1
        ),
        explainer=EvidenceExplainer(),
        encoder=encoder,
    )


def make(folder: Path) -> str:
    """A fitted, published project; returns the secret of its admin key."""
    folder.mkdir(parents=True)
    parts, whole = recommender(), data()
    whole.save(folder / "data")
    (folder / "zhiyin.toml").write_text(to_toml(parts), encoding="utf-8")
    parts.fit(whole).save(folder / "artefact")
    return prepare(folder, now=time.time).first_key
