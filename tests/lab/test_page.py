"""The live page's address in the lab, and waiting for it."""

import random
import socket

import pytest
from aiohttp import web

from crossfade.errors import Unreachable
from crossfade_lab import page, ports
from crossfade_lab.page import Page, open_in_browser
from crossfade_lab.ports import free_ports


def test_ports_are_given_out_once_and_none_that_a_connection_might_take():
    found = free_ports(20)
    assert len(set(found)) == 20
    assert max(found) < int(ports.RANGE.read_text().split()[0])


def test_who_shares_a_seed_does_not_share_ports():
    random.seed(1)
    found = free_ports(20)
    random.seed(1)
    assert set(free_ports(20)) != set(found)


@pytest.mark.parametrize("given", ["1024 65535", "nonsense", None])
def test_where_there_is_no_room_below_the_kernel_gives_them(given, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "RANGE", tmp_path / "range")
    if given:
        ports.RANGE.write_text(given)
    assert len(set(free_ports(20))) == 20


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        tried = [taken.getsockname()[1], 0]
        monkeypatch.setattr(ports, "_candidates", lambda: iter(tried))
        assert free_ports(1) not in ([], tried[:1])


def test_console_and_notifier_are_told_the_same_address():
    shown = Page(port=4711)
    assert shown.of("default", "iris") == "http://127.0.0.1:4711/experiments/default/iris"
    assert shown.settings() == {
        "CROSSFADE_CONSOLE__PORT": "4711",
        "CROSSFADE_NOTIFIER__PAGE_URL": "http://127.0.0.1:4711",
    }


async def test_a_page_is_up_once_the_console_has_read_its_log():
    asked = []

    async def readyz(request):
        asked.append(request.path)
        return web.Response(status=200 if len(asked) > 2 else 503)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await Page(port=runner.addresses[0][1]).up()
    await runner.cleanup()

    assert len(asked) == 3


async def test_a_page_that_never_comes_is_named(monkeypatch):
    monkeypatch.setattr(page, "UP_SECONDS", 0.2)
    shown = Page()

    with pytest.raises(Unreachable, match=f"{shown.url}: no answer within 0.2 s"):
        await shown.up()


async def test_a_browser_that_fails_or_stays_is_no_trouble(monkeypatch, tmp_path):
    monkeypatch.setattr(page, "LAUNCH_SECONDS", 1.0)
    monkeypatch.setenv("BROWSER", str(tmp_path / "nowhere"))
    monkeypatch.delenv("DISPLAY", raising=False)
    await open_in_browser("http://127.0.0.1:1")
    stays = tmp_path / "stays"
    stays.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 5\n")
    stays.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{stays} %s")
    await open_in_browser("http://127.0.0.1:1")

    assert (tmp_path / "pid").exists()
