"""Creates and updates streams, consumers, buckets and the second clock; idempotent.

The only place that does: services which declare streams would overwrite each other's settings.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StreamConfig

from crossfade.errors import Permanent, Unreachable
from crossfade.events import subjects
from crossfade.runtime.connecting import TRANSIENT, connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.topology import DURABLES, buckets, consumer, streams
from crossfade.settings import BusSettings

log = logging.getLogger(__name__)

DEADLINE_EVERY_SECONDS = 5
OLDEST_SERVER = (2, 14)


async def bootstrap(settings: BusSettings) -> Sequence[str]:
    """What now stands, one name a line. Raises Permanent where the server is too old."""
    opened = connection(settings, "bootstrap")
    await opened.open()
    try:
        assert opened.client is not None
        version = opened.client.connected_server_version
        _check_version((version.major, version.minor))
        made = [await _stream(opened.js, config) for config in streams(settings)]
        made += [await _bucket(opened.js, config) for config in buckets(settings)]
        for durables in DURABLES.values():
            for durable in durables:
                await opened.js.add_consumer(durable.stream, consumer(durable, settings))
                made.append(f"consumer {durable.stream}/{durable.name}")
        await _second_clock(NatsPublisher(opened, "bootstrap"))
    except TRANSIENT as error:
        raise Unreachable(f"the broker did not answer: {error!r}") from error
    finally:
        await opened.close()
    return [*made, f"schedule {subjects.DEADLINE} every {DEADLINE_EVERY_SECONDS} s"]


def holds(settings: BusSettings, experiments: int, interval_seconds: float = 10) -> float:
    """For how many days the log holds so many experiments that run all the time.

    Measured on the iris experiment: about 9 kB of events an iteration, before compression.
    """
    bytes_a_day = experiments * 9_000 * 86_400 / interval_seconds
    return min(settings.retention_days, settings.retention_gigabytes * (1 << 30) / bytes_a_day)


def _check_version(found: tuple[int, int]) -> None:
    if found < OLDEST_SERVER:
        raise Permanent(
            f"nats-server: found {found[0]}.{found[1]}, needed is 2.14 or newer (message schedules)"
        )


async def _stream(js: JetStreamContext, config: StreamConfig) -> str:
    try:
        await js.stream_info(str(config.name))
    except nats.js.errors.NotFoundError:
        await js.add_stream(config)
    else:
        await js.update_stream(config)
    return f"stream {config.name}"


async def _bucket(js: JetStreamContext, config: KeyValueConfig) -> str:
    try:
        await js.key_value(config.bucket)
    except nats.js.errors.BucketNotFoundError:
        await js.create_key_value(config)
    return f"bucket {config.bucket}"


async def _second_clock(publisher: NatsPublisher) -> None:
    await publisher.publish(
        subjects.DEADLINE_SCHEDULE,
        b"{}",
        {
            "Nats-Schedule": f"@every {DEADLINE_EVERY_SECONDS}s",
            "Nats-Schedule-Target": subjects.DEADLINE,
        },
    )
