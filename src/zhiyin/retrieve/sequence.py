"""What the sequence networks share: fitting by torch, answers by numpy, items that come later."""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import Encoder, State
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ArtefactError, DataError, LlmError, MissingExtraError, NotFittedError
from zhiyin.represent.vector_index import MAX_EXACT, VectorIndex
from zhiyin.retrieve.near import N_READ
from zhiyin.retrieve.relevance import SilentRelevance
from zhiyin.retrieve.sequence_items import ItemTexts, company_vectors, log_popularity
from zhiyin.retrieve.sequence_serving import Arrays, SequenceRelevance, normed
from zhiyin.retrieve.sequence_windows import Sequences, gap_buckets, weight_buckets
from zhiyin.retrieve.text_projection import damped_pairs
from zhiyin.types import NO_ITEMS, FloatArray, History, IntArray, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zhiyin.retrieve.sequence_network import Body, SequenceNetwork
    from zhiyin.retrieve.sequence_training import Schedule

__all__ = ["RANGES", "SequenceRetriever"]

log = logging.getLogger(__name__)

TEXT_DIM = 128
WINDOW = 10
"""Steps within which two items keep company, for the first vectors."""
UNSHAPED = ("n_threads", "n_history", "epochs", "more_epochs", "rare_")
"""Numbers that do not change what is learnt, or that the schedule tells."""
EVENTS_LEARNT = 18_000_000
"""Epochs times events, where `epochs` is None: 18 epochs of a million events, up to MOST_EPOCHS of fewer."""
EVENTS_AGAIN = 2_000_000
"""The same for what `fit_more` learns at most, where `more_epochs` is None."""
WHOLE, DRAWN = 5_000, 4_096
"""Up to so many items a step compares with all of them, above with so many that are drawn."""
MOST_EPOCHS = 30
FEW = 50
"""Events for each item: with fewer a network learns them by heart, and `dropout` None is larger."""
SILENCE = 0.1
"""Share of the items whose own vectors are left out of a step, so that their texts must do."""
N_CHECK = 1_000
"""Events held for the checks, or a tenth of the users where that is more: with few, chance decides."""
ANEW = 1.5
"""Epochs of a training anew on everything, for each that was best for the part."""
FORM = 2
"""Of the layers: what was saved or left in a checkpoint under another form is not read."""
RARE = 0.1
"""An item without behaviour starts as popular as the one at this quantile."""

RANGES: Mapping[str, tuple[float, float]] = {
    "dim": (1, 4096), "layers": (1, 64), "dropout": (0, 0.9), "max_len": (2, 100_000),
    "n_history": (1, 100_000), "epochs": (1, 100_000), "more_epochs": (0, 100_000), "patience": (1, 100_000),
    "batch_events": (1, 1e8), "learning_rate": (1e-6, 1), "weight_decay": (0, 100), "negatives": (0, 1e7),
    "crop": (0, 1), "mask": (0, 1), "reorder": (0, 1), "noise": (0, 1), "n_threads": (0, 1024),
}  # fmt: skip
"""What every network's options may be."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Where a later training can go on; not saved."""

    weights: Arrays
    """Of the network without those of the items."""
    own: FloatArray
    """(n_items, d)"""
    bias: FloatArray
    """(n_items,)"""
    texts: ItemTexts | None
    epochs: int
    """After which the checks were best; all where none was made."""

    def own_of(self, items: IntArray) -> FloatArray:
        """(k, d) zeros for an item that is new."""
        inside = items < len(self.own)
        return np.where(inside[:, None], self.own[np.where(inside, items, 0)], np.float32(0))

    def bias_of(self, items: IntArray) -> FloatArray:
        """(k,)"""
        inside = items < len(self.bias)
        low = np.float32(np.quantile(self.bias, RARE))
        return np.where(inside, self.bias[np.where(inside, items, 0)], low)


