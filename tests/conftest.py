"""What tests of every room may ask for."""

import hypothesis
import pytest

from crossfade.errors import Missing
from crossfade_lab.broker import Broker, find_nats_server

# A shared machine's pauses are not failures; and one seed makes a red run repeatable.
hypothesis.settings.register_profile("crossfade", deadline=None, derandomize=True)
hypothesis.settings.load_profile("crossfade")


@pytest.fixture
async def broker(tmp_path):
    """A fresh nats-server with JetStream for this test alone (about 40 ms)."""
    try:
        find_nats_server()
    except Missing as missing:
        pytest.skip(str(missing))
    async with Broker(tmp_path / "nats") as running:
        yield running
