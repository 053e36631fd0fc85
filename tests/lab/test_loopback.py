"""The wall around every test: sockets reach this machine only."""

import asyncio

import pytest


async def test_a_connection_beyond_loopback_is_refused_with_the_reason():
    with pytest.raises(RuntimeError, match="tests stay on loopback"):
        await asyncio.open_connection("192.0.2.1", 80)
