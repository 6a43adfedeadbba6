"""INSPIRED: which film a person recommends next in a dialogue; R@1, R@5, R@10.

    python bench/bench_inspired.py [--data FOLDER] [--part test] [--seed 0]
    python bench/bench_inspired.py --llm qwen2.5-coder-1.5b --kept FOLDER [--n-judged 100] [--threads 2]

Turns of dialogues in which a film is recommended; candidates are the films of `item_ids.json`, films that the
dialogue has mentioned are filtered (as targets too), equal scores share their places. The films carry nothing
but their name; genres are joined by title from MovieLens 1M where it has the film. No model is fitted. A film
is found by the words of the last turns (text vectors), by titles like those mentioned so far, by the rules'
wishes, and by how often the other half of the dialogues talks of it. Weights were chosen on the even-numbered
dialogues of the file (`--part validation`); the figures are those of the odd-numbered ones (`--part test`).

With `--llm` an installed model (`zhiyin models add`; extra `train`) judges the first films of every turn in
both halves: how likely the name is as what the recommender says next, and after an empty dialogue. What both
count is chosen on the even-numbered dialogues. Judgements are kept in a folder, so that a run which was cut
off goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.sets import load_bench
from zhiyin.evaluate.intervals import bootstrap
from zhiyin.rank import judgements
from zhiyin.rank.student import standard
from zhiyin.represent import CachedEncoder, Space, UseEncoder
from zhiyin.represent.intent_rules import read_intent
from zhiyin.represent.units import key_of
from zhiyin.represent.user import unit_rows
from zhiyin.represent.vocabulary import Vocabulary
from zhiyin.retrieve.wish import met
from zhiyin.types import FloatArray, Item

KS = (1, 5, 10)
YEAR = re.compile(r"\((?:(\d{4})_)?.*?(?:film|movie).*?\)$")
WEIGHTS = {"words": 2.0, "films": 1.0, "wish": 0.1, "talked": 0.2}
"""Chosen on the even-numbered dialogues."""


def films(folder: Path, root: str | None) -> tuple[Catalogue, NDArray[np.int64]]:
    """The candidates, and their numbers in the data."""
    names = {number: uri for uri, number in json.loads((folder / "entity2id.json").read_text()).items()}
    numbers = sorted(json.loads((folder / "item_ids.json").read_text()))
    movies = load_bench("ml-1m", root)
    genres = {
        key_of(re.sub(r"\s*\(\d{4}\)$", "", title)): code for code, title in enumerate(movies.items.titles)
    }
    items = []
    for number in numbers:
        raw = unquote(names[number].rsplit("/", 1)[-1].rstrip(">"))
        marked = YEAR.search(raw)
        title = re.sub(r"_\([^)]*\)$", "", raw).replace("_", " ")
        code = genres.get(key_of(title), -1)
        attributes: dict[str, Any] = {}
        if code >= 0:
            attributes["genre"] = movies.items.words["genres"].words(code)
            attributes["year"] = float(movies.items.numbers["year"][code])
        elif marked and marked.group(1):
            attributes["year"] = float(marked.group(1))
        items.append(Item(str(number), title, "", attributes))
    return Catalogue.of(items), np.array(numbers)


def talked_of(folder: Path, numbers: NDArray[np.int64], part: str) -> FloatArray:
    """(n,) how often the dialogues of the other half mention each film, logarithmic, 0 to 1."""
    place = {int(number): code for code, number in enumerate(numbers)}
    counts = np.zeros(len(numbers))
    for turn in turns(folder, "validation" if part == "test" else "test"):
        for entity in {*turn["entity"], *turn["prev_entity"]} & set(place):
            counts[place[entity]] += 1
    return (np.log1p(counts) / max(float(np.log1p(counts).max()), 1e-9)).astype(np.float32)


def turns(folder: Path, part: str) -> Iterator[dict[str, Any]]:
    for line in (folder / "test.jsonl").read_text("utf-8").splitlines():
        turn = json.loads(line)
        odd = int(turn["dialog_id"].rsplit("_", 1)[-1]) % 2
        if odd == (part == "test"):
            yield turn


@dataclass(frozen=True)
class Turn:
    """One turn in which a film is recommended."""

    context: tuple[str, ...]
    """What was said, the last of it by who asks."""
    parts: dict[str, FloatArray]
    """(n,) scores by source."""
    mentioned: list[int]
    targets: list[int]

    def score(self, weights: dict[str, float]) -> NDArray[np.float64]:
        """(n,) weighted sum of the sources; -inf for what was mentioned."""
        summed = np.sum([weight * self.parts[name] for name, weight in weights.items()], axis=0)
        found: NDArray[np.float64] = summed.astype(np.float64)
        found[self.mentioned] = -np.inf
        return found

    def places(self, score: NDArray[np.float64]) -> list[float]:
        """Of each target, from 0; equals share theirs."""
        return [
            float((score > score[it]).sum() + ((score == score[it]).sum() - 1) / 2) for it in self.targets
        ]


@dataclass(frozen=True)
class Judgement:
    """What a language model says of the first films of one turn."""

    codes: NDArray[np.int64]
    heard: FloatArray
    """Log-likelihood of each name as what comes next."""
    prior: FloatArray
    """The same after an empty dialogue."""

    def order(self, score: NDArray[np.float64], weight: float, taken_off: float) -> NDArray[np.float64]:
        """Scores under which the judged films stay ahead of all others, in the order of both opinions."""
        said = standard(np.stack([score[self.codes], self.heard - taken_off * self.prior], axis=1))
        found = score - 1e6
        found[self.codes] = said @ (1.0, weight)
        return found


class Finder:
    """Scores of all candidates for one dialogue."""

    def __init__(self, items: Catalogue, known: FloatArray) -> None:
        self.items, self.known = items, known
        self.encoder = CachedEncoder(UseEncoder())
        self.raw = self.encoder.encode([items.describe(code) for code in range(len(items))])
        self.space = Space.of(self.raw)
        self.rows = self.space.put(self.raw)
        self.book = Vocabulary.of(items)

    def parts(self, turn: dict[str, Any], mentioned: list[int]) -> dict[str, FloatArray]:
        """(n,) by source."""
        said = " ".join(turn["context"][-6:])[-500:]
        words = self.rows @ self.space.put(self.encoder.encode_words([said]))[0]
        past = unit_rows(self.rows[mentioned].sum(axis=0)) if mentioned else np.zeros(self.rows.shape[1])
        intent = read_intent(said, self.book, self.items)
        wish = np.zeros(len(self.items), np.float32)
        for one in intent.wishes:
            mask = met(one.filter, self.items)
            if mask is not None:
                wish += np.float32(one.by) * mask
        scale = max(float(np.abs(wish).max()), 1.0)
        return {"words": words, "films": self.rows @ past, "wish": wish / scale, "talked": self.known}


def asked(finder: Finder, numbers: NDArray[np.int64], part: str, folder: Path) -> list[Turn]:
    """The turns of one half that recommend a candidate which was not mentioned before."""
    place = {int(number): code for code, number in enumerate(numbers)}
    found = []
    for turn in turns(folder, part):
        mentioned = [place[entity] for entity in turn["prev_entity"] if entity in place]
        targets = [place[entity] for entity in turn["rec"] if place.get(entity, -1) >= 0]
        targets = [code for code in targets if code not in mentioned]
        if targets:
            context = tuple(turn["context"][-6:])
            found.append(Turn(context, finder.parts(turn, mentioned), mentioned, targets))
    return found


def row(name: str, places: Sequence[float], seed: int) -> None:
    hits = np.stack([np.array(places) < k for k in KS], axis=1).astype(float)
    shown = "  ".join(f"R@{k} {interval}" for k, interval in zip(KS, bootstrap(hits, seed=seed)))
    print(f"{name:<10} n {len(places)}  {shown}", flush=True)


# -- a language model's opinion ------------------------------------------------------------------------


def conversation(context: Sequence[str]) -> str:
    """The dialogue up to where the name of a film must come."""
    speakers = ("Expert", "Viewer")
    lines = [f"{speakers[(len(context) - at) % 2]}: {text}" for at, text in enumerate(context)]
    return "\n".join(["A conversation about films.", *lines, "Expert: You should watch"])


def judged(args: argparse.Namespace, items: Catalogue, part: str, among: Sequence[Turn]) -> list[Judgement]:
    """What the model says of the first films of every turn; it is asked for what is not kept yet."""
    from zhiyin.llm.torch_scorer import TorchLanguageModel

    llm = TorchLanguageModel(path=args.llm, n_threads=args.threads)
    texts = [f" {title}" for title in items.titles]
    prior: dict[int, float] = {}
    found = []
    args.kept.mkdir(parents=True, exist_ok=True)
    for number, turn in enumerate(among):
        score = turn.score(WEIGHTS)
        codes = np.argsort(-score, kind="stable")[: args.n_judged]
        codes = codes[np.isfinite(score[codes])]
        about = judgements.key_of(llm.identity, conversation(turn.context), str(codes.tolist()))
        file = args.kept / f"{about.hex()}.npz"
        if not file.is_file():
            fresh = [code for code in codes.tolist() if code not in prior]
            empty = llm.log_likelihood(conversation(()), [texts[code] for code in fresh], timeout=3600)
            prior |= dict(zip(fresh, empty.tolist(), strict=True))
            heard = llm.log_likelihood(conversation(turn.context), [texts[c] for c in codes], timeout=3600)
            np.savez(file, heard=heard, prior=[prior[code] for code in codes.tolist()])
            print(f"  {part}: {number + 1} of {len(among)}", flush=True)
        with np.load(file) as kept:
            found.append(Judgement(codes, kept["heard"], kept["prior"]))
    return found


def ordered(among: Sequence[Turn], said: Sequence[Judgement], weight: float, taken_off: float) -> list[float]:
    """Places of all targets."""
    orders = [one.order(turn.score(WEIGHTS), weight, taken_off) for turn, one in zip(among, said)]
    return [place for turn, score in zip(among, orders) for place in turn.places(score)]


def with_model(args: argparse.Namespace, items: Catalogue, halves: dict[str, list[Turn]]) -> None:
    """Weight and prior by the mean reciprocal place in one half, the figures in the other."""
    said = {part: judged(args, items, part, among) for part, among in halves.items()}

    def worth(options: tuple[float, float]) -> float:
        places = ordered(halves["validation"], said["validation"], *options)
        return float((1 / (1 + np.array(places))).mean())

    tried = list(itertools.product((0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0), (0.0, 0.25, 0.5, 0.75, 1.0)))
    best = max(tried, key=worth)
    print(f"validation: weight {best[0]}, prior {best[1]}, mean reciprocal place {worth(best):.4f}")
    for name, options in {"as chosen": best, "its likelihood": (1e3, 0.0), "less prior": (1e3, 1.0)}.items():
        row(name, ordered(halves["test"], said["test"], *options), args.seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--llm", help="an installed model that judges the first films")
    parser.add_argument("--kept", type=Path, default=Path("inspired-judged"))
    parser.add_argument("--n-judged", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(args.data or os.environ["ZHIYIN_DATA"]) / "inspired"
    items, numbers = films(folder, args.data)
    with_genre = sum(bool(items.words["genre"].words(code)) for code in range(len(items)))
    print(f"INSPIRED, {args.part}: {len(items)} candidates, {with_genre} of them with genres of MovieLens")
    parts = ("validation", "test") if args.llm else (args.part,)
    halves = {
        part: asked(Finder(items, talked_of(folder, numbers, part)), numbers, part, folder) for part in parts
    }
    rows = {name: {name: 1.0} for name in WEIGHTS} | {"together": WEIGHTS}
    for name, weights in rows.items():
        among = halves[args.part]
        row(name, [place for turn in among for place in turn.places(turn.score(weights))], args.seed)
    if args.llm:
        with_model(args, items, halves)


if __name__ == "__main__":
    main()
