"""How late is each change of weights with a thousand experiments at once, through real services.

    python benchmarks/fleet.py [--runs 1000] [--interval 10] [--iterations 4]

A real nats-server, the emulated API server with one SeldonDeployment a run, and collector,
analyzer and actuator as processes of their own; metrics are mocks, so no back-end is measured. The
floor is what no design can avoid, measured before the runs begin: one acknowledged publish and one
patch of an object, by bare clients.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import orjson

from crossfade.events import Assessment, Event, MetricSample, WeightChange
from crossfade.resources.yaml import load_documents
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import Connection, connection
from crossfade.runtime.journal import Journal
from crossfade.settings import BusSettings
from crossfade_lab.broker import Broker
from crossfade_lab.cluster import CRDS, ApiServer, seldon_admission
from crossfade_lab.crew import Crew

EXAMPLE = Path(__file__).parents[1] / "deploy/examples/seldon-canary"
SERVICES = ("collector", "analyzer", "actuator")
AT_ONCE = 16
FLOOR_STEPS = 200
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Documents = list[dict[str, Any]]


def documents(name: str) -> Documents:
    """The documents of one file of the example."""
    return load_documents((EXAMPLE / name).read_text())


def an_experiment(run: int, interval: int, iterations: int) -> dict[str, Any]:
    """The example's Experiment about an object of its own, without actions."""
    (made,) = copy.deepcopy(documents("experiment.yaml"))
    made["metadata"]["name"] = f"fraud-{run}"
    spec = made["spec"]
    spec["target"] = f"fraud/fraud-{run}"
    del spec["strategy"]["actions"]
    spec["duration"] = {"intervalSeconds": interval, "iterationsPerLoop": iterations}
    for version in (spec["versionInfo"]["baseline"], *spec["versionInfo"]["candidates"]):
        version["weightObjRef"]["name"] = f"fraud-{run}"
    return made


def a_target(run: int) -> dict[str, Any]:
    """The SeldonDeployment of one run."""
    (made,) = [d for d in documents("target.yaml") if d["kind"] == "SeldonDeployment"]
    return made | {"metadata": {**made["metadata"], "name": f"fraud-{run}"}}


class Lags:
    """Seconds from each tick to what followed from it, by kind of event."""

    def __init__(self) -> None:
        self.by_kind: dict[str, list[float]] = defaultdict(list)
        self._ticks: dict[tuple[str, int], float] = {}
        self._seen: set[tuple[str, str, int]] = set()

    def note(self, event: Event, at: float) -> None:
        """Take an event that the log stored at a time."""
        if isinstance(event, MetricSample) and event.iteration:
            self._ticks[event.uid, event.iteration] = event.at.timestamp()
        if not isinstance(event, MetricSample | Assessment | WeightChange):
            return
        mark = (event.kind, event.uid, event.iteration)
        tick = self._ticks.get(mark[1:])
        if tick is not None and mark not in self._seen:
            self._seen.add(mark)
            self.by_kind[event.kind].append(at - tick)

    def at(self, kind: str, share: float) -> float:
        """A quantile of one kind's lags in seconds; nan where there are none."""
        found = sorted(self.by_kind[kind])
        return found[min(len(found) - 1, int(share * len(found)))] if found else float("nan")


async def floor(opened: Connection, api: Any) -> float:
    """Median seconds of one acknowledged publish and one patch of an object, one after another."""
    path = "/apis/machinelearning.seldon.io/v1/namespaces/fraud/seldondeployments/fraud-0"
    patch = {"metadata": {"annotations": {"floor": ""}}}
    took = []
    for step in range(FLOOR_STEPS):
        patch["metadata"]["annotations"]["floor"] = str(step)
        began = time.perf_counter()
        await opened.js.publish("crossfade.deadletter.floor", orjson.dumps(patch))
        await api.request("PATCH", path, patch, content_type="application/merge-patch+json")
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2]


