"""How many samples a second the analyzer takes from a real broker, state and all.

    python benchmarks/flow.py [--runs 1000] [--rounds 4] [--policy assured]

A real nats-server and the analyzer as a process of its own, as `crossfade run analyzer` starts it.
Each round publishes one sample of every run; it is over when every assessment is in the log. The
floor, measured in the same minute, is a bare nats-py client that fetches as many messages, writes
one state, publishes one answer of the same size for each, and acknowledges, sixteen at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
from assess import a_document, a_line
from nats.aio.msg import Msg

from crossfade.events import MetricSample, envelope, subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.connecting import Connection, connection
from crossfade.runtime.journal import Journal
from crossfade.settings import BusSettings
from crossfade_lab.broker import Broker
from crossfade_lab.crew import Crew

AT_ONCE = 256
PATIENCE = 120.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STATE_BYTES, ANSWER_BYTES = 2300, 4000


def samples(runs: int, iteration: int, of: int) -> list[MetricSample]:
    """One sample of every run."""
    made = (MetricSample.from_json(a_line(run, iteration, of)) for run in range(runs))
    return [sample.about("default", f"run-{i}") for i, sample in enumerate(made)]


async def keep_documents(opened: Connection, runs: int, policy: str, iterations: int) -> None:
    """What the actuator would have stored of every run."""
    store = await opened.js.key_value(subjects.RUNS)
    body = orjson.dumps(a_document(policy, iterations).to_json())
    for run in range(runs):
        await store.put(subjects.document_key(f"run-{run}", 1), body)


async def publish(opened: Connection, sent: Iterable[MetricSample]) -> None:
    """Publish samples as the collector does, many at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(sample: MetricSample) -> None:
        subject = subjects.event_subject(sample.kind, sample.namespace, sample.name)
        async with places:
            headers = envelope.headers(sample, "collector", sample.at)
            await opened.js.publish(subject, sample.body(), headers=headers)

    await asyncio.gather(*map(one, sent))


async def floor(opened: Connection, messages: int) -> float:
    """Messages a second that a bare client fetches, answers, notes and acknowledges."""
    state = await opened.js.key_value(subjects.STATE)
    for i in range(messages):
        await opened.js.publish(f"crossfade.deadletter.floor-{i}", b"x" * 1500)
    pulling = await opened.js.pull_subscribe(
        "crossfade.deadletter.>", stream=subjects.DEADLETTERS
    )
    done, began = 0, time.perf_counter()

    async def answer(message: Msg, number: int) -> None:
        await opened.js.publish("crossfade.event.incident.floor.floor", b"x" * ANSWER_BYTES)
        await state.put(f"floor.{number}", b"x" * STATE_BYTES)
        await message.ack()

    while done < messages:
        got = await pulling.fetch(AT_ONCE, timeout=5)
        await asyncio.gather(*(answer(message, done + i) for i, message in enumerate(got)))
        done += len(got)
    return messages / (time.perf_counter() - began)


async def judged(opened: Connection, runs: int, rounds: int, gone: list[asyncio.Event]) -> None:
    """Follow the log; set a round's event once every run was assessed in it."""
    left = [runs] * (rounds + 1)
    async for logged in Journal(opened).follow(kinds=("assessment",)):
        left[logged.event.iteration] -= 1
        if left[logged.event.iteration] == 0:
            gone[logged.event.iteration].set()


def cpu(pid: int | None) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident(pid: int | None) -> float:
    """Megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(asked: argparse.Namespace, directory: Path) -> None:
    """Build the world, send the rounds, print what was seen."""
    async with Broker(directory / "nats") as broker:
        bus = BusSettings(url=broker.url)
        await bootstrap(bus)
        opened = connection(bus, "benchmark")
        await opened.open()
        await keep_documents(opened, asked.runs, asked.policy, asked.rounds + 1)
        least = await floor(opened, asked.runs)
        print(f"floor     {least:8,.0f} messages/s")
        gone = [asyncio.Event() for _ in range(asked.rounds + 1)]
        following = asyncio.create_task(judged(opened, asked.runs, asked.rounds, gone))
        settings = {"CROSSFADE_BUS__URL": broker.url}
        async with Crew(directory / "crew", settings, ("analyzer",)) as crew:
            pid = crew.members["analyzer"].pid
            for k in range(1, asked.rounds + 1):
                sent = samples(asked.runs, k, asked.rounds + 1)
                spent, began = cpu(pid), time.perf_counter()
                await publish(opened, sent)
                await asyncio.wait_for(gone[k].wait(), PATIENCE)
                rate = asked.runs / (time.perf_counter() - began)
                each = 1000 * (cpu(pid) - spent) / asked.runs
                print(
                    f"round {k}   {rate:8,.0f} samples/s   {rate / least:5.2f} x floor   "
                    f"{each:5.2f} ms of CPU each   {resident(pid):4.0f} MB",
                    flush=True,
                )
        following.cancel()
        await opened.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--policy", choices=("iter8", "assured"), default="assured")
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(parser.parse_args(), Path(directory)))


if __name__ == "__main__":
    main()
