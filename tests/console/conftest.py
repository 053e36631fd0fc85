"""A console over a log in memory, as it runs in production but for the broker."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from pydantic import SecretStr

from crossfade.settings import ConsoleSettings
from crossfade.testing import MemoryLog
from crossfade.testing.runs import START
from crossfade_console.service import Console


class Answering:
    """A Commander that remembers what was asked and answers as planned."""

    def __init__(self):
        self.asked = []
        self.answer = {"accepted": True, "uid": "u"}

    async def request(self, verb, body):
        self.asked.append((verb, body))
        return self.answer


@asynccontextmanager
async def running(console):
    tasks = [asyncio.ensure_future(loop()) for loop in console.loops()]
    try:
        await asyncio.wait_for(console.ready.listening.wait(), 5)
        yield console
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        console.ready.port = 0


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
def commander():
    return Answering()


@pytest.fixture
def made():
    """The consoles of this test."""
    return []


@pytest.fixture
def tell(log, made):
    async def tell(events):
        """Say events, and return once every running console has folded them."""
        for at, event in events:
            await log.say_at(event, at or datetime.now(UTC))
        async with asyncio.timeout(10):
            for console in made:
                while console.port and console.projection.version < len(log.kept):
                    await asyncio.sleep(0)

    return tell


@pytest.fixture
def now():
    """A time of day that tests may move: just after the recorded run's last look."""
    return [START + timedelta(seconds=160)]


@pytest.fixture
def make(log, commander, now, made):
    def make(clock=None, **settings):
        wanted = ConsoleSettings(port=0, **settings)
        made.append(Console(log, commander, wanted, clock or (lambda: now[0])))
        return made[-1]

    return make


@pytest.fixture
async def provider():
    """An OpenID Connect provider in miniature; skips where the extra is not installed."""
    from tests.console.oidc_provider import Provider

    async with Provider() as it:
        yield it


@pytest.fixture
def settings():
    """Those of `console`."""
    return {"token": SecretStr("open-sesame")}


@pytest.fixture
async def console(make, settings):
    async with running(make(**settings)) as it:
        yield it


@pytest.fixture
async def client(console):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(console.url, cookie_jar=jar) as session:
        yield session


@pytest.fixture
def run_console():
    return running
