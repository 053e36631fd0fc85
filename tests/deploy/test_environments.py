"""Environments of the deployment: every container's variables are settings that load."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from crossfade import settings
from crossfade.errors import Missing
from crossfade.runtime import children
from crossfade_cli.run import MAKERS
from crossfade_lab.broker import find_nats_server
from crossfade_lab.ports import free_ports

TOKEN = "t0123456789abcdef"


def filled(environment):
    """A Compose environment with the token in place."""
    return {
        name: re.sub(r"\$\{NATS_TOKEN[^}]*\}", TOKEN, str(value))
        for name, value in environment.items()
    }


def loads(environment, monkeypatch):
    for name in [n for n in os.environ if n.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings.load()


@pytest.mark.parametrize("name", ["bootstrap", *MAKERS])
def test_the_variables_of_a_compose_service_load(name, compose, monkeypatch):
    loaded = loads(filled(compose["services"][name]["environment"]), monkeypatch)
    assert loaded.bus.url == f"nats://{TOKEN}@nats:4222"
    assert loaded.log.format == "json"
    assert loaded.health.port == 8081


@pytest.mark.parametrize("name", ["bootstrap", *MAKERS])
def test_the_variables_of_a_pod_load(name, manifests, monkeypatch):
    named = {(m["kind"], m["metadata"]["name"]): m for m in manifests}
    shared = named["ConfigMap", "crossfade-settings"]["data"]
    assert all(isinstance(value, str) for value in shared.values())
    workload = named.get(("Deployment", name)) or named["Job", name]
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    own = {v["name"]: v.get("value", "p123") for v in container["env"]}
    own = {n: v.replace("$(NATS_PASSWORD)", own["NATS_PASSWORD"]) for n, v in own.items()}
    loaded = loads(shared | own, monkeypatch)
    assert loaded.bus.url == f"nats://{name}:p123@nats:4222"
    assert loaded.actuator.actions == "off"
    assert loaded.health.host == "0.0.0.0"


@pytest.fixture
async def processes():
    """`await processes(command, environment)`: a child that is ended with the test."""
    running = []

    async def start(command, environment):
        child = await children.spawn(
            command,
            env={"PATH": os.environ["PATH"]} | environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        running.append(child)
        return child

    yield start
    await asyncio.gather(*(children.end(child) for child in reversed(running)))


async def test_the_containers_of_compose_work_together_as_processes(
    compose, root, tmp_path, processes
):
    """Every command with its own environment; only addresses are those of this machine."""
    try:
        server = find_nats_server()
    except Missing as missing:
        pytest.skip(str(missing))
    services, (port, health, *own) = compose["services"], free_ports(2 + len(MAKERS))
    nats = (root / "deploy/nats/compose.conf").read_text().replace("/data", str(tmp_path / "d"))
    nats = nats.replace("0.0.0.0:4222", f"127.0.0.1:{port}").replace("0.0.1:8222", "0.0.1:-1")
    (tmp_path / "nats.conf").write_text(nats)
    await processes([str(server), "-c", str(tmp_path / "nats.conf")], {"NATS_TOKEN": TOKEN})
    await reachable(port)
    bootstrap = await processes(*asked(services["bootstrap"], port, health))
    assert await asyncio.wait_for(bootstrap.wait(), 30) == 0
    ports = dict(zip(MAKERS, own, strict=True))
    for name in MAKERS:
        await processes(*asked(services[name], port, ports[name]))
    for name in MAKERS:
        assert await ready(ports[name]) == f"{name}: ready"


def asked(service, broker, health):
    """Command and environment of a service, with addresses of this machine."""
    environment = filled(service["environment"])
    url = environment["CROSSFADE_BUS__URL"].replace("nats:4222", f"127.0.0.1:{broker}")
    here = {"CROSSFADE_HEALTH__HOST": "127.0.0.1", "CROSSFADE_HEALTH__PORT": str(health)}
    if "CROSSFADE_CONSOLE__PORT" in environment:
        here |= {"CROSSFADE_CONSOLE__HOST": "127.0.0.1", "CROSSFADE_CONSOLE__PORT": "0"}
    program = str(Path(sys.prefix, "bin", "crossfade"))
    return [program, *service["command"]], environment | here | {"CROSSFADE_BUS__URL": url}


async def reachable(port):
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("the broker did not start")


async def ready(port):
    """What `/readyz` says once it is content."""
    for _ in range(400):
        try:
            return await asyncio.to_thread(read, f"http://127.0.0.1:{port}/readyz")
        except OSError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"nobody is ready on port {port}")


def read(url):
    with urlopen(url, timeout=2) as answer:
        return answer.read().decode().strip()


def test_a_map_in_a_variable_is_json(compose):
    written = compose["services"]["collector"]["environment"]["CROSSFADE_COLLECTOR__CONNECT_TO"]
    assert all(re.fullmatch(r".+:\d+", to) for to in json.loads(written).values())
