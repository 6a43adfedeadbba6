"""What a good engineer would write in a day, to measure the service against.

    python bench/plain_stack.py DATA_FOLDER WORK_FOLDER --port 8800 --workers 2        (needs fastapi)

FastAPI and pydantic, ALS of `implicit` at its defaults, a dense product over the catalogue, SQLite in WAL
mode with a synced commit for every request. A user is the stored history, folded in at every request, so an
event changes the next list here too. No reasons, filters, words, cold items, keys, limits or traces. Workers
are those of uvicorn; BLAS has one thread.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

TABLES = """
CREATE TABLE events(id TEXT UNIQUE, user TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL);
CREATE INDEX by_user ON events(user);
"""
ALPHA, REGULARISATION = 1.0, 0.01
"""Those of implicit."""


class Event(BaseModel):
    user: str
    item: str
    kind: str = "click"
    event_id: str | None = None


class Question(BaseModel):
    user: str
    n: int = 10


class Shop:
    """The factors, and a connection for every thread."""

    def __init__(self, work: Path) -> None:
        self.file = work / "plain.db"
        with np.load(work / "plain.npz") as arrays:
            self.factors, self.ids = arrays["factors"], arrays["ids"].tolist()
        self.codes = {name: code for code, name in enumerate(self.ids)}
        self.square = self.factors.T @ self.factors
        self._own = threading.local()

    def db(self) -> sqlite3.Connection:
        if not hasattr(self._own, "db"):
            self._own.db = sqlite3.connect(self.file, timeout=10, isolation_level=None)
            self._own.db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        return self._own.db

    def write(self, events: list[Event]) -> int:
        """How many were new."""
        db = self.db()
        rows = [(event.event_id, event.user, event.item, event.kind) for event in events]
        db.execute("BEGIN IMMEDIATE")
        done = db.executemany("INSERT OR IGNORE INTO events VALUES(?, ?, ?, ?)", rows).rowcount
        db.execute("COMMIT")
        return done

    def best(self, user: str, n: int) -> list[dict[str, Any]]:
        found = self.db().execute("SELECT item FROM events WHERE user = ?", (user,))
        seen = np.array([self.codes[item] for (item,) in found if item in self.codes], np.int64)
        scores = self.factors @ self.folded_in(seen)
        scores[seen] = -np.inf
        top = np.argpartition(-scores, n)[:n]
        top = top[np.argsort(-scores[top])]
        return [
            {"item": self.ids[code], "score": float(scores[code])}
            for code in top
            if np.isfinite(scores[code])
        ]

    def folded_in(self, seen: np.ndarray) -> np.ndarray:
        """The user vector that ALS would give to this history (Hu, Koren, Volinsky 2008, equation 4)."""
        rows = self.factors[seen]
        left = (
            self.square + ALPHA * rows.T @ rows + REGULARISATION * np.eye(len(self.square), dtype=np.float32)
        )
        return np.linalg.solve(left, (1 + ALPHA) * rows.sum(axis=0))


app = FastAPI()
shop = Shop(Path(os.environ["PLAIN_STACK"])) if "PLAIN_STACK" in os.environ else None


@app.post("/events")
def events(body: Event | list[Event]) -> dict[str, int]:
    assert shop is not None
    many = body if isinstance(body, list) else [body]
    accepted = shop.write(many)
    return {"accepted": accepted, "duplicates": len(many) - accepted}


@app.post("/recommend")
def recommend(body: Question) -> dict[str, Any]:
    assert shop is not None
    return {"items": shop.best(body.user, body.n)}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


def prepare(data_folder: Path, work: Path, seed: int = 0) -> None:
    """Fits ALS and fills the database, once."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    from zhiyin.data.dataset import Dataset
    from zhiyin.retrieve.matrix import user_item_matrix

    if (work / "plain.npz").exists():
        return
    data = Dataset.load(data_folder)
    with threadpool_limits(1, "blas"):
        als = AlternatingLeastSquares(alpha=ALPHA, regularization=REGULARISATION, random_state=seed)
        als.fit(user_item_matrix(data), show_progress=False)
    users, items = list(data.users), list(data.items.ids)
    (work / "plain.db").unlink(missing_ok=True)
    db = sqlite3.connect(work / "plain.db")
    db.executescript("PRAGMA journal_mode=WAL;" + TABLES)
    rows = zip(data.user.tolist(), data.item.tolist())
    db.executemany("INSERT INTO events VALUES(NULL, ?, ?, 'click')", ((users[u], items[i]) for u, i in rows))
    db.commit()
    db.close()
    np.savez(work / "plain.npz", factors=als.item_factors, ids=np.array(items))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--port", type=int, default=8800)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    prepare(args.data, args.work)
    os.environ["PLAIN_STACK"] = str(args.work)
    uvicorn.run("plain_stack:app", port=args.port, workers=args.workers, app_dir=str(Path(__file__).parent),
                access_log=False, log_level="warning")  # fmt: skip


if __name__ == "__main__":
    main()
