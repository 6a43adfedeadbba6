"""One library in an environment of its own: learns from a log, writes its first items for every user.

    PYTHON bench/peer_script.py FOLDER '{"library": "rectools", "name": "SASRec", "n": 10, …}'

Started by `bench_peers.py --python`, with a Python that has the library and need not have zhiyin. FOLDER
holds log.npz (user, item; in the order of the events) and gets top.npz (items, a row per user, -1 = none;
seconds of the fit, of the answers). What a user has in the log is not proposed again.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Answers = Callable[[], pd.DataFrame]
"""Gives rows (user, item), the best first for each user."""


def rectools(log: pd.DataFrame, name: str, n: int, options: dict[str, Any], seed: int) -> Answers:
    """RecTools: `SASRec`, `BERT4Rec`, `EASE`, `ALS`."""
    from rectools.dataset import Dataset
    from rectools.models import BERT4RecModel, EASEModel, ImplicitALSWrapperModel, SASRecModel

    data = Dataset.construct(
        pd.DataFrame({"user_id": log.user, "item_id": log["item"], "weight": 1.0, "datetime": log.when})
    )
    if name == "ALS":
        from implicit.als import AlternatingLeastSquares

        made = ImplicitALSWrapperModel(AlternatingLeastSquares(random_state=seed, num_threads=1, **options))
    elif name == "EASE":
        made = EASEModel(**options)
    else:
        import torch

        torch.manual_seed(seed)
        made = {"SASRec": SASRecModel, "BERT4Rec": BERT4RecModel}[name](**options)
    made.fit(data)

    def answers() -> pd.DataFrame:
        users = np.unique(log.user)
        found = made.recommend(users=users, dataset=data, k=n, filter_viewed=True)
        return found.rename(columns={"user_id": "user", "item_id": "item"})[["user", "item"]]

    return answers


def lenskit(log: pd.DataFrame, name: str, n: int, options: dict[str, Any], seed: int) -> Answers:
    """LensKit: `ItemKNN`, `UserKNN`, `ALS` (implicit), `EASE`."""
    import lenskit.random
    from lenskit.als import ImplicitMFScorer
    from lenskit.batch import recommend
    from lenskit.data import from_interactions_df
    from lenskit.knn import EASEScorer, ItemKNNScorer, UserKNNScorer
    from lenskit.pipeline import topn_pipeline

    lenskit.random.init_global_rng(seed)
    pairs = log.drop_duplicates(["user", "item"]).rename(columns={"user": "user_id", "item": "item_id"})
    data = from_interactions_df(pairs[["user_id", "item_id"]])
    kinds = {"ItemKNN": ItemKNNScorer, "UserKNN": UserKNNScorer, "ALS": ImplicitMFScorer, "EASE": EASEScorer}
    whole = topn_pipeline(kinds[name](**options), n=n)
    whole.train(data)

    def answers() -> pd.DataFrame:
        found = recommend(whole, np.unique(log.user).tolist(), n=n, n_jobs=1).to_df()
        return found.rename(columns={"user_id": "user", "item_id": "item"})[["user", "item"]]

    return answers


def recbole(log: pd.DataFrame, name: str, n: int, options: dict[str, Any], seed: int) -> Answers:
    """RecBole, with any of its general or sequential recommenders that scores the whole catalogue."""
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.data.interaction import Interaction
    from recbole.utils import get_model, get_trainer, init_seed

    folder = Path.cwd()  # the caller's, where RecBole may leave its files
    (folder / "log").mkdir()
    pairs = log.assign(timestamp=np.arange(len(log)))[["user", "item", "timestamp"]]
    pairs.columns = ["user_id:token", "item_id:token", "timestamp:float"]
    pairs.to_csv(folder / "log" / "log.inter", sep="\t", index=False)
    whole = {"split": {"RS": [1, 0, 0]}, "order": "TO", "group_by": "user", "mode": "full"}
    settings = {
        "data_path": str(folder), "checkpoint_dir": str(folder), "eval_args": whole, "seed": seed,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "use_gpu": False, "state": "ERROR",
        "show_progress": False, "MAX_ITEM_LIST_LENGTH": 50, **options,
    }  # fmt: skip
    config = Config(model=name, dataset="log", config_dict=settings)
    init_seed(seed, True)
    train = data_preparation(config, create_dataset(config))[0]
    made = get_model(name)(config, train.dataset)
    get_trainer(config["MODEL_TYPE"], name)(config, made).fit(train, saved=False, show_progress=False)
    made.eval()

    def answers() -> pd.DataFrame:
        known = np.unique(log["item"]).tolist()
        code = train.dataset.token2id("item_id", np.array([str(item) for item in known]))
        inner = dict(zip(known, code.tolist(), strict=True))
        outer = {place: item for item, place in inner.items()}
        rows = []
        for user, past in log.groupby("user")["item"]:
            seen = [inner[item] for item in past]
            recent = seen[-50:]
            asked = {
                "user_id": torch.tensor([train.dataset.token2id("user_id", str(user))]),
                "item_id_list": torch.tensor([recent + [0] * (50 - len(recent))]),
                "item_length": torch.tensor([len(recent)]),
            }
            with torch.no_grad():
                scores = made.full_sort_predict(Interaction(asked)).flatten()
            scores[[0, *seen]] = -torch.inf
            best = torch.topk(scores, n).indices.tolist()
            rows += [(user, outer[place]) for place in best]
        return pd.DataFrame(rows, columns=["user", "item"])

    return answers


def main() -> None:
    folder, order = Path(sys.argv[1]), json.loads(sys.argv[2])
    with np.load(folder / "log.npz") as held:
        log = pd.DataFrame({name: held[name] for name in ("user", "item")})
    log["when"] = pd.to_datetime(np.arange(len(log)), unit="s")  # equal times have an order, too
    start = time.perf_counter()
    ask = {"rectools": rectools, "lenskit": lenskit, "recbole": recbole}[order["library"]]
    answers = ask(log, order["name"], order["n"], order["options"], order["seed"])
    fitted = time.perf_counter()
    found = answers()
    ended = time.perf_counter()
    place = found.groupby("user").cumcount()
    items = np.full((int(log.user.max()) + 1, order["n"]), -1, np.int64)
    kept = place < order["n"]
    items[found.user[kept], place[kept]] = found["item"][kept]
    np.savez(folder / "top.npz", items=items, seconds=[fitted - start, ended - fitted])


if __name__ == "__main__":
    main()
