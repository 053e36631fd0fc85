"""Leaving a broker that answers, one that is frozen, and one that is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from crossfade.events import MetricSample
from crossfade.runtime.bus import Bus
from crossfade.runtime.connecting import STOPPING_SECONDS, connection
from crossfade.runtime.service import Reaction, on


@dataclass
class Holding:
    """A service that holds something until it is closed."""

    name: str = "analyzer"
    held: bool = True

    def subscriptions(self):
        return [on(MetricSample, self.judge)]

    def requests(self):
        return []

    def loops(self):
        return []

    async def close(self) -> None:
        self.held = False

    async def judge(self, sample: MetricSample) -> Reaction:
        return Reaction()


@pytest.mark.parametrize("broker_then", ["answers", "is frozen", "is gone"])
async def test_a_service_leaves_within_a_bound_and_gives_back_what_it_holds(
    broker, bus_settings, caplog, broker_then
):
    service = Holding()
    bus = Bus(service, connection(bus_settings, service.name))
    await bus.start()
    if broker_then == "is frozen":
        await broker.pause()
    elif broker_then == "is gone":
        await broker.stop(kill=True)
        while bus.connection.connected:
            await asyncio.sleep(0.02)
    async with asyncio.timeout(STOPPING_SECONDS + 2):
        await bus.stop()

    assert not service.held
    assert not bus.connection.connected
    assert ("left without draining" in caplog.text) == (broker_then != "answers")
