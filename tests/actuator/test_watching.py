"""Watching Experiments: what is queued, and what an API server's bad days change about it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from tests.actuator.stands import Stand

from crossfade.errors import Unreachable
from crossfade.resources.yaml import load_documents
from crossfade.runtime.service import Command
from crossfade_actuator.watching import Watcher

IRIS = Path(__file__).parents[2] / "deploy/examples/iris-single"


def an_experiment(name="exp"):
    found = load_documents((IRIS / "experiment.yaml").read_text())[0]
    return found | {"metadata": {"name": name, "namespace": "default"}}


@dataclass
class Queue:
    """The command queue: once per id; `away` for as many calls."""

    kept: dict = field(default_factory=dict)
    away: int = 0

    async def command(self, verb, body, id):
        if self.away:
            self.away -= 1
            raise Unreachable("the broker is away")
        self.kept.setdefault(id, (verb, orjson.loads(body)))

    def verbs(self):
        return [verb for verb, _ in self.kept.values()]

    async def holds(self, count):
        async with asyncio.timeout(10):
            while len(self.kept) < count:
                await asyncio.sleep(0.02)


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
async def watchers(cluster, queue):
    tasks = [asyncio.create_task(Watcher(cluster, queue).watch()) for _ in range(3)]
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_three_watchers_queue_one_start_whose_id_is_uid_and_generation(
    server, queue, watchers
):
    [made] = await server.apply(an_experiment())
    await queue.holds(1)
    await asyncio.sleep(0.2)
    uid = made["metadata"]["uid"]
    assert list(queue.kept) == [f"{uid}/1"]
    verb, body = queue.kept[f"{uid}/1"]
    assert (verb, body["metadata"]["uid"]) == ("start-experiment", uid)
    assert "status" not in body


async def test_a_deleted_experiment_is_told_once(server, queue, watchers):
    [made] = await server.apply(an_experiment())
    await queue.holds(1)
    await server.delete("Experiment", "default", "exp")
    await queue.holds(2)
    uid = made["metadata"]["uid"]
    assert queue.kept[f"{uid}/deleted"] == ("deleted", {"uid": uid})


async def test_an_annotation_is_a_command(server, queue, watchers):
    await server.apply(an_experiment())
    await queue.holds(1)
    texts = ("abort", "promote\n iris-v2 ", "no.such * verb > ü", "")
    for orders, text in enumerate(texts, start=1):
        asked = an_experiment()
        asked["metadata"]["annotations"] = {"crossfade.io/command": text}
        await server.apply(asked)
        await queue.holds(1 + orders)
    bodies = [body for verb, body in queue.kept.values() if verb == "annotation"]
    assert {body["requestedBy"] for body in bodies} == {"annotation crossfade.io/command"}
    assert [body["asked"] for body in bodies] == [
        "abort",
        "promote iris-v2",
        "no.such * verb > ü",
        "",
    ]
    assert queue.verbs() == ["start-experiment", *["annotation"] * 4]


@pytest.mark.parametrize("plane", ["emulator"], indirect=True)
async def test_an_experiment_too_large_for_the_broker_is_told_and_holds_up_no_other(
    server, queue, watchers
):
    large = an_experiment("large")
    large["spec"] = large["spec"] | {"criteria": {"strength": {"x": "y" * 1_100_000}}}
    [made] = await server.apply(large)
    await server.apply(an_experiment("next"))
    await queue.holds(2)
    body = queue.kept[f"{made['metadata']['uid']}/1"][1]

    assert body["leftOut"] > 1_100_000
    assert len(orjson.dumps(body)) < 1000
    stand = Stand(catalog=object())
    uid = made["metadata"]["uid"]
    command = Command("start-experiment", f"{uid}/1", orjson.dumps(body))
    await stand.actuator.obey(command)
    await stand.settled()
    failed = (await stand.state(uid)).condition("Failed")
    assert failed.reason == "InvalidExperiment"
    assert re.fullmatch(
        r"found 110\d{4} bytes; right would be an Experiment of at most 512000 bytes",
        failed.message,
    )


async def test_a_status_asks_for_nothing(server, cluster, queue, watchers):
    [made] = await server.apply(an_experiment())
    await queue.holds(1)
    await cluster.patch_status("default", "exp", made["metadata"]["uid"], {"stage": "Running"})
    await asyncio.sleep(0.2)
    assert queue.verbs() == ["start-experiment"]


async def test_a_run_that_is_over_is_not_begun_again_by_a_new_watcher(server, cluster, queue):
    [made] = await server.apply(an_experiment())
    over = [{"type": "Completed", "status": "True", "reason": "ExperimentCompleted"}]
    uid = made["metadata"]["uid"]
    await cluster.patch_status("default", "exp", uid, {"conditions": over})
    await server.apply(an_experiment("other"))
    task = asyncio.create_task(Watcher(cluster, queue).watch())
    await queue.holds(1)
    task.cancel()
    assert [body["metadata"]["name"] for _, body in queue.kept.values()] == ["other"]


@pytest.mark.parametrize("plane", ["emulator"], indirect=True)
async def test_what_happens_while_the_api_is_away_is_seen_after_it(server, queue, watchers):
    await server.apply(an_experiment())
    await queue.holds(1)
    await server.stop()
    await server.delete("Experiment", "default", "exp")
    await server.apply(an_experiment("next"))
    server.forget()
    await server.start()
    await queue.holds(3)
    assert sorted(queue.verbs()) == ["deleted", "start-experiment", "start-experiment"]


async def test_a_broker_that_is_away_loses_no_experiment(server, queue, watchers):
    queue.away = 4
    await server.apply(an_experiment())
    await queue.holds(1)
    assert queue.verbs() == ["start-experiment"]


async def test_a_list_that_is_older_than_a_watch_ends_no_run(
    server, cluster, queue, monkeypatch
):
    [made] = await server.apply(an_experiment())
    watcher = Watcher(cluster, queue)
    await watcher._noticed(made)

    listed = asyncio.Event()

    async def stale(self):
        listed.set()
        return [], "0"

    monkeypatch.setattr(type(cluster), "list_experiments", stale)
    task = asyncio.create_task(watcher.watch())
    await listed.wait()
    await asyncio.sleep(0.2)
    task.cancel()
    assert queue.verbs() == ["start-experiment"]
