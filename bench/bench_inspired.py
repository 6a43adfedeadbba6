"""INSPIRED: which film a person recommends next in a dialogue; R@1, R@5, R@10.

    python bench/bench_inspired.py [--data FOLDER] [--part test] [--seed 0]

Turns of dialogues in which a film is recommended; candidates are the films of `item_ids.json`, films that the
dialogue has mentioned are filtered (as targets too), equal scores share their places. The films carry nothing
but their name; genres are joined by title from MovieLens 1M where it has the film. No model is fitted. A film
is found by the words of the last turns (text vectors), by titles like those mentioned so far, by the rules'
wishes, and by how often the other half of the dialogues talks of it. Weights were chosen on the even-numbered
dialogues of the file (`--part validation`); the figures are those of the odd-numbered ones (`--part test`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.sets import load_bench
from zhiyin.evaluate.intervals import bootstrap
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


def ranks(
    finder: Finder, numbers: NDArray[np.int64], part: str, weights: dict[str, float], folder: Path
) -> Any:
    """(q,) place of each target from 0."""
    place = {int(number): code for code, number in enumerate(numbers)}
    found = []
    for turn in turns(folder, part):
        mentioned = [place[entity] for entity in turn["prev_entity"] if entity in place]
        parts = finder.parts(turn, mentioned)
        score = sum(weights[name] * parts[name] for name in weights)
        score = np.asarray(score, np.float64)
        score[mentioned] = -np.inf
        for target in turn["rec"]:
            code = place.get(target, -1)
            if code >= 0 and code not in mentioned:
                equal = int((score == score[code]).sum()) - 1
                found.append(int((score > score[code]).sum()) + equal / 2)
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(args.data or os.environ["ZHIYIN_DATA"]) / "inspired"
    items, numbers = films(folder, args.data)
    with_genre = sum(bool(items.words["genre"].words(code)) for code in range(len(items)))
    finder = Finder(items, talked_of(folder, numbers, args.part))
    print(f"INSPIRED, {args.part}: {len(items)} candidates, {with_genre} of them with genres of MovieLens")
    rows = {name: {name: 1.0} for name in WEIGHTS} | {"together": WEIGHTS}
    for name, weights in rows.items():
        places = ranks(finder, numbers, args.part, weights, folder)
        hits = np.stack([places < k for k in KS], axis=1).astype(float)
        shown = "  ".join(f"R@{k} {interval}" for k, interval in zip(KS, bootstrap(hits, seed=args.seed)))
        print(f"{name:<10} n {len(places)}  {shown}")


if __name__ == "__main__":
    main()
