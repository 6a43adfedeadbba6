"""Write an invented shop, `events.csv` and `items.csv`, to try zhiyin on without data of your own.

Every customer has a taste, one department of six, and a passing interest in a second one, so you can tell
whether a recommendation is right. Some rows of events.csv are broken on purpose: the import says which.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np

DEPARTMENTS = {
    "tea": "green tea, oolong tea, black tea, kettle, tea cups, tea strainer, 茶壶 teapot, 龙井茶 Longjing, "
    "普洱茶 Pu'er tea, 茶盘 tea tray",
    "coffee": "espresso beans, filter beans, hand grinder, moka pot, paper filters, milk jug, coffee scale, "
    "espresso cups, 咖啡豆 coffee beans, 手冲壶 pour-over kettle",
    "hiking": "hiking boots, rain jacket, trekking poles, backpack, head torch, water bottle, wool socks, "
    "camping stove, 登山鞋 mountain boots, 帐篷 tent",
    "photography": "film camera, black-and-white film, tripod, camera bag, lens cloth, flash, photo album, "
    "portrait lens, 胶卷 film rolls, 三脚架 travel tripod",
    "baking": "bread flour, rye flour, dry yeast, loaf tin, rolling pin, kitchen scale, cake ring, vanilla, "
    "面包粉 strong flour, 蛋糕模具 cake tin",
    "gardening": "tomato seeds, basil seeds, pruning shears, watering can, garden gloves, potting soil, "
    "flower pots, compost bin, 花盆 clay pots, 种子 flower seeds",
}
Row: TypeAlias = tuple[object, ...]
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
BROKEN: tuple[Row, ...] = (
    ("", "tea-1", "view", "", "2026-02-01T10:00:00Z"),
    ("c001", "", "view", "", "2026-02-01T10:00:00Z"),
    ("c002", "tea-2", "purchase", "1", "2026-02-30T10:00:00Z"),
    ("c003", "coffee-1", "rating", "five", "2026-02-02T10:00:00Z"),
    ("c004", "hiking-3", "view", "", "2026-02-03T10:00:00Z"),
    ("c004", "hiking-3", "view", "", "2026-02-03T10:00:00Z"),
)
"""No customer, no item, a day that does not exist, a rating in letters, the same row twice."""


def items() -> list[Row]:
    rng = np.random.default_rng(1)
    return [
        (
            f"{name}-{number}",
            title[0].upper() + title[1:],
            name,
            int(rng.integers(4, 120)),
            f"{title}, {name} shelf",
        )
        for name, titles in DEPARTMENTS.items()
        for number, title in enumerate(titles.split(", "), 1)
    ]


def events(n_customers: int = 300) -> list[Row]:
    """Customers look at about fifteen things, one after the other along the shelf."""
    rng = np.random.default_rng(2)
    rows: list[Row] = []
    for customer in range(n_customers):
        taste, passing = rng.choice(list(DEPARTMENTS), 2, replace=False)
        at = START + timedelta(minutes=int(rng.integers(60 * 24 * 60)))
        place = int(rng.integers(10))
        for _ in range(int(rng.integers(8, 22))):
            department = taste if rng.random() < 0.8 else passing
            place = (place + int(rng.choice([1, 1, 2, 3, 9]))) % 10
            kind = str(rng.choice(["view", "view", "cart", "purchase", "rating"]))
            value = {"purchase": 1, "rating": int(rng.integers(3, 6))}.get(kind, "")
            rows.append(
                (f"c{customer:03}", f"{department}-{place + 1}", kind, value, f"{at:%Y-%m-%dT%H:%M:%SZ}")
            )
            at += timedelta(minutes=int(rng.integers(2, 60 * 24 * 2)))
    return [*rows[:100], *BROKEN, *rows[100:]]


def write_shop(folder: str | Path) -> None:
    """Both files, into a folder that need not exist."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    write(Path(folder) / "events.csv", "customer product action value time", events())
    write(Path(folder) / "items.csv", "product title department price description", items())


def write(path: Path, head: str, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head.split(), *rows])
    print(f"{path}: {len(rows):,} rows")


if __name__ == "__main__":
    write_shop(sys.argv[1] if len(sys.argv) > 1 else ".")
