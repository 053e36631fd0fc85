"""Buckets as stores: where the client loses a cancellation, or speaks too soon."""

import asyncio

import pytest
from nats.js.api import ConsumerInfo
from nats.js.kv import KeyValue

from crossfade.runtime.connecting import connection, nothing_sent
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings


def as_known(pending, sent):
    """What the broker says about a reader."""
    counts = {"consumer_seq": sent, "stream_seq": sent}
    return ConsumerInfo.from_response(
        {
            "name": "reader",
            "stream_name": "log",
            "created": "2026-01-01T00:00:00Z",
            "config": {"ack_policy": "none"},
            "num_pending": pending,
            "delivered": counts,
        }
    )


@pytest.mark.parametrize(
    ("pending", "sent", "nothing"),
    [(0, 0, True), (3, 0, False), (0, 3, False), (2, 1, False)],
)
def test_a_reader_knows_what_is_on_its_way_before_it_has_come(pending, sent, nothing):
    assert nothing_sent(as_known(pending, sent)) is nothing


class Hasty:
    """A bucket whose client says "nothing" before it has got what the broker sent."""

    def __init__(self, *entries):
        self._sub = self
        self.said = [None, *entries]

    async def watch(self, *_, **__):
        return self

    async def consumer_info(self):
        return as_known(pending=0, sent=len(self.said) - 1)

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
async def test_a_listing_does_not_believe_in_nothing_while_something_is_on_its_way(
    entries, keys
):
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