class SequenceRetriever(ABC):
    """A network reads the history and says what comes next; see `TransformerRetriever`."""

    encoder: Encoder | None
    dim: int
    dropout: float | None
    max_len: int
    n_history: int
    epochs: int | None
    more_epochs: int | None
    patience: int
    batch_events: int
    learning_rate: float
    weight_decay: float
    negatives: int | None
    crop: float
    mask: float
    reorder: float
    noise: float
    checkpoint: str | None
    n_threads: int
    index_: VectorIndex | None = None
    learnt_: Learnt | None = None
    ndcg_: Sequence[float] = ()
    """Checks after the epochs of the last fit."""
    texts_: ItemTexts | None = None
    watch: Callable[[int, int], None] | None = None
    """Called after each epoch with how many are done, and of how many at most."""

    # -- what a network adds -----------------------------------------------------------------------

    @abstractmethod
    def _body(self, dropout: float) -> Body:
        """The layers that are trained."""

    @abstractmethod
    def _state(self, x: FloatArray, arrays: Arrays) -> FloatArray:
        """(d,) what they say after the last of the (h, d) events `x`, in numpy."""

    # -- learning ----------------------------------------------------------------------------------

    def fit(self, data: Dataset, *, seed: int = 0) -> Self:
        """From nothing."""
        return self._learn(data, seed, None)

    def fit_more(self, data: Dataset, *, seed: int = 0) -> Self:
        """Goes on from what it has learnt of a part of `data`; from nothing where that is not at hand.

        From nothing too where `more_epochs` is None and the log is short: then a training is cheap, and what
        the part lacks is much of it. It takes half as many epochs again as were best for the part, for more
        events bear more (bench/RESULTS.md, "The second training"), and holds nothing out.
        """
        learnt = self.learnt_
        short = self.more_epochs is None and len(data) * MOST_EPOCHS <= EVENTS_LEARNT
        if short and learnt is not None:
            return self._learn(data, seed, None, epochs=round(ANEW * learnt.epochs))
        return self._learn(data, seed, learnt)

    def _learn(self, data: Dataset, seed: int, learnt: Learnt | None, *, epochs: int = 0) -> Self:
        """Goes on from `learnt`; None: from nothing, for `epochs`, or, with 0, until the checks are best."""
        try:
            import torch

            from zhiyin.retrieve.sequence_training import Training
        except ImportError as error:
            raise MissingExtraError("torch", extra="train") from error
        self.index_, self.learnt_ = None, None
        sequences = Sequences.of(data)
        if not len(sequences.known) or np.diff(data.indptr).max(initial=0) < 2:
            return self._silent(data.n_items)
        texts, text = self._texts(data, sequences, seed, learnt)
        schedule = self._schedule(data, more=learnt is not None, epochs=epochs)
        threads = torch.get_num_threads()
        torch.set_num_threads(self.n_threads or threads)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = self._network(data, sequences, text, seed, learnt)
            run = Training(
                network,
                sequences,
                schedule,
                seed=seed,
                checkpoint=self._file(data, texts, seed, learnt, schedule),
                watch=self.watch,
            )
            run.run()
            weights = {
                name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()
            }
        finally:
            torch.set_num_threads(threads)
        self.ndcg_ = run.ndcg_
        self._take(weights, texts, text, sequences.known, data.n_items, seed, run.best_around)
        return self

    def _texts(
        self, data: Dataset, sequences: Sequences, seed: int, learnt: Learnt | None
    ) -> tuple[ItemTexts | None, FloatArray]:
        """What reads texts, and (n_items, t) what it reads; one column of zeros where there are none."""
        if not data.items.has_text:
            return None, np.zeros((data.n_items, 1), np.float32)
        if learnt is not None and learnt.texts is not None:
            return learnt.texts, learnt.texts.of(data.items)
        texts = ItemTexts(self.encoder, TEXT_DIM)
        return texts, texts.fit(data, damped_pairs(data, WINDOW, 1.0), sequences.known, seed=seed)

    def _network(
        self, data: Dataset, sequences: Sequences, text: FloatArray, seed: int, learnt: Learnt | None
    ) -> SequenceNetwork:
        import torch

        from zhiyin.retrieve.sequence_network import SequenceNetwork

        known, dropout = sequences.known, self._dropout(data)
        pairs = damped_pairs(data, WINDOW, 1.0)[known][:, known]
        own = company_vectors(pairs, self.dim, seed=seed) if learnt is None else learnt.own_of(known)
        bias = log_popularity(sequences.counts()) if learnt is None else learnt.bias_of(known)
        network = SequenceNetwork(
            self._body(dropout),
            torch.from_numpy(own),
            torch.from_numpy(text[known]),
            torch.from_numpy(bias),
            dropout=dropout,
        )
        if learnt is not None:
            kept = {name: torch.from_numpy(value) for name, value in learnt.weights.items()}
            network.load_state_dict({**kept, "own": torch.from_numpy(own), "bias": torch.from_numpy(bias)})
        return network

    def _dropout(self, data: Dataset) -> float:
        if self.dropout is not None:
            return self.dropout
        return 0.5 if len(data) < FEW * data.n_items else 0.2

    def _schedule(self, data: Dataset, *, more: bool, epochs: int = 0) -> Schedule:
        """A second training has nothing held out; one that goes on is shorter and starts at half the rate."""
        from zhiyin.retrieve.sequence_augment import Augmentation
        from zhiyin.retrieve.sequence_training import Schedule

        events, known = max(1, len(data)), bool(epochs)
        epochs = epochs or self.epochs or int(np.clip(EVENTS_LEARNT // events, 1, MOST_EPOCHS))
        again = int(np.clip(EVENTS_AGAIN // events, 1, max(1, round(epochs / 3))))
        drawn = DRAWN if data.n_items > WHOLE else 0
        return Schedule(
            epochs=(self.more_epochs or again) if more else epochs,
            patience=0 if more or known else self.patience,
            tokens=self.batch_events,
            max_len=self.max_len,
            learning_rate=self.learning_rate * (0.5 if more else 1.0),
            weight_decay=self.weight_decay,
            warmup=0.05,
            negatives=drawn if self.negatives is None else self.negatives,
            silence=SILENCE if data.items.has_text else 0.0,
            n_check=max(N_CHECK, data.n_users // 10),
            augmentation=Augmentation(self.crop, self.mask, self.reorder, self.noise),
        )

    def _file(
        self, data: Dataset, texts: ItemTexts | None, seed: int, learnt: Learnt | None, schedule: Schedule
    ) -> Path | None:
        """Where this very run is kept: other data, texts, seed, start or settings have another file."""
        if self.checkpoint is None:
            return None
        options = {name: value for name, value in vars(self).items() if isinstance(value, (int, float))}
        shape = {name: value for name, value in options.items() if name not in UNSHAPED}
        told = json.dumps([FORM, type(self).__name__, seed, str(schedule), sorted(shape.items())])
        code = hashlib.blake2b(told.encode(), digest_size=8)
        if texts is not None:
            code.update(texts.reads(data.items).encode(errors="replace"))
        start = [learnt.own, learnt.bias] if learnt is not None else []
        for column in (data.item, data.indptr, data.at, data.weight, *start):
            code.update(np.ascontiguousarray(column).tobytes())
        return Path(self.checkpoint) / f"{code.hexdigest()}.safetensors"

    def _take(
        self,
        weights: dict[str, FloatArray],
        texts: ItemTexts | None,
        text: FloatArray,
        known: IntArray,
        n_items: int,
        seed: int,
        epochs: int,
    ) -> None:
        """From trained weights to what answers."""
        self.arrays_ = {name: value for name, value in weights.items() if name not in ("own", "bias")}
        self.texts_ = texts
        self.rare_ = np.float32(np.quantile(weights["bias"], RARE))
        own, bias = np.zeros((n_items, self.dim), np.float32), np.full(n_items, self.rare_, np.float32)
        own[known], bias[known] = weights["own"], weights["bias"]
        self.learnt_ = Learnt(self.arrays_, own, bias, texts, epochs)
        rows = np.hstack([own + text @ self.arrays_["mix.weight"].T, bias[:, None]])
        self.known_ = np.zeros(n_items, np.bool_)
        self.known_[known] = True
        speaks = self.known_ | text.any(axis=1)
        rows[~speaks] = 0
        self.index_, self.speaks_ = VectorIndex.of(rows, max_exact=MAX_EXACT, seed=seed), speaks

    def _silent(self, n_items: int) -> Self:
        """Nobody did two things: there is no order to learn from."""
        self.arrays_, self.texts_, self.rare_ = {}, None, np.float32(0)
        self.known_ = self.speaks_ = np.zeros(n_items, np.bool_)
        self.index_ = VectorIndex.of(np.zeros((n_items, self.dim + 1), np.float32), max_exact=n_items)
        return self

    def refresh(self, items: Catalogue, changed: IntArray | None = None) -> None:
        """Items without behaviour at the fit get the vector of their text; the others keep theirs."""
        index = self._fitted()
        if len(items) < len(index):
            raise DataError("a catalogue that only grows", value=f"{len(items)} items after {len(index)}")
        n = len(items)
        known = np.append(self.known_, np.zeros(n - len(index), np.bool_))
        asked = np.arange(n, dtype=np.int32) if changed is None else changed
        asked = asked[~known[asked]]
        speaks = np.append(self.speaks_, np.zeros(n - len(index), np.bool_))
        if self.texts_ is not None and len(asked):
            try:
                text = self.texts_.of(items.take(asked))
            except LlmError as error:
                log.warning("%d items come without a vector: %s", len(asked), error)
                text = np.zeros((len(asked), TEXT_DIM), np.float32)
            rows = np.empty((len(asked), self.dim + 1), np.float32)
            rows[:, :-1] = text @ self.arrays_["mix.weight"].T
            rows[:, -1] = self.rare_
            index, speaks[asked] = index.with_rows(asked, rows, n), text.any(axis=1)
        elif n > len(index):
            index = index.with_rows(NO_ITEMS, np.empty((0, self.dim + 1), np.float32), n)
        self.known_ = known
        self.index_, self.speaks_ = index, speaks

    # -- answering ---------------------------------------------------------------------------------

    def relevance(self, query: Query) -> SequenceRelevance | SilentRelevance:
        index, speaks = self._fitted(), self.speaks_
        state = self.state_of(query)
        if state is None:
            return SilentRelevance()
        vector = np.append(state, np.float32(1))
        return SequenceRelevance(index, vector, speaks, N_READ)

    def state_of(self, query: Query) -> FloatArray | None:
        """(d,) what the network makes of the last `n_history` events it knows; None where it knows none."""
        found = self._heard(query.history, query.at, self.n_history)
        return None if found is None else self._state(self._inputs(*found), self.arrays_)

    def batch_states(self, history: History, at: float) -> FloatArray:
        """(h, d) the state after each event that it knows, by torch; `at` is the time of the question."""
        import torch

        found = self._heard(history, at, len(history))
        if found is None:
            return np.empty((0, self.dim), np.float32)
        body = self._body(0.0)
        body.load_state_dict(
            {name: torch.from_numpy(value) for name, value in _under("body.", self.arrays_).items()}
        )
        with torch.inference_mode():
            states: FloatArray = body.eval()(torch.from_numpy(self._inputs(*found))[None])[0].numpy()
        return normed(states, self.arrays_, "norm")

    def _heard(
        self, history: History, at: float, n: int
    ) -> tuple[IntArray, NDArray[np.int64], NDArray[np.int64]] | None:
        """Items, gaps and weights of the last `n` events of items that have a vector."""
        speaks = self.speaks_
        known = (history.items >= 0) & (history.items < len(speaks))
        known[known] = speaks[history.items[known]]
        places = np.flatnonzero(known)[-n:]
        if not len(places) or not self.arrays_:
            return None
        gaps = gap_buckets(np.diff(np.append(history.at[places], at)))
        return history.items[places], gaps, weight_buckets(history.weights[places])

    def _inputs(self, items: IntArray, gaps: NDArray[np.int64], weights: NDArray[np.int64]) -> FloatArray:
        """(h, d)"""
        x = self._fitted().take(items)[:, :-1] * np.float32(self.dim**0.5)
        x += self.arrays_["gap.weight"][gaps]
        x += self.arrays_["weight.weight"][weights]
        return x

    # -- saving ------------------------------------------------------------------------------------

    def state(self) -> State:
        index = self._fitted()
        texts = {} if self.texts_ is None else self.texts_.state()
        return {
            **{f"index.{name}": value for name, value in index.state().items()},
            **{f"network.{name}": value for name, value in self.arrays_.items()},
            **{f"texts.{name}": value for name, value in texts.items()},
            "form": np.array(FORM),
            "known": self.known_,
            "speaks": self.speaks_,
            "rare": np.array(self.rare_, np.float32),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | str]) -> Self:
        form = int(np.asarray(state["form"]).item()) if "form" in state else 1
        if form != FORM:
            raise ArtefactError(
                f"the network was saved with layers of form {form}, this version has form {FORM}: "
                "fit the recommender again"
            )
        self.arrays_ = {
            name: np.asarray(value, np.float32) for name, value in _under("network.", state).items()
        }
        texts = _under("texts.", state)
        self.texts_ = ItemTexts(self.encoder, TEXT_DIM).restore(texts) if texts else None
        self.known_ = np.asarray(state["known"], np.bool_)
        self.speaks_ = np.asarray(state["speaks"], np.bool_)
        self.rare_ = np.float32(np.asarray(state["rare"]).item())
        self.learnt_ = None
        self.index_ = VectorIndex.saved(_under("index.", state), max_exact=MAX_EXACT)
        return self

    def _fitted(self) -> VectorIndex:
        if self.index_ is None:
            raise NotFittedError(f"{type(self).__name__} was asked before fit: call fit(dataset) first")
        return self.index_


def _under(prefix: str, state: Mapping[str, NDArray[np.generic] | str]) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
