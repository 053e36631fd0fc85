"""The mended pull loop: prompt, bounded, and quiet in trouble."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from crossfade.events import MetricSample, subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.bus import Bus
from crossfade.runtime.connecting import connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.pulling import Window
from crossfade.runtime.service import NOTHING, on


class Listener:
    """Remembers when each sample came."""

    name = "analyzer"

    def __init__(self):
        self.came = {}

    def subscriptions(self):
        return [on(MetricSample, self.note)]

    def requests(self):
        return []

    def loops(self):
        return []

    async def close(self):
        return

    async def note(self, sample):
        self.came[sample.iteration] = time.monotonic()
        return NOTHING


async def test_a_lone_message_is_handed_over_at_once(bus_settings):
    listener = Listener()
    bus = Bus(listener, connection(bus_settings, "analyzer"))
    await bus.start()
    try:
        said = {}
        for iteration in (1, 2, 3):
            await asyncio.sleep(0.7)  # far below the fetch's timeout, far above a hand-over
            said[iteration] = time.monotonic()
            await publisher(bus).say(a_sample(iteration))
            await until(lambda i=iteration: i in listener.came)
        assert max(listener.came[i] - said[i] for i in said) < 0.5
    finally:
        await bus.stop()


async def test_a_deleted_consumer_is_waited_for_without_a_storm_and_used_when_it_is_back(
    bus_settings,
):
    listener = Listener()
    bus = Bus(listener, connection(bus_settings, "analyzer"))
    await bus.start()
    try:
        js = bus.connection.js
        await js.delete_consumer(subjects.EVENTS, "analyzer")
        before = bus.connection.client.stats["out_msgs"]
        await asyncio.sleep(2.0)
        asked = bus.connection.client.stats["out_msgs"] - before
        assert asked < 40, "the original asks 2,500 times a second"
        await bootstrap(bus_settings)
        await publisher(bus).say(a_sample(1))
        await until(lambda: 1 in listener.came, 15)
    finally:
        await bus.stop()


async def test_a_durable_that_is_not_there_is_never_created(bus_settings):
    bus = Bus(Listener(), connection(bus_settings, "analyzer"))
    other = connection(bus_settings, "other")
    await other.open()
    await other.js.delete_consumer(subjects.EVENTS, "analyzer")
    starting = asyncio.ensure_future(bus.start())
    await asyncio.sleep(1.5)
    names = [info.name for info in await other.js.consumers_info(subjects.EVENTS)]
    assert "analyzer" not in names
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await bus.stop()
    await other.close()


async def test_a_window_holds_no_more_than_its_size():
    running, most = 0, 0

    async def work(message):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    window = Window(4, work)
    for number in range(20):
        await window.room()
        window.start(FakeMessage(f"crossfade.command.v{number}"))
    await window.drain()
    assert most == 4


async def test_a_lane_keeps_the_order_of_arrival():
    seen = []

    async def work(message):
        await asyncio.sleep(0.001 * (5 - len(seen) % 5))
        seen.append(message.number)

    window = Window(64, work)
    for number in range(20):
        message = FakeMessage("crossfade.command.same")
        message.number = number
        window.start(message)
    await window.drain()
    assert seen == list(range(20))


class FakeMessage:
    """As much of a NATS message as lanes look at."""

    headers = None
    _ackd = True

    def __init__(self, subject):
        self.subject = subject


def publisher(bus):
    return NatsPublisher(bus.connection, "test")


def a_sample(iteration):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    sample = MetricSample(uid="u", iteration=iteration, of=15, at=at, elapsed_seconds=1)
    return sample.about("ns", "exp")


async def until(done, seconds=10):
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)
