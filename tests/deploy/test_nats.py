"""NATS: the server accepts the files, and the services need exactly what the permissions give."""

import asyncio
import json
import logging
import os
import re
import subprocess

import nats
import pytest

from crossfade.errors import Missing
from crossfade.events import CATALOGUE, subjects
from crossfade.runtime import children
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import connection
from crossfade.runtime.stores import NatsStore
from crossfade.runtime.topology import DURABLES
from crossfade.settings import BusSettings, ConsoleSettings, Settings
from crossfade_cli.run import MAKERS, a_bus
from crossfade_lab.broker import find_nats_server

USERS = ("bootstrap", *MAKERS, "operator")
PASSWORDS = {f"NATS_{user.upper()}_PASSWORD": f"secret-of-{user}" for user in USERS}
ENVIRONMENT = (
    os.environ | PASSWORDS | {"NATS_SERVER_NAME": "nats-0", "NATS_TOKEN": "t0123456789"}
)


@pytest.fixture(scope="module")
def server():
    try:
        return find_nats_server()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", ["nats.conf", "compose.conf"])
def test_the_server_accepts_the_file(name, server, root):
    done = subprocess.run(
        [server, "-t", "-c", root / "deploy/nats" / name],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr


def test_no_password_stands_in_a_file(root):
    for file in (root / "deploy/nats").glob("*.conf"):
        for found in re.findall(r"(?:password|token):\s*(\S+)", file.read_text()):
            assert found.startswith("$NATS_"), file


def granted(root):
    """The quoted subjects of each user, comments left out."""
    text = re.sub(r"#.*", "", (root / "deploy/nats/nats.conf").read_text())
    parts = re.split(r"\{ user: (\w+)", text)[1:]
    return {
        user: set(re.findall(r'"([^"]+)"', rest))
        for user, rest in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_service_may_read_its_own_durables_and_no_others(root):
    users = granted(root)
    for service, durables in DURABLES.items():
        verbs = ("INFO", "MSG.NEXT")
        wanted = {f"$JS.API.CONSUMER.{v}.{d.stream}.{d.name}" for d in durables for v in verbs}
        wanted |= {f"$JS.ACK.{d.stream}.{d.name}.>" for d in durables}
        pulls = {s for s in users[service] if "MSG.NEXT" in s or s.startswith("$JS.ACK")}
        assert pulls == {s for s in wanted if ".INFO." not in s}
        assert wanted <= users[service]


def test_a_door_is_opened_by_one_service(root):
    users, unopened = granted(root), connection(BusSettings(), "test")
    assert "crossfade.request.replay" in users["analyzer"]
    for verb in (*subjects.VERBS, *subjects.QUESTIONS):
        behind = {
            name
            for name, make in MAKERS.items()
            if any(r.verb == verb for r in make(Settings(), unopened).requests())
        }
        assert len(behind) == 1, verb


def test_a_state_has_one_writer_and_a_kind_of_event_one_author(root):
    users = granted(root)
    for service in MAKERS:
        written = {s for s in users[service] if s.startswith("$KV.crossfade_state.")}
        assert written <= {f"$KV.crossfade_state.{service}.>"}
        assert ("$KV.crossfade_runs.>" in users[service]) == (service == "actuator")
    for kind in set(CATALOGUE) - {"incident"}:
        authors = [u for u in users if f"crossfade.event.{kind}.>" in users[u]]
        assert len(authors) == 1, kind


EXPERIMENT = {
    "apiVersion": "iter8.tools/v2alpha2",
    "kind": "Experiment",
    "metadata": {"name": "e", "namespace": "ns"},
    "spec": {
        "target": "t",
        "strategy": {"testingPattern": "Conformance", "deploymentPattern": "FixedSplit"},
        "versionInfo": {"baseline": {"name": "a"}},
        "criteria": {"objectives": [{"metric": "m", "upperLimit": 5}]},
        "duration": {"intervalSeconds": 1, "iterationsPerLoop": 2},
    },
}
METRIC = {
    "apiVersion": "iter8.tools/v2alpha2",
    "kind": "Metric",
    "metadata": {"name": "m", "namespace": "ns"},
    "spec": {"type": "Gauge", "mock": [{"name": "a", "level": "3"}]},
}


@pytest.fixture
async def guarded(tmp_path, server, root):
    """A server with the real permissions; gives the URL of a user."""
    text = (root / "deploy/nats/nats.conf").read_text()
    text = text.replace(
        "listen: 0.0.0.0:4222", f'listen: 127.0.0.1:-1\nports_file_dir: "{tmp_path}"'
    )
    text = text.replace("http: 0.0.0.0:8222", "http: 127.0.0.1:-1")
    text = text.replace("store_dir: /data", f'store_dir: "{tmp_path}/store"')
    (tmp_path / "nats.conf").write_text(text)
    child = await children.spawn(
        [str(server), "-c", str(tmp_path / "nats.conf"), "-l", str(tmp_path / "log")],
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        address = await ports(tmp_path)
        yield lambda user: f"nats://{user}:secret-of-{user}@{address}"
    finally:
        await children.end(child)


async def ports(folder):
    for _ in range(500):
        for file in folder.glob("*.ports"):
            try:
                return json.loads(file.read_text())["nats"][0].removeprefix("nats://")
            except ValueError:
                break
        await asyncio.sleep(0.01)
    raise AssertionError("the server did not start: " + (folder / "log").read_text())


async def test_the_five_services_carry_an_experiment_to_its_end_within_their_permissions(
    guarded, caplog
):
    caplog.set_level(logging.INFO)
    await bootstrap(BusSettings(url=guarded("bootstrap")))
    buses = [
        a_bus(
            name, Settings(bus=BusSettings(url=guarded(name)), console=ConsoleSettings(port=0))
        )
        for name in MAKERS
    ]
    started = []
    try:
        for bus in buses:
            await bus.start()
            started.append(bus)
        async with asyncio.timeout(30):
            stages = await run_once(guarded("operator"))
        await ask_and_list({bus.service.name: bus.connection for bus in buses})
        assert stages[-1]["stage"] == "Completed"
        assert stages[-1]["reason"] == "ExperimentCompleted", stages[-1]
    finally:
        for bus in reversed(started):
            await bus.stop()
    violations = [r.error for r in caplog.records if "ermissions" in str(vars(r).get("error"))]
    assert violations == []


async def ask_and_list(connections):
    """What one short run does not do: buttons, and looking through every open run."""
    about = {"namespace": "ns", "name": "nobody"}
    for name in ("notifier", "console"):
        answer = await NatsCommander(connections[name]).request("abort", about)
        assert answer["accepted"] is False
    whatif = {"namespace": "ns", "name": "e", "change": {"policy": "assured"}}
    answer = await NatsCommander(connections["console"]).request("replay", whatif)
    assert (answer["accepted"], len(answer["asked"]["moments"])) == (True, 2), answer
    assert await NatsStore(connections["actuator"], subjects.RUNS).keys("*.state")


async def run_once(url):
    """The stage changes of one experiment, started and followed by an operator."""
    client = await nats.connect(url)
    try:
        watch = await client.jetstream().subscribe(
            subjects.event_subject("stage-change", "ns", "e"),
            stream=subjects.EVENTS,
            ordered_consumer=True,
        )
        body = json.dumps({"experiment": EXPERIMENT, "metrics": [METRIC]}).encode()
        reply = await client.request(
            subjects.request_subject("start-experiment"), body, timeout=5
        )
        assert json.loads(reply.data)["accepted"], reply.data
        stages = []
        while not stages or stages[-1]["stage"] != "Completed":
            stages.append(json.loads((await watch.next_msg(timeout=20)).data))
        return stages
    finally:
        await client.close()


FORBIDDEN = [
    ("collector", "crossfade.event.assessment.ns.e"),
    ("collector", "$KV.crossfade_runs.u.state"),
    ("analyzer", "crossfade.event.weight-change.ns.e"),
    ("analyzer", "crossfade.command.abort"),
    ("actuator", "crossfade.event.assessment.ns.e"),
    ("notifier", "$KV.crossfade_state.analyzer.u"),
    ("console", "crossfade.event.incident.ns.e"),
    ("operator", "crossfade.event.stage-change.ns.e"),
    ("operator", "$JS.API.STREAM.DELETE.CROSSFADE_EVENTS"),
]


async def test_nobody_may_speak_for_somebody_else(guarded):
    for user, subject in FORBIDDEN:
        refused = asyncio.Event()

        async def note(error, refused=refused):
            if "ermissions" in str(error):
                refused.set()

        client = await nats.connect(guarded(user), error_cb=note)
        try:
            await client.publish(subject, b"{}")
            await asyncio.wait_for(refused.wait(), 5)
        finally:
            await client.close()
