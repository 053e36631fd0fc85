"""A broker with everything that `crossfade bootstrap` makes."""

from __future__ import annotations

import pytest

from crossfade.runtime.bootstrap import bootstrap
from crossfade.settings import BusSettings
from crossfade_lab.broker import Broker


@pytest.fixture
async def bus_settings(broker: Broker) -> BusSettings:
    settings = BusSettings(url=broker.url, ack_wait_seconds=2)
    await bootstrap(settings)
    return settings
