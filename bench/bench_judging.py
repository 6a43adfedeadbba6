"""How a local model judges: `zhiyin models verify` in processor seconds, and likelihoods of 20 titles.

python bench/bench_judging.py smollm2-135m --seconds 120
python bench/bench_judging.py smollm2-135m --only likelihood
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from zhiyin.cli.try_models import tried
from zhiyin.errors import MissingExtraError
from zhiyin.llm import GgufLanguageModel
from zhiyin.llm.sanity_questions import QUESTIONS
from zhiyin.llm.torch_scorer import TorchLanguageModel
from zhiyin.llm.verdict import by_luck, keep_verdict
from zhiyin.rank.llm_prompts import likelihood_text, past_prefix

TITLES = [text for question in QUESTIONS[:4] for text in question.options(0)]


def timed(llm: Any, name: str, times: int = 3) -> None:
    """20 titles behind each of some histories of five titles; the first warms up."""
    wall, used = [], []
    for question in QUESTIONS[4 : 5 + times]:
        start, at = time.perf_counter(), time.process_time()
        prefix, texts = past_prefix(question.liked, "en"), [likelihood_text(title) for title in TITLES]
        llm.log_likelihood(prefix, texts, timeout=300.0)
        wall.append(time.perf_counter() - start)
        used.append(time.process_time() - at)
    print(
        f"{name}: {np.median(wall[1:]):.2f} s, {np.median(used[1:]):.2f} processor s for {len(TITLES)} titles"
    )


def likelihoods(path: str) -> None:
    kinds: dict[str, Callable[[], Any]] = {
        "gguf": lambda: GgufLanguageModel(path=path),
        "torch float32": lambda: TorchLanguageModel(path=path, dtype="float32"),
        "torch bfloat16": lambda: TorchLanguageModel(path=path, dtype="bfloat16"),
    }
    for name, made in kinds.items():
        try:
            timed(made(), name)
        except MissingExtraError as error:
            print(f"{name}: skipped, {error}")


def verified(path: str, seconds: float, n: int) -> None:
    llm = GgufLanguageModel(path=path)
    start, at = time.perf_counter(), time.process_time()
    told = lambda what, done, total: print(f"  {done} of {total}  {what}", flush=True)  # noqa: E731
    verdict = tried(llm, n_each=n, within_s=seconds, clock=time.process_time, told=told)
    keep_verdict(verdict)
    print(f"{time.process_time() - at:.0f} processor s, {time.perf_counter() - start:.0f} s on the clock")
    for one in verdict.results:
        luck = f"{100 * by_luck(one.right, one.asked, verdict.chance):.1f} %"
        best = "best" if verdict.best(one.locale) == one.way else ""
        told = f"| {one.way} | {one.locale} | {one.right} of {one.asked} | {luck} | {one.ms:.0f} |"
        print(told, best, one.said)
    llm.close()


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("model")
    reader.add_argument("--seconds", type=float, default=120.0)
    reader.add_argument("-n", type=int, default=10)
    reader.add_argument("--only", choices=("likelihood", "verify"))
    options = reader.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.only != "likelihood":
        verified(options.model, options.seconds, options.n)
    if options.only != "verify":
        likelihoods(options.model)


if __name__ == "__main__":
    main()
