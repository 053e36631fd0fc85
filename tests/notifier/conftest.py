"""A notifier whose events are carried out as the chassis would, and a Slack to tell."""

import asyncio
import importlib.util
import pathlib
import sys
import time
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from crossfade.testing import MemoryStore, Recorder
from crossfade.testing.runs import UID, IrisRun
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.channels.slack import LivingSlack
from crossfade_notifier.couriers import Courier
from crossfade_notifier.presses import Presses
from crossfade_notifier.routing import Router
from crossfade_notifier.service import Notifier

# Under importlib mode test files share no package, so this one is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "slack_server", pathlib.Path(__file__).with_name("slack_server.py")
)
slack_server = importlib.util.module_from_spec(_spec)
sys.modules["slack_server"] = slack_server
_spec.loader.exec_module(slack_server)


class World:
    """A store and a publisher that outlive notifiers, as the broker does."""

    def __init__(self):
        self.state = MemoryStore()
        self.publisher = Recorder()

    def notifier(self, *channels, router=None, clock=time.time):
        names = frozenset(c.name for c in channels if not c.manners.record)
        router = router or Router(names=names)
        couriers = [
            Courier(channel, self.state, self.publisher, router, clock=clock)
            for channel in channels
        ]
        return Notifier(self.state, couriers, router=router)

    async def feed(self, notifier, events):
        """Hand over events as the chassis does: call, then write."""
        for _, event in events:
            reaction = await notifier.record(event)
            for write in reaction.writes:
                await self.state.put(write.key, write.value, write.revision)

    @asynccontextmanager
    async def running(self, notifier):
        tasks = [asyncio.ensure_future(loop()) for loop in notifier.loops()]
        try:
            yield notifier
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await notifier.close()

    async def until(self, condition, seconds=5.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about in time"
            await asyncio.sleep(0.01)


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def slack():
    async with slack_server.SlackServer() as server:
        yield server


@pytest.fixture
def living(slack):
    def make(**changes):
        wanted = {
            "token": SecretStr(slack_server.TOKEN),
            "channel": slack_server.CHANNEL,
            "api": slack.api,
            "button_key": b"secret",
            "links": Links("http://page.test", "http://grafana.test"),
            "coalesce_seconds": 0.05,
            "per_second": 200.0,
            "timeout_seconds": 1.0,
        }
        return LivingSlack(**(wanted | changes))

    return make


class Answering:
    """A Commander that remembers and answers as the request door does."""

    def __init__(self):
        self.asked = []
        self.answer = {"accepted": True, "uid": UID}

    async def request(self, verb, body):
        self.asked.append((verb, body))
        return self.answer


@pytest.fixture
async def presses(world):
    """Takes presses about a run that is known up to its fourth look."""
    await world.feed(world.notifier(LogChannel()), IrisRun().events(upto=4))
    here = frozenset({"127.0.0.1"})
    return Presses(world.state, Answering(), b"secret", frozenset({"U1"}), here)
