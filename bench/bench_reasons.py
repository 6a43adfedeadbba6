"""Whether reasons are true: claims recounted from the tables, causes taken out, both languages.

    python bench/bench_reasons.py ml-100k --users 100
    python bench/bench_reasons.py ml-100k --artefact DIR        # an artefact that was fitted on the set

Sets come from $ZHIYIN_DATA. The whole default recommender answers; causes are tried (`checked`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from zhiyin.data.catalogue import Catalogue
from zhiyin.data.dataset import Dataset
from zhiyin.data.sets import load_bench
from zhiyin.recommender import Recommender
from zhiyin.types import History, Query, Reason, Trace


def recounted(reason: Reason, code: int, query: Query, items: Catalogue, counts: np.ndarray) -> bool:
    """The claim once more, from the tables and without the code that made it."""
    facts, past = reason.facts, query.history
    liked = {int(c) for c in np.unique(past.items) if past.weights[past.items == c].sum() > 0}
    cited = {items.ids.code(name) for name in reason.items}
    if not cited <= liked or code in cited:
        return False
    decade = int(facts.get("decade", 0))
    having = [c for c in liked if has(items, c, facts.get("attribute", ""), facts.get("value", ""), decade)]
    match facts["form"]:
        case "goes" | "because":
            return bool(cited)
        case "again":
            return int((past.items == code).sum()) == int(facts["count"])
        case "like":
            return all(
                has(items, c, facts.get("attribute", ""), facts.get("value", ""), decade)
                for c in (code, *cited)
            )
        case "count":
            return len(having) == int(facts["count"]) and len(liked) == int(facts["of"])
        case "among":
            return int((counts > counts[code]).sum()) < int(facts["count"])
        case "times":
            return int(counts[code]) == int(facts["count"])
    return facts["form"] in ("now", "new", "price")


def has(items: Catalogue, code: int, attribute: str, value: str, decade: int) -> bool:
    """Whether an item has a word and is of a decade; what is not asked holds."""
    word = not value or value in items.words[attribute].words(code)
    year = items.numbers.get("year")
    return word and (not decade or (year is not None and year[code] // 10 * 10 == decade))


def falls(recommender: Recommender, query: Query, code: int, cited: int) -> bool:
    """The whole decision again without the cited item: its score is lower, or it is no candidate any more."""
    past = query.history
    stays = past.items != cited
    less = replace(query, history=History(past.items[stays], past.weights[stays], past.at[stays]))
    before, after = (recommender.rank(asked, recommender.n_candidates) for asked in (query, less))
    left = after.score[after.items == code]
    return not len(left) or bool(left[0] < before.score[before.items == code][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artefact", type=Path)
    args = parser.parse_args()
    data = load_bench(args.set)
    made = Recommender.load(args.artefact) if args.artefact else Recommender.default(data).fit(data)
    measure(made, data, args.users, args.seed)


def measure(made: Recommender, data: Dataset, n: int, seed: int) -> None:
    users = np.random.default_rng(seed).choice(data.n_users, n, replace=False)
    forms, true, fell, spent, lines = Counter[str](), [], [], [], 0
    zh = 0
    fitted = made.histories_.snapshot if made.histories_ else data
    counts = np.bincount(fitted.item[fitted.weight > 0], minlength=data.n_items)
    for user in users:
        query = made.query(data.users[user])
        start = time.perf_counter()
        trace: Trace = made.worded(made.decide(query, 10), 10, checked=True)
        spent.append((time.perf_counter() - start) * 1e3)
        other = made.worded(made.decide(replace(query, locale="zh"), 10), 10, checked=True)
        for line, twin in zip(trace.recommendations, other.recommendations):
            code, lines = data.items.ids.code(line.item), lines + 1
            zh += [r.facts for r in line.reasons] == [r.facts for r in twin.reasons] and all(
                r.text != t.text for r, t in zip(line.reasons, twin.reasons)
            )
            for reason in line.reasons:
                forms[reason.facts["form"]] += 1
                true.append(recounted(reason, code, trace.query, data.items, counts))
                if reason.facts["form"] == "because":
                    fell += [falls(made, query, code, data.items.ids.code(c)) for c in reason.items]
    print(f"{data.name}: {n} users, {lines} lines, {len(true)} reasons {dict(forms)}")
    print(f"claims that check out when recounted: {np.mean(true):.2%} of {len(true)}")
    print(f"cited causes without which the score is lower: {np.mean(fell):.2%} of {len(fell)}")
    print(f"lines with the same claims in both languages: {zh / lines:.2%}")
    print(f"a list with causes tried: {statistics.median(spent):.0f} ms in the middle")


if __name__ == "__main__":
    main()
