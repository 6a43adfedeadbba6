"""The recommender that is good with no option: its parts follow from the shape of the data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.contracts import Encoder, Feature, Retriever
from zhiyin.data.dataset import Dataset
from zhiyin.data.shape import Shape
from zhiyin.errors import ConfigError
from zhiyin.explain.evidence_explainer import EvidenceExplainer
from zhiyin.rank.clock import ClockFeature
from zhiyin.rank.context_features import ContextFeature
from zhiyin.rank.cross import CrossRanker
from zhiyin.rank.distance import DistanceFeature
from zhiyin.rank.features import AgreementFeature, EvidenceFeature, HistoryFeature, SourceFeature
from zhiyin.rank.item_features import AttributeFeature, PopularityFeature
from zhiyin.rank.repeats import RepeatFeature
from zhiyin.represent.cached import CachedEncoder
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.retrieve.context import ContextRetriever
from zhiyin.retrieve.ease import EaseRetriever
from zhiyin.retrieve.kernel import KernelRetriever
from zhiyin.retrieve.lexical import LexicalRetriever
from zhiyin.retrieve.popular import PopularRetriever
from zhiyin.retrieve.repeat import RepeatRetriever
from zhiyin.retrieve.sequence import SequenceRetriever
from zhiyin.retrieve.slit import SlitRetriever
from zhiyin.retrieve.text_factors import TextFactorsRetriever
from zhiyin.retrieve.text_kernel import TextKernelRetriever
from zhiyin.retrieve.transformer import TransformerRetriever
from zhiyin.retrieve.wish import WishRetriever

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

__all__ = ["configured_recommender", "default_recommender", "with_sequence"]

TEXTUAL = ("text_kernel", "text_factors", "content", "lexical", "wish")
"""Sources that have nothing to read in a catalogue of bare ids."""
MANY_ITEMS = 20_000
"""Above so many items the regressions take part in a smaller form, or the fit would take hours."""
MOST_PAIRS = 20_000_000
"""Of a log without an order: so many pairs of events are looked at, and ten for each event at least."""
LITTLE = 20_000
"""Below so many interactions raw likeness of texts is a source of its own: there is little to learn from."""


def default_recommender(
    data: Dataset | None = None, *, encoder: Encoder | None = None, sequence: bool = False
) -> Recommender:
    """Unfitted. See `Recommender.default`."""
    from zhiyin.recommender import Recommender

    encoder = encoder or CachedEncoder(UseEncoder())
    many = data is not None and data.n_items > MANY_ITEMS
    little = data is None or len(data) < LITTLE
    retrievers: dict[str, Retriever] = {
        "kernel": KernelRetriever(backward=0.2, damp_target=0.4, decay=0.75),
        "ease": EaseRetriever(k=100, neighbourhood=100 if many else 200),
        "slit": SlitRetriever(k=100, max_items=8_000 if many else 15_000),
        "text_kernel": TextKernelRetriever(encoder=encoder),
        "text_factors": TextFactorsRetriever(encoder=encoder),
        "content": ContentRetriever(encoder=encoder, only_words=not little),
        "lexical": LexicalRetriever(),
        "wish": WishRetriever(),
        "popular": PopularRetriever(),
    }
    features: list[Feature] = [
        SourceFeature(),
        AgreementFeature(),
        EvidenceFeature(),
        HistoryFeature(),
        PopularityFeature(),
        AttributeFeature(),
    ]
    shape = Shape.of(data)
    if not shape.ordered:
        retrievers |= _of_sets(encoder, many=many, n_events=0 if data is None else len(data))
        del retrievers["slit"]
    if shape.repeats:
        retrievers["repeat"] = RepeatRetriever()
        features.append(RepeatFeature())
    if shape.contexts:
        retrievers["context"] = ContextRetriever()
        features.append(ContextFeature())
    if shape.clock and shape.repeats:  # hours at which things are rated are not those at which they are used
        features.append(ClockFeature())
    if shape.places:
        features.append(DistanceFeature())
    if data is not None and not data.items.has_text:
        for name in TEXTUAL:
            del retrievers[name]
    found = Recommender(
        retrievers=retrievers,
        ranker=CrossRanker(features=features),
        explainer=EvidenceExplainer(),
        encoder=encoder,
        n_history=200 if shape.repeats or not shape.ordered else 50,
        repeats=shape.repeats,
        ordered=shape.ordered,
    )
    return with_sequence(found) if sequence else found


def _of_sets(encoder: Encoder, *, many: bool, n_events: int) -> dict[str, Retriever]:
    """Sources for which all events of a history count alike: nothing came before anything else.

    A window over mixed events draws pairs by chance, so that of a large log fewer are enough.
    """
    window = min(50, max(10, MOST_PAIRS // max(n_events, 1)))
    return {
        "kernel": KernelRetriever(window=window, power=0.0, backward=1.0, damp_target=0.5, decay=1.0),
        "ease": EaseRetriever(k=100, neighbourhood=100 if many else 200, decay=1.0),
        "text_kernel": TextKernelRetriever(encoder=encoder, window=window, backward=1.0, decay=1.0),
        "text_factors": TextFactorsRetriever(encoder=encoder, window=window, backward=1.0, decay=1.0),
    }


def configured_recommender(
    folder: Path, data: Dataset, *, allow_import: Sequence[str] = (), sequence: bool = False
) -> Recommender:
    """That of a project's zhiyin.toml, unfitted; without retrievers there the rest is the default for `data`.

    Raises a ConfigError that tells all mistakes of the file at once. See `with_sequence` for `sequence`.
    """
    from zhiyin.config import filled, from_toml
    from zhiyin.saving import keep_models_in

    config = folder / "zhiyin.toml"
    if not os.path.lexists(config):  # a folder or a broken link is an error, not the default
        return default_recommender(data, sequence=sequence)
    try:
        text = filled(config.read_text("utf-8-sig"), lambda: default_recommender(data))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config}: expected a readable TOML file: {error}") from error
    found = from_toml(text + "\n", allow_import=allow_import, name=str(config))
    found = keep_models_in(found, folder)
    return with_sequence(found) if sequence else found


def with_sequence(recommender: Recommender) -> Recommender:
    """Puts a network over the order of events beside the sources, where there is none."""
    if not any(isinstance(part, SequenceRetriever) for part in recommender.retrievers.values()):
        network = TransformerRetriever(encoder=recommender.encoder)
        recommender.retrievers = {**recommender.retrievers, "transformer": network}
        recommender.n_history = max(recommender.n_history, network.n_history)
    return recommender
