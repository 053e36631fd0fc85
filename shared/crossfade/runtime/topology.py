"""Streams, consumers and buckets as data: the one list of what the broker must hold.

`bootstrap` creates and updates them; services check and bind, and never create.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nats.js.api import (
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
)

from crossfade.events import subjects
from crossfade.events.catalogue import CATALOGUE
from crossfade.settings import BusSettings

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
DAY = 86_400.0
KEPT_DAYS = 90
"""How long a run is kept after its end."""
MAX_ACK_PENDING = 256
# 0.5–20 s of redelivery times the deliveries of a restart; ids repeated later are harmless too.
DUPLICATE_WINDOW_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Durable:
    """A consumer: its stream, its name, and the subjects that it sees in the stream's order."""

    stream: str
    name: str
    filters: tuple[str, ...]


def _kinds(*kinds: str) -> tuple[str, ...]:
    return tuple(f"crossfade.event.{kind}.>" for kind in kinds)


DURABLES: Mapping[str, tuple[Durable, ...]] = {
    "collector": (
        Durable(subjects.EVENTS, "collector", _kinds("stage-change", "weight-change")),
        Durable(subjects.CLOCK, "collector", ("crossfade.tick.>",)),
    ),
    "analyzer": (
        Durable(subjects.EVENTS, "analyzer", _kinds("stage-change", "metric-sample")),
    ),
    "actuator": (
        Durable(subjects.COMMANDS, "actuator", ("crossfade.command.>",)),
        Durable(
            subjects.EVENTS, "actuator", _kinds("metric-sample", "assessment", "action-outcome")
        ),
        Durable(subjects.CLOCK, "actuator", (subjects.DEADLINE,)),
        Durable(subjects.DEADLETTERS, "actuator", ("crossfade.deadletter.*",)),
    ),
    "notifier": (Durable(subjects.EVENTS, "notifier", _kinds(*CATALOGUE)),),
    "console": (),
}


def streams(settings: BusSettings) -> Sequence[StreamConfig]:
    """The four streams."""
    file: dict[str, Any] = {"storage": StorageType.FILE, "num_replicas": settings.replicas}
    return (
        StreamConfig(
            name=subjects.COMMANDS,
            subjects=["crossfade.command.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=64 * MEGABYTE,
            max_msg_size=MEGABYTE,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
            **file,
        ),
        StreamConfig(
            name=subjects.CLOCK,
            subjects=["crossfade.schedule.>", "crossfade.tick.>", subjects.DEADLINE],
            retention=RetentionPolicy.WORK_QUEUE,
            max_msgs_per_subject=1,
            max_bytes=64 * MEGABYTE,
            allow_msg_schedules=True,
            allow_msg_ttl=True,
            **file,
        ),
        StreamConfig(
            name=subjects.EVENTS,
            subjects=["crossfade.event.*.*.*"],
            max_age=settings.retention_days * DAY,
            max_bytes=int(settings.retention_gigabytes * GIGABYTE),
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
            compression=StoreCompression.S2,
            allow_direct=True,
            **file,
        ),
        StreamConfig(
            name=subjects.DEADLETTERS,
            subjects=[
                "crossfade.deadletter.*",
                "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
                "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
            ],
            max_age=30 * DAY,
            max_bytes=100 * MEGABYTE,
            **file,
        ),
    )


def buckets(settings: BusSettings) -> Sequence[KeyValueConfig]:
    """The two buckets."""
    # Services write their own state at every iteration; what is not written that long is of a run
    # that is over. Runs are kept by the actuator, which knows when they ended.
    ages = {subjects.RUNS: None, subjects.STATE: KEPT_DAYS * DAY}
    return tuple(
        KeyValueConfig(
            bucket=bucket,
            ttl=age,
            history=5,
            max_bytes=GIGABYTE,
            storage=StorageType.FILE,
            replicas=settings.replicas,
        )
        for bucket, age in ages.items()
    )


def consumer(durable: Durable, settings: BusSettings) -> ConsumerConfig:
    """The consumer of a durable. Retryable errors are retried for ever, so nothing is dropped."""
    return ConsumerConfig(
        name=durable.name,
        durable_name=durable.name,
        filter_subjects=list(durable.filters),
        ack_wait=settings.ack_wait_seconds,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
        num_replicas=settings.replicas,
    )
