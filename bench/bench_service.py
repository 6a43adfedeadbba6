"""The service under load, from another process, and a plain stack in the same run.

    python bench/bench_service.py recommend|events|fresh|item|memory|start|all
        [--set small|ml-1m|synthetic] [--workers 2] [--work FOLDER] [--seconds 15] [--json FILE]
    python bench/bench_service.py turns --work FOLDER --against SRC --against-work FOLDER

The load comes at a fixed pace and its latency counts from the moment that a request was due, so a stall is
charged for everybody who would have come meanwhile. Users are drawn by Zipf. The project is built once in
--work (a temporary folder without it; the fit takes minutes). The plain stack needs fastapi; --no-plain
leaves it out. `turns` asks two versions of the code by turns: this one, and the one in the folder SRC.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from load import Answer, Client, Load, callers, paced
from service_targets import SETS, Target, built, plain_stack, service, slope_mib

from zhiyin.data.dataset import Dataset

P99_MS = 100.0
CONNECTIONS = 16
TURNS = 20
RUN = secrets.token_hex(4)
"""In the ids of this run's events and items, so that the next run sends new ones."""
Figures = dict[str, Any]


class Bench:
    """The commands; each returns its figures for one target."""

    def __init__(self, args: argparse.Namespace, project: Path) -> None:
        self.args, self.project = args, project
        data = Dataset.load(project / "data")
        self.users, self.items = list(data.users), list(data.items.ids)
        self.titles = list(data.items.titles)
        rng = np.random.default_rng(args.seed)
        weights = (np.arange(len(self.users)) + 10.0) ** -0.9
        order = rng.permutation(len(self.users))
        drawn = rng.choice(len(self.users), 200_000, p=weights / weights.sum())
        self.zipf = [self.users[code] for code in order[drawn]]
        self.sent = 0

    def user(self, k: int) -> str:
        return self.zipf[k % len(self.zipf)]

    # -- recommend ---------------------------------------------------------------------------------

    async def recommend(self, target: Target) -> Figures:
        """Latency at 100/s, then the highest pace that 99 of 100 get their answer within 100 ms."""
        seconds = self.args.seconds
        await self.at(target, 30, min(5.0, seconds))  # warm
        spent = target.cpu_s()
        calm = await self.at(target, 100, 2 * seconds)
        spent = target.cpu_s() - spent
        self.say(f"{target.name} at 100/s", calm)
        highest = await self.highest(target, seconds)
        return {
            "p50 at 100/s, ms": calm.ms(0.5), "p99 at 100/s, ms": calm.ms(0.99),
            "processor time of an answer at 100/s, ms": 1e3 * spent / max(1, calm.ok),
            f"requests/s with p99 <= {P99_MS:g} ms": highest.per_s, "p99 there, ms": highest.ms(0.99),
        }  # fmt: skip

    async def at(self, target: Target, per_s: float, seconds: float) -> Load:
        client, base = Client(target.port, key=target.key), random.randrange(100_000)
        await client.open(CONNECTIONS)
        try:
            return await paced(
                client, lambda k: target.recommend(self.user(base + k)), per_s=per_s, seconds=seconds
            )
        finally:
            client.close()

    async def turns(self, targets: Sequence[Target]) -> None:
        """Two services by turns at 100/s: a machine that changes its speed changes it for both."""
        spent: list[list[float]] = [[], []]
        waits: list[list[float]] = [[], []]
        for number in range(TURNS + 1):
            for place, target in enumerate(targets):
                before = target.cpu_s()
                load = await self.at(target, 100, 3.0)
                if number:  # the first is to get warm
                    spent[place].append(1e3 * (target.cpu_s() - before) / max(1, load.ok))
                    waits[place].append(load.ms(0.5))
        for name, found in (("processor time of an answer", spent), ("p50", waits)):
            ratios = np.array(found[0]) / np.array(found[1])
            low, high = np.quantile(ratios, [0.25, 0.75])
            one, two = np.median(found, axis=1)
            ratio = f"{np.median(ratios):.2f} [{low:.2f}, {high:.2f}]"
            print(f"| {name} at 100/s, ms | {one:.2f} | {two:.2f} | {ratio} |")

    async def highest(self, target: Target, seconds: float) -> Load:
        """Doubling, then halving the gap until it is below 5 %. A pace that failed gets a second try:
        once may be the neighbours' fault."""
        good, low, asked, high = Load(), 0.0, 50.0, 0.0
        while not high or high - low > max(2.0, 0.05 * high):
            for _ in range(2):
                load = await self.at(target, asked, seconds)
                self.say(f"{target.name} at {asked:.0f}/s", load)
                if load.holds(P99_MS):
                    break
                await asyncio.sleep(1.0)
            if load.holds(P99_MS):
                good, low = load, asked
            else:
                high = asked
            asked = (low + high) / 2 if high else 2 * low
        return good

    # -- events ------------------------------------------------------------------------------------

    def batch(self, n: int) -> list[dict[str, str]]:
        self.sent += n
        return [
            {"event_id": f"{RUN}-{k}", "user": self.user(k), "item": self.item(k), "kind": "click"}
            for k in range(self.sent - n, self.sent)
        ]  # fmt: skip

    def item(self, k: int) -> str:
        return self.items[k * 7919 % len(self.items)]

    async def events(self, target: Target) -> Figures:
        """Durable events a second: batches of 100 from 4 callers, single ones from 16."""
        client = Client(target.port, key=target.key)

        async def many(caller: int, k: int) -> Answer:
            return await client.ask(*target.events(self.batch(100)))

        async def single(caller: int, k: int) -> Answer:
            return await client.ask(*target.events(self.batch(1)[0]))

        await callers(4, many, seconds=2)
        batches = await callers(4, many, seconds=self.args.seconds)
        self.say(f"{target.name} batches of 100", batches)
        singles = await callers(16, single, seconds=self.args.seconds)
        self.say(f"{target.name} single, 16 callers", singles)
        client.close()
        return {
            "events/s in batches of 100": 100 * batches.per_s, "events/s single": singles.per_s,
            "p99 of a batch, ms": batches.ms(0.99), "p99 of a single one, ms": singles.ms(0.99),
        }  # fmt: skip

    # -- fresh -------------------------------------------------------------------------------------

    async def fresh(self, target: Target) -> Figures:
        """The first of a user's list is chosen over one connection; over another it must be gone at once."""
        client = Client(target.port, key=target.key)
        connections = [await client.connect() for _ in range(16)]
        stale: list[str] = []
        waits: list[float] = []
        trials = self.args.trials

        async def pair(number: int) -> None:
            """Two connections of its own, which belong to any two workers."""
            there, here = connections[2 * number], connections[2 * number + 1]
            for trial in range(number, trials, len(connections) // 2):
                user = self.users[trial * 7919 % len(self.users)]
                first = target.items((await client.talk(here, *target.recommend(user))).body)
                if not first:
                    continue
                event = {"event_id": f"{RUN}-f{trial}", "user": user, "item": first[0], "kind": "click"}
                answer = await client.talk(there, *target.events(event))
                assert answer.status == 200, answer.body
                start = time.perf_counter()
                after = await client.talk(here, *target.recommend(user))
                waits.append(time.perf_counter() - start)
                if after.status != 200 or first[0] in target.items(after.body):
                    stale.append(user)

        await asyncio.gather(*(pair(number) for number in range(len(connections) // 2)))
        client.close()
        self.say(f"{target.name} fresh", f"{len(waits)} trials, {len(stale)} stale")
        return {"trials": len(waits), "events not seen by the next answer": len(stale)}

    # -- items -------------------------------------------------------------------------------------

    async def item_known(self, target: Target) -> Figures:
        """PUT a new item; ask every 5 ms, on connections of all workers, until a recommendation holds it."""
        if not target.ours:
            return {}
        client = Client(target.port, key=target.key)
        connections = [await client.connect() for _ in range(8)]
        seconds = []
        for number in range(self.args.new_items):
            like = self.titles[number * 31 % len(self.titles)]
            name = f"{RUN}-new{number}"
            body = {"title": like, "text": f"new and like {like}", "attributes": {"batch": name}}
            start = time.perf_counter()
            answer = await client.ask("PUT", f"/v1/items/{name}", msgspec.json.encode(body))
            assert answer.status == 200, answer.body
            await asyncio.gather(*(self.until_there(client, one, name) for one in connections))
            seconds.append(time.perf_counter() - start)
        client.close()
        p50, p99 = np.quantile(seconds, [0.5, 0.99])
        self.say(f"{target.name} new items", f"p50 {p50:.3f} s, p99 {p99:.3f} s")
        return {"PUT to recommendable, p50 s": float(p50), "PUT to recommendable, p99 s": float(p99)}

    async def until_there(self, client: Client, connection: Any, name: str) -> None:
        body = msgspec.json.encode({"user": self.users[0], "filter": f'batch = "{name}"', "dry_run": True})
        for _ in range(6000):
            answer = await client.talk(connection, "POST", "/v1/recommend", body)
            if answer.status == 200 and any(
                line["id"] == name for line in msgspec.json.decode(answer.body)["items"]
            ):
                return
            await asyncio.sleep(0.005)
        raise SystemExit(f"{name} was not recommendable after half a minute: {answer.body[:300]!r}")

    # -- memory ------------------------------------------------------------------------------------

    async def memory(self, target: Target) -> Figures:
        """Lists at 60/s and events at 40/s; memory of every worker every two seconds."""
        client, seconds = Client(target.port, key=target.key), 60.0 * self.args.minutes
        samples: list[tuple[float, list[float]]] = []
        begin = time.perf_counter()

        def mixed(k: int) -> tuple[str, str, bytes]:
            return target.events(self.batch(1)[0]) if k % 5 < 2 else target.recommend(self.user(k))

        async def watch() -> None:
            while True:
                samples.append((time.perf_counter() - begin, target.rss_mib()))
                await asyncio.sleep(2)

        watching = asyncio.create_task(watch())
        load = await paced(client, mixed, per_s=100, seconds=seconds)
        watching.cancel()
        client.close()
        self.say(f"{target.name} mixed for {self.args.minutes:g} min", load)
        whole = [sample for sample in samples if len(sample[1]) == len(samples[0][1])]
        slopes = [slope_mib([(at, sizes[place]) for at, sizes in whole]) for place in range(len(whole[0][1]))]
        return {
            "worker at the start, MiB": max(samples[0][1]), "worker at the end, MiB": max(samples[-1][1]),
            "MiB in 10 minutes": max(slopes), "p99 meanwhile, ms": load.ms(0.99),
        }  # fmt: skip

    # -- start -------------------------------------------------------------------------------------

    async def start(self, target: Target) -> Figures:
        """Taken when the target was started, with its store filled."""
        return {"start to ready, s": target.start_s}

    # -- parts -------------------------------------------------------------------------------------

    def say(self, what: str, said: object) -> None:
        print(f"  {what:32} {said}", file=sys.stderr, flush=True)


COMMANDS: dict[str, Callable[[Bench, Target], Any]] = {
    "start": Bench.start, "recommend": Bench.recommend, "events": Bench.events, "fresh": Bench.fresh,
    "item": Bench.item_known, "memory": Bench.memory,
}  # fmt: skip


def main() -> None:
    args = arguments()
    if args.command == "turns":
        return by_turns(args)
    with folder(args.work) as work:
        bench = Bench(args, built(work, args.set))
        chosen = list(COMMANDS) if args.command == "all" else [args.command]
        figures = {"zhiyin": measured(bench, service, chosen)}
        if not args.no_plain:
            figures["plain stack"] = measured(bench, plain_stack, chosen)
    show(args, figures)


def by_turns(args: argparse.Namespace) -> None:
    project, other = (built(Path(work), args.set) for work in (args.work, args.against_work))
    bench, code = Bench(args, project), Path(args.against)
    with service(project, args.workers) as ours, service(other, args.workers, code=code) as theirs:
        print("| | this code | the other | ratio [quartiles] |\n|---|---|---|---|")
        asyncio.run(bench.turns((ours, theirs)))


def measured(bench: Bench, start: Callable[..., Any], chosen: list[str]) -> Figures:
    """All commands on one target; one that has just loaded its data is started once more before."""
    found: Figures = {}
    loaded = (bench.project / ("store.db" if start is service else "plain.npz")).exists()
    if not loaded:
        with start(bench.project, bench.args.workers) as target:
            found["first start, s"] = target.start_s
    with start(bench.project, bench.args.workers) as target:
        for command in chosen:
            found |= asyncio.run(COMMANDS[command](bench, target))
        found["largest worker at the end, MiB"] = max(target.rss_mib())
    return found


def show(args: argparse.Namespace, figures: dict[str, Figures]) -> None:
    """A table in the form of RESULTS.md, and all of it as JSON."""
    ours, plain = figures["zhiyin"], figures.get("plain stack", {})
    print(f"\n`{' '.join(['python', *sys.argv])}` ({time.strftime('%Y-%m-%d')}, seed {args.seed})\n")
    print(f"| {args.set}, {args.workers} workers | zhiyin | plain stack | ratio |\n|---|---|---|---|")
    for name, value in ours.items():
        other = plain.get(name)
        ratio = f"{value / other:.2f}" if other else ""
        print(f"| {name} | {value:,.4g} | {'' if other is None else format(other, ',.4g')} | {ratio} |")
    if args.json:
        Path(args.json).write_text(
            json.dumps({"arguments": vars(args), "figures": figures}, indent=1, default=str)
        )


@contextmanager
def folder(given: str) -> Iterator[Path]:
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
        yield Path(given)
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=[*COMMANDS, "all", "turns"])
    parser.add_argument("--set", choices=SETS, default="ml-1m")
    parser.add_argument("--work", default="", help="keep what was built here")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0, help="of one measurement")
    parser.add_argument("--trials", type=int, default=10_000, help="of fresh")
    parser.add_argument("--new-items", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0, help="of memory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--against", default="", help="turns: the src folder of another version")
    parser.add_argument("--against-work", default="", help="turns: where its project was built")
    parser.add_argument("--no-plain", action="store_true")
    parser.add_argument("--json", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