async def start_all(opened: Connection, asked: argparse.Namespace) -> float:
    """Start every run at the request door; the seconds that took."""
    commander, metrics = NatsCommander(opened), documents("metrics-mock.yaml")
    metrics = [m for m in metrics if m["kind"] == "Metric"]

    async def start(run: int) -> None:
        experiment = an_experiment(run, asked.interval, asked.iterations)
        body = {"experiment": experiment, "metrics": metrics}
        answer = await commander.request("start-experiment", body)
        assert answer["accepted"], answer

    began = time.monotonic()
    await at_once(start, range(asked.runs))
    return time.monotonic() - began


async def at_once(
    work: Callable[[int], Coroutine[Any, Any, None]], over: Iterable[int]
) -> None:
    """Do something for each, sixteen at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: int) -> None:
        async with places:
            await work(item)

    await asyncio.gather(*(one(item) for item in over))


async def watch(opened: Connection, lags: Lags, runs: int) -> int:
    """Follow the log until every run is over; how many ended."""
    ended: set[str] = set()
    async for logged in Journal(opened).follow():
        lags.note(logged.event, logged.at.timestamp())
        if getattr(logged.event, "stage", "") == "Completed":
            ended.add(logged.event.uid)
        if len(ended) == runs:
            break
    return len(ended)


def used(pid: int | None) -> tuple[float, float]:
    """CPU seconds and resident megabytes of a process."""
    if pid is None:
        return float("nan"), float("nan")
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    cpu = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return cpu, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(asked: argparse.Namespace, directory: Path) -> None:
    """Build the world, run the fleet, print what was seen."""
    async with (
        Broker(directory / "nats") as broker,
        ApiServer(admission=[seldon_admission]) as cluster,
    ):
        kubeconfig = cluster.kubeconfig(path=directory / "kubeconfig")
        crds = EXAMPLE.parents[1] / "crds"
        others = [d for d in documents("target.yaml") if d["kind"] == "Namespace"]
        await cluster.apply(CRDS, crds, *others, *map(a_target, range(asked.runs)))
        settings = {
            "CROSSFADE_BUS__URL": broker.url,
            "CROSSFADE_CLUSTER__KUBECONFIG": str(kubeconfig),
        }
        bus = BusSettings(url=broker.url)
        await bootstrap(bus)
        opened = connection(bus, "benchmark")
        await opened.open()
        async with (
            cluster.client() as api,
            Crew(directory / "crew", settings, SERVICES) as crew,
        ):
            least = await floor(opened, api)
            lags = Lags()
            following = asyncio.ensure_future(watch(opened, lags, asked.runs))
            starting = await start_all(opened, asked)
            print(f"started {asked.runs} runs in {starting:.1f} s", flush=True)
            patience = asked.interval * (asked.iterations + 3) + starting + 60
            await asyncio.wait({following}, timeout=patience)
            report(asked, lags, least)
            for name, member in crew.members.items():
                cpu, megabytes = used(member.pid)
                print(f"{name:10} {cpu:6.1f} CPU s  {megabytes:6.0f} MB")
            print(f"ended      {following.result() if following.done() else 'not all'}")
            following.cancel()
        await opened.close()


def report(asked: argparse.Namespace, lags: Lags, least: float) -> None:
    """Print the lags beside the floor and the interval."""
    expected = asked.runs * asked.iterations
    print(f"floor: one publish and one patch {least * 1000:.1f} ms")
    for kind in ("metric-sample", "assessment", "weight-change"):
        half, most = lags.at(kind, 0.5), lags.at(kind, 0.99)
        print(
            f"tick to {kind:13} p50 {half * 1000:6.0f} ms ({half / least:5.1f} x floor)  "
            f"p99 {most * 1000:6.0f} ms ({most / asked.interval:5.2f} of the interval)  "
            f"{len(lags.by_kind[kind])} of at most {expected}"
        )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=4)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(parser.parse_args(), Path(directory)))


if __name__ == "__main__":
    main()
