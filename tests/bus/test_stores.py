"""Buckets as stores: where the client loses a cancellation, or speaks too soon."""

import asyncio
from types import SimpleNamespace

import pytest
from nats.js.kv import KeyValue

from crossfade.runtime.connecting import connection
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings


class Hasty:
    """A bucket whose client says "nothing" before it hands over what it has received."""

    def __init__(self, *entries):
        self._sub = SimpleNamespace(delivered=0, pending_msgs=len(entries))
        self.said = [None, *entries]

    async def watch(self, *_, **__):
        return self

    async def stop(self):
        pass

    async def __aiter__(self):
        for entry in self.said:
            yield entry


def an_entry(key, delta, operation=None):
    return KeyValue.Entry("bucket", key, b"", 1, delta, None, operation)


@pytest.mark.parametrize(
    ("entries", "keys"),
    [
        ((), []),
        ((an_entry("a", 1), an_entry("b", 0)), ["a", "b"]),
        ((an_entry("a", 1), an_entry("b", 0, "DEL")), ["a"]),
        ((an_entry("a", 1, "PURGE"), an_entry("b", 0)), ["b"]),
    ],
)
async def test_a_listing_does_not_believe_in_nothing_while_something_waits(entries, keys):
    store = NatsStore(connection(BusSettings(), "test"), "bucket")
    store._opened = Hasty(*entries)

    assert await store.keys() == keys


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
