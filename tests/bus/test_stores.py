"""Buckets as stores: what becomes of a cancellation that comes together with the answer."""

import asyncio

import pytest

from crossfade.runtime.connecting import connection
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings


class Swallowing:
    """A bucket whose client loses cancellations, as `wait_for` of Python 3.11 does."""

    def __init__(self):
        self.asked = asyncio.Event()

    async def _answer(self, *_, **__):
        self.asked.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return 7

    get = update = create = _answer


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.put("key", b"", 0),
        lambda store: store.put("key", b"", 3),
        lambda store: store.get("key"),
    ],
)
async def test_a_cancellation_that_the_client_loses_is_raised_all_the_same(ask):
    bucket = Swallowing()
    store = NatsStore(connection(BusSettings(), "test"), "bucket")
    store._opened = bucket

    asking = asyncio.ensure_future(ask(store))
    await bucket.asked.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
