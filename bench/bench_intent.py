"""A new user and one sentence of wishes: N@10 against popularity, in English and Chinese.

    python bench/bench_intent.py [--data FOLDER] [--part test] [--seed 0] [--users 283] [--artefact FOLDER]
                                 [--llm MODEL]

Three tenths of the users of MovieLens 100K are taken out entirely. Of each, the last five films are the
answer; the sentence is made of what these have in common: their two most frequent genres, and the decade that
three of them share. Nothing else of the user is known. The sentence goes through templates in two languages,
so that users ask in different ways; "otherwise" are sentences that name no genre, in words that the rules do
not have ("spaceships and laser guns"). Rows: popularity; the words as plain text (vectors and BM25, nothing
understood); the rules alone; as it ships, rules and, where they find nothing, words near in meaning; with
`--llm`, rules and, where they find nothing, that model. Intervals are 95 % bootstraps over users, the
ratio's by resampling both together.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiyin.contracts import LanguageModel
from zhiyin.data.catalogue import Catalogue
from zhiyin.data.holdout import Holdout
from zhiyin.data.sets import load_bench
from zhiyin.data.split import UserSplit
from zhiyin.evaluate.intervals import bootstrap
from zhiyin.llm import GgufLanguageModel
from zhiyin.recommender import Recommender
from zhiyin.represent.intent_prompt import read_by_model
from zhiyin.represent.intent_rules import read_intent
from zhiyin.types import IntArray, Intent, Query

K = 10
CHINESE = {
    "Action": "动作", "Adventure": "冒险", "Animation": "动画", "Children's": "儿童", "Comedy": "喜剧",
    "Crime": "犯罪", "Documentary": "纪录", "Drama": "剧情", "Fantasy": "奇幻", "Film-Noir": "黑色电影",
    "Horror": "恐怖", "Musical": "歌舞", "Mystery": "悬疑", "Romance": "爱情", "Sci-Fi": "科幻",
    "Thriller": "惊悚", "War": "战争", "Western": "西部",
}  # fmt: skip
TEMPLATES = {
    "en": (
        "I would like to see a {one} or {two} film{decade}",
        "{one}, maybe {two}{decade}, please",
        "do you know any {one} films{decade}? {two} would be fine too",
        "something {one} tonight{decade}, or {two}",
    ),
    "zh": (
        "想看{decade}{one}片或者{two}片",
        "推荐一些{decade}{one}电影，{two}的也可以",
        "有没有{decade}{one}类的电影？{two}也行",
        "今晚想看{one}，或者{two}{decade}",
    ),
}
OTHERWISE = {
    "Action": ("car chases and shootouts", "飞车加枪战"),
    "Adventure": ("an expedition into the jungle", "深入丛林的远征"),
    "Animation": ("pictures drawn by hand", "一笔一笔画出来的"),
    "Children's": ("something for the little ones", "给小不点们看的"),
    "Comedy": ("something that cracks me up", "让人肚子疼的笑料"),
    "Crime": ("bank robbers and crooked cops", "劫匪和黑警"),
    "Documentary": ("real people before the camera", "镜头前的普通人"),
    "Drama": ("people who struggle through life", "写人生起伏的"),
    "Fantasy": ("elves and sorcerers", "精灵与巫师"),
    "Film-Noir": ("a hard boiled gumshoe in the rain", "雨夜里的硬汉探子"),
    "Horror": ("something that keeps me awake at night", "看完不敢关灯的"),
    "Musical": ("where everybody bursts into song", "大家忽然载歌载舞的"),
    "Mystery": ("where I have to guess who did it", "让人猜凶手的"),
    "Romance": ("two people who fall for each other", "两个人一见钟情的"),
    "Sci-Fi": ("spaceships and laser guns", "飞船与激光枪"),
    "Thriller": ("something to sit on the edge of a chair", "看得手心冒汗的"),
    "War": ("trenches and tanks", "战壕与坦克"),
    "Western": ("gunslingers at a saloon", "枪手与小酒馆"),
}


def otherwise(items: Catalogue, targets: IntArray, lang: str) -> str:
    """The same wishes without the name of a genre."""
    named = common_genres(items, targets)
    one, two = (OTHERWISE[name][lang == "zh"] for name in (named * 2)[:2] or ("Drama", "Drama"))
    return f"{one}，或者{two}" if lang == "zh" else f"{one}, or {two}"


def common_genres(items: Catalogue, targets: IntArray) -> list[str]:
    """At most two."""
    genres = Counter(word for code in targets.tolist() for word in items.words["genres"].words(code))
    return [word for word, _ in genres.most_common(3) if word in CHINESE][:2]


def sentence(items: Catalogue, targets: IntArray, lang: str, which: int) -> str:
    """What the answers have in common, in words."""
    named = common_genres(items, targets)
    one, two = (named * 2)[:2] if named else ("Drama", "Drama")
    decades = Counter(
        int(year) // 10 * 10 for year in items.numbers["year"][targets].tolist() if np.isfinite(year)
    )
    common = [decade for decade, n in decades.items() if n >= 3]
    if lang == "zh":
        one, two = CHINESE[one], CHINESE[two]
        decade = f"{common[0] % 100 or '2000'}年代的" if common else ""
    else:
        one, two = one.lower(), two.lower()
        decade = f" from the {common[0]}s" if common else ""
    return TEMPLATES[lang][which % len(TEMPLATES[lang])].format(one=one, two=two, decade=decade)


def gain(found: list[int], targets: set[int]) -> float:
    """NDCG at 10 of one list."""
    hits = sum(1 / np.log2(place + 2) for place, code in enumerate(found[:K]) if code in targets)
    return float(hits / sum(1 / np.log2(place + 2) for place in range(min(K, len(targets)))))


def lists(recommender: Recommender, query: Query) -> list[int]:
    return recommender.decide(query, K).ranking.items.tolist()


def rows(
    recommender: Recommender, holdout: Holdout, users: int, llm: LanguageModel | None
) -> dict[str, NDArray[np.float64]]:
    """Name -> (users,) N@10."""
    items = recommender.items_
    assert items is not None
    book, silent = recommender.reader_.vocabulary(items), 0
    found: dict[str, list[float]] = {}
    spent: list[float] = []
    plain = recommender.decide(Query(), K).ranking.items.tolist()
    for position in range(min(users, len(holdout))):
        targets = np.unique(holdout.targets(position))
        wanted = set(targets.tolist())
        found.setdefault("popularity", []).append(gain(plain, wanted))
        for lang in ("en", "zh"):
            plainly = sentence(items, targets, lang, position)
            said = {lang: plainly, f"{lang}, otherwise": otherwise(items, targets, lang)}
            for which, words in said.items():
                as_text = Query(words=words, locale=lang, intent=Intent(said=words, text=words))
                asked = {"words as text": as_text, "as it ships": Query(words=words, locale=lang)}
                by_rules = read_intent(words, book, items, near=False)
                asked["rules"] = replace(asked["as it ships"], intent=by_rules)
                if llm is not None:
                    started = time.perf_counter()
                    intent, took_part = read_by_model(
                        words, llm, book, items, locale=lang, timeout=120.0, before_vectors=True
                    )
                    spent.append(time.perf_counter() - started)
                    silent += not took_part
                    asked["rules and model"] = replace(asked["rules"], intent=intent)
                for name, query in asked.items():
                    found.setdefault(f"{name}, {which}", []).append(gain(lists(recommender, query), wanted))
    if llm is not None:
        print(f"the model took {np.median(spent):.1f} s a question; it gave no answer in time to {silent}")
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--artefact", type=Path, help="a recommender of an earlier run; made if missing")
    parser.add_argument("--llm", default="", help="a model of `zhiyin models list`")
    args = parser.parse_args()
    data = load_bench("ml-100k", args.data)
    split = UserSplit(fraction=0.3, n=5, seed=args.seed).split(data, args.part)
    if args.artefact and args.artefact.is_dir():
        recommender = Recommender.load(args.artefact)
    else:
        recommender = Recommender.default(split.fit).fit(split.fit, seed=args.seed)
        if args.artefact:
            recommender.save(args.artefact)
    started = time.perf_counter()
    llm = GgufLanguageModel(path=args.llm) if args.llm else None
    scores = rows(recommender, split.holdout, args.users, llm)
    n = len(scores["popularity"])
    print(f"MovieLens 100K, {args.part}, {n} new users, {time.perf_counter() - started:.0f} s")
    base = scores["popularity"]
    draws = np.random.default_rng(args.seed).integers(0, n, (1000, n))
    for name, values in scores.items():
        interval = bootstrap(values, seed=args.seed)[0]
        ratios = values[draws].mean(axis=1) / base[draws].mean(axis=1)
        low, high = np.quantile(ratios, (0.025, 0.975))
        print(f"{name:<32} N@10 {interval}   x {values.mean() / base.mean():.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
