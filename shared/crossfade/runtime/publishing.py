"""Publishing that ends in the log or in an error, through elections and restarts."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from crossfade.errors import Unreachable
from crossfade.events import Event, subjects
from crossfade.events.envelope import MSG_ID, headers
from crossfade.runtime.clock import Clock, utc_now
from crossfade.runtime.connecting import TRANSIENT, Connection
from crossfade.runtime.service import Schedule, delivery

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 20.0  # below ack_wait, so that the message is still ours when we give up


@dataclass(frozen=True, slots=True)
class NatsPublisher:
    """Says events and sets schedules in the name of one service."""

    connection: Connection
    source: str
    clock: Clock = utc_now

    async def say(self, event: Event) -> None:
        """Return once the log has the event. Raises Unreachable after the bus's own retries."""
        subject = subjects.event_subject(event.kind, event.namespace, event.name)
        trace = delivery.get().trace or new_trace()
        await self.publish(
            subject, event.body(), headers(event, self.source, self.clock(), trace)
        )
        log.debug("said", extra={"event": event.id})

    async def schedule(self, wanted: Schedule) -> None:
        """Set, replace or cancel an experiment's clock."""
        schedule = subjects.schedule_subject(wanted.namespace, wanted.name)
        if wanted.interval_seconds is None:
            await _purge(self.connection, subjects.CLOCK, schedule)
            return
        await self.publish(
            schedule,
            wanted.body,
            {
                "Nats-Schedule": f"@every {wanted.interval_seconds}s",
                "Nats-Schedule-Target": subjects.tick_subject(wanted.namespace, wanted.name),
            },
        )

    async def command(self, verb: str, body: bytes, id: str) -> None:  # noqa: A002
        """Put a command into the queue, once per id."""
        await self.publish(
            subjects.command_subject(verb), body, {MSG_ID: id, "ce-id": id, "ce-type": verb}
        )

    async def publish(self, subject: str, body: bytes, head: Mapping[str, str]) -> None:
        """Store a message, trying again with the same id until the deadline."""
        end, pause = monotonic() + DEADLINE_SECONDS, 0.1
        while True:
            try:
                await self.connection.js.publish(subject, body, headers=dict(head), timeout=2)
            except TRANSIENT as error:
                if monotonic() + pause > end:
                    raise Unreachable(
                        f"{subject}: the broker does not store: {error!r}"
                    ) from error
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
            else:
                return


async def _purge(connection: Connection, stream: str, subject: str) -> None:
    try:
        await connection.js.purge_stream(stream, subject=subject)
    except TRANSIENT as error:
        raise Unreachable(f"{stream}: could not cancel {subject}: {error!r}") from error


def new_trace() -> str:
    """A W3C `traceparent` for a chain of events that begins here."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
