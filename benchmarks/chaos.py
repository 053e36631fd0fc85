"""Whether money code survives its nights: many runs, while a seeded monkey breaks everything.

    python benchmarks/chaos.py [--runs 30] [--minutes 3] [--seed 1] [--keep DIRECTORY]

A real nats-server, the emulated API server, each service a process of its own and a second replica
of two of them. Prints what was done and what was checked, and exits 1 on any violation. The seed
decides what is done, the machine decides when: a red seed is likely, not certain, to be red again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from chaos_checks import Evidence, Line, Verdict, judge, told_in
from chaos_monkey import Monkey
from chaos_runs import FATES, NAMESPACE, Cast, a_metric, a_rule, cast

from crossfade.events import envelope, subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.connecting import Connection, connection
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings
from crossfade_lab.broker import Broker
from crossfade_lab.cluster import CRDS, ApiServer
from crossfade_lab.crew import SERVICES, Crew

DEFINITIONS = Path(__file__).parents[1] / "deploy/crds"
RULES = "networking.istio.io/v1beta1/virtualservices"
PHASE_SECONDS = 40
ACTION_SECONDS = 30
QUIET_SECONDS = 3.0
"""How long no run must be open before a night is over."""
SETTLING_SECONDS = 6.0
"""For what comes late: the last sentence, or an effect that should not be."""
POLL_SECONDS = 0.5


class Chaos:
    """`await Chaos(...).run()`: a world, its runs, the monkey in it, and the verdict."""

    def __init__(self, directory: Path, runs: int, seconds: float, seed: int) -> None:
        self.directory, self.seconds = directory, seconds
        self.dice = random.Random(seed)
        self.notes = directory / "notes"
        self.notes.mkdir()
        self.cast = cast(self.dice, runs, self.notes)
        self.broker = Broker(directory / "nats")
        self.cluster = ApiServer()
        self.megabytes: dict[str, float] = {}
        self.settled_seconds = 0.0

    async def run(self) -> tuple[Verdict, Monkey]:
        """Set up, let the monkey loose, wait for the end of every run, judge."""
        async with self.broker, self.cluster:
            await self.cluster.apply(CRDS, DEFINITIONS, *map(a_metric, FATES))
            await self.cluster.apply(*map(a_rule, sorted({one.rule for one in self.cast})))
            bus = BusSettings(url=self.broker.url)
            await bootstrap(bus)
            opened = connection(bus, "chaos")
            await opened.open()
            second = ["actuator", self.dice.choice(("collector", "analyzer", "notifier"))]
            async with self._crew("first", SERVICES) as a, self._crew("second", second) as b:
                monkey = Monkey(self.dice, self.broker, self.cluster, [a, b], opened, self.cast)
                await self._play(monkey)
                await self._settle(monkey)
                evidence = await self._gather(monkey)
            await opened.close()
        return judge(evidence), monkey

    def _crew(self, name: str, services: Any) -> Crew:
        kubeconfig = self.cluster.kubeconfig(path=self.directory / "kubeconfig")
        settings = {
            "CROSSFADE_BUS__URL": self.broker.url,
            "CROSSFADE_CLUSTER__KUBECONFIG": str(kubeconfig),
            "CROSSFADE_ACTUATOR__ACTIONS": "process",
            "CROSSFADE_ACTUATOR__PHASE_SECONDS": str(PHASE_SECONDS),
            "CROSSFADE_ACTUATOR__ACTION_SECONDS": str(ACTION_SECONDS),
        }
        return Crew(self.directory / name, settings, services)

    async def _play(self, monkey: Monkey) -> None:
        """Start runs over the first half, and break things all the time."""
        until = time.monotonic() + self.seconds
        watching = asyncio.create_task(self._weigh(monkey.crews))
        starting = asyncio.create_task(self._start(monkey))
        try:
            await monkey.rage(until)
            await starting
        finally:
            starting.cancel()
            watching.cancel()

    async def _start(self, monkey: Monkey) -> None:
        pause = self.seconds / 2 / len(self.cast)
        for number, one in enumerate(self.cast):
            await (monkey.create(one) if number % 3 else monkey.start(one))
            await asyncio.sleep(pause)

    async def _weigh(self, crews: list[Crew]) -> None:
        while True:
            for name, member in ((n, m) for crew in crews for n, m in crew.members.items()):
                found = megabytes(member.pid)
                self.megabytes[name] = max(found, self.megabytes.get(name, 0.0))
            await asyncio.sleep(2.0)

    def bound_seconds(self) -> float:
        """How long the longest queue may take once nothing breaks any more."""
        queues: Counter[str] = Counter()
        for one in self.cast:
            alone = one.interval * (one.iterations + 4) + ACTION_SECONDS
            queues[one.target] += alone
        return PHASE_SECONDS + max(queues.values())

    async def _settle(self, monkey: Monkey) -> None:
        """Peace: whoever is paused may go on; wait until no run is open, or the bound."""
        began = quiet = time.monotonic()
        runs = NatsStore(monkey.opened, subjects.RUNS)
        while time.monotonic() - began < self.bound_seconds():
            open_ones = await runs.keys("open.*")
            if open_ones or set(monkey.statuses().values()) != {"Completed"}:
                quiet = time.monotonic()
            if time.monotonic() - quiet > QUIET_SECONDS:
                break
            for key in open_ones:
                await self._resume(runs, monkey, key.partition(".")[2])
            await asyncio.sleep(POLL_SECONDS)
        self.settled_seconds = quiet - began
        await asyncio.sleep(SETTLING_SECONDS)

    async def _resume(self, runs: NatsStore, monkey: Monkey, uid: str) -> None:
        entry = await runs.get(subjects.state_key(uid))
        state = orjson.loads(entry.value) if entry else {}
        if state.get("paused"):
            await monkey.ask("resume", name=state["name"], uid=uid)

    async def _gather(self, monkey: Monkey) -> Evidence:
        runs = NatsStore(monkey.opened, subjects.RUNS)
        keys = await runs.keys()
        values = {key: entry.value for key in keys if (entry := await runs.get(key))}
        states = {
            k.partition(".")[0]: orjson.loads(v)
            for k, v in values.items()
            if k.endswith(".state")
        }
        return Evidence(
            lines=await read_log(monkey.opened),
            keys=keys,
            queues={
                k: [place["uid"] for place in orjson.loads(v)["queue"]]
                for k, v in values.items()
                if k.startswith("target.")
            },
            rules={one.rule: self._weights(one) for one in self.cast},
            observed={uid: state["observed"] for uid, state in states.items()},
            told=[
                line
                for file in sorted(self.directory.glob("*/notifier.log"))
                for line in told_in(file.read_bytes())
            ],
            monkey=monkey,
            statuses=monkey.statuses(),
            megabytes=self.megabytes,
            given_up=[
                member.name
                for crew in monkey.crews
                for member in crew.members.values()
                if member.task is None or member.task.done()
            ],
        )

    def _weights(self, one: Cast) -> tuple[int, ...]:
        rule = self.cluster.get(RULES, NAMESPACE, one.rule)
        return tuple(route["weight"] for route in rule["spec"]["http"][0]["route"])


async def read_log(opened: Connection) -> list[Line]:
    """Every message of the log as it is stored."""
    subscription = await opened.js.subscribe(
        "crossfade.event.>", stream=subjects.EVENTS, ordered_consumer=True
    )
    found: list[Line] = []
    while True:
        message = await subscription.next_msg(timeout=10)
        event = envelope.read(message.headers or {}, message.data)
        meta = message.metadata
        if event is not None:
            at = meta.timestamp.timestamp()
            found.append(Line(meta.sequence.stream, at, event.id, message.data, event))
        if not meta.num_pending:
            break
    await subscription.unsubscribe()
    return found


def megabytes(pid: int | None) -> float:
    """Resident memory of a process; 0 for one that is not there."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if pid is not None:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def report(chaos: Chaos, verdict: Verdict, monkey: Monkey) -> None:
    """Print what was done, what was checked, and what was violated."""
    print("done by the monkey")
    for what, count in sorted(monkey.did.items()):
        print(f"  {what:48} {count:6}")
    print("checked")
    for what, count in verdict.counts.items():
        bad = sum(1 for text in verdict.violations if text.startswith(f"{what}: "))
        print(f"  {what:48} {count:6}{f'  {bad} VIOLATED' if bad else ''}")
    for name, most in chaos.megabytes.items():
        print(f"  {name:48} {most:6.0f} MB at most")
    bound = chaos.bound_seconds()
    print(f"  all over after {chaos.settled_seconds:.0f} s of peace, at most {bound:.0f} s")
    for text in verdict.violations:
        print(f"VIOLATED {text[:1200]}")


def main() -> None:
    """Read the arguments, let it happen, say how it was; exits 1 on a violation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave logs and store in this new directory")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=True)
        chaos = Chaos(directory, asked.runs, asked.minutes * 60, asked.seed)
        verdict, monkey = asyncio.run(chaos.run())
        report(chaos, verdict, monkey)
    sys.exit(1 if verdict.violations else 0)


if __name__ == "__main__":
    main()
