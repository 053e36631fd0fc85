"""One connection to the broker, with the settings that survive its absence."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import nats.js.errors
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from crossfade.errors import Forbidden, Unreachable
from crossfade.runtime.securing import security
from crossfade.settings import BusSettings

log = logging.getLogger(__name__)

EXIT_CONNECTION_LOST = 70
STOPPING_SECONDS = 4
TRANSIENT = (
    nats.errors.TimeoutError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.NoServersError,
    nats.errors.OutboundBufferLimitError,
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
)
"""What the broker's absence, election or overload looks like to a caller."""


@dataclass(slots=True)
class Connection:
    """A FastStream broker and the client under it."""

    broker: NatsBroker
    settings: BusSettings
    stopping: bool = False
    client: Client | None = field(default=None, init=False)
    said: str = field(default="nothing", init=False)
    """What the last attempt to connect ended with."""

    @property
    def connected(self) -> bool:
        """Whether the broker answers at this moment."""
        return self.client is not None and self.client.is_connected

    @property
    def js(self) -> JetStreamContext:
        """JetStream. Raises Unreachable before `open`."""
        if self.client is None:
            raise Unreachable(f"not connected to {without_secrets(self.settings.url)}")
        return self.client.jetstream(timeout=5)

    async def open(self) -> None:
        """Connect, however long that takes; says once that it waits.

        Raises Forbidden if the broker refuses these credentials, Unreachable if it refuses us.
        """
        opening = asyncio.ensure_future(self.broker.connect())
        try:
            await asyncio.wait({opening}, timeout=self.settings.connect_timeout_seconds)
            if not opening.done():
                log.warning("waiting for the broker", extra=self._where() | {"said": self.said})
                await asyncio.wait({opening})
        except asyncio.CancelledError:
            self.stopping = True  # the client says that it closed, to a caller that gave up
            opening.cancel()
            raise
        try:
            self.client = await opening
        except nats.errors.Error as refusal:
            raise self._refused(refusal) from refusal
        # FastStream's own callback raises on some errors, which ends the reconnecting for good.
        self.client._error_cb = self._note_error

    async def close(self) -> None:
        """Let handlers finish, drain, leave; a broker that does not answer is not waited for."""
        self.stopping = True
        draining = asyncio.ensure_future(self.broker.stop())
        try:
            # A drain shrugs off the cancellation of a mere timeout and flushes ten seconds more.
            await asyncio.wait({draining}, timeout=STOPPING_SECONDS)
        finally:
            late = not draining.done()
            await self.leave()
            draining.cancel()
        (error,) = await asyncio.gather(draining, return_exceptions=True)
        if late or error:
            log.warning("left without draining", extra=self._where() | {"error": repr(error)})

    async def leave(self) -> None:
        """Leave at once: who only asks, and has every answer, has nothing to drain."""
        self.stopping = True
        if self.client is not None:
            with suppress(TimeoutError, OSError, nats.errors.Error):
                await asyncio.wait_for(self.client.close(), STOPPING_SECONDS)

    def _refused(self, refusal: Exception) -> Forbidden | Unreachable:
        text = str(refusal)
        if "authorization violation" in text.lower():
            return Forbidden(
                f"the broker at {without_secrets(self.settings.url)} does not let us in: are "
                "CROSSFADE_BUS__URL and CROSSFADE_BUS__CREDENTIALS_FILE right? A token or a "
                "user with a password stands in the address: nats://TOKEN@host:4222"
            )
        return Unreachable(f"the broker at {without_secrets(self.settings.url)} says {text}")

    async def note(self, error: Exception) -> None:
        """Keep what an attempt ended with, for whoever asks why there is no connection."""
        self.said = str(error) or repr(error)

    async def _note_error(self, error: Exception) -> None:
        log.warning("broker trouble", extra=self._where() | {"error": repr(error)})

    async def closed(self) -> None:
        """Called by the client when it gave up for good: a restart is the only way back."""
        if not self.stopping:
            log.critical("the connection is closed for good; leaving", extra=self._where())
            os._exit(EXIT_CONNECTION_LOST)

    def _where(self) -> dict[str, Any]:
        return {"url": without_secrets(self.settings.url)}


def connection(settings: BusSettings, name: str) -> Connection:
    """A connection to come; `open` makes it. Raises Malformed for an unusable file of keys."""
    made: list[Connection] = []

    async def noted(error: Exception) -> None:
        await made[0].note(error)

    async def closed() -> None:
        await made[0].closed()

    broker = NatsBroker(
        settings.url.split(","),
        name=f"crossfade-{name}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=max(1, round(settings.connect_timeout_seconds)),
        ping_interval=10,
        max_outstanding_pings=2,
        graceful_timeout=STOPPING_SECONDS,
        drain_timeout=STOPPING_SECONDS,
        error_cb=noted,
        closed_cb=closed,
        security=security(settings),
        logger=None,
        apply_types=False,  # a message is read by us; their injection costs a thread for each
    )
    made.append(Connection(broker, settings))
    return made[0]


def without_secrets(url: str) -> str:
    """A broker's URL as it may be logged."""
    return ",".join(
        f"{part.partition('://')[0]}://{part.rpartition('@')[2]}" if "@" in part else part
        for part in url.split(",")
    )


def nothing_sent(info: ConsumerInfo) -> bool:
    """Whether the broker has nothing for a reader: none to come, and none on the way.

    Only its own count tells: its answer may overtake the messages that it has sent before.
    """
    return not info.num_pending and not (info.delivered and info.delivered.consumer_seq)


def still_wanted() -> None:
    """Raise the cancellation that `wait_for` of Python 3.11 loses when a message comes with it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
