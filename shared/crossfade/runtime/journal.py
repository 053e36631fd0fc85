"""The event log, read from its start without anybody noticing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from crossfade.errors import Malformed, Missing, Unreachable
from crossfade.events import envelope, subjects
from crossfade.runtime.connecting import Connection, nothing_sent, still_wanted
from crossfade.runtime.service import Logged


@dataclass(frozen=True, slots=True)
class Journal:
    """Follows `CROSSFADE_EVENTS` with an ordered consumer of its own."""

    connection: Connection

    async def follow(
        self,
        *,
        kinds: Sequence[str] = (),
        namespace: str = "",
        name: str = "",
        live: bool = True,
    ) -> AsyncIterator[Logged]:
        """Events in the log's order, then, if `live`, those to come; empty filters mean all."""
        subject = ".".join(
            (
                "crossfade.event",
                kinds[0] if len(kinds) == 1 else "*",
                subjects.token(namespace) or "*",
                subjects.token(name) or "*",
            )
        )
        subscription = await self._subscribe(subject)
        try:
            if not live and nothing_sent(await subscription.consumer_info()):
                return
            async for logged in _events(subscription, live=live):
                if not kinds or logged.event.kind in kinds:
                    yield logged
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _subscribe(self, subject: str) -> JetStreamContext.PushSubscription:
        try:
            return await self.connection.js.subscribe(
                subject, stream=subjects.EVENTS, ordered_consumer=True
            )
        except nats.js.errors.NotFoundError as error:
            raise Missing(f"no stream {subjects.EVENTS}; run `crossfade bootstrap`") from error
        except nats.js.errors.APIError as error:
            raise Unreachable(f"stream {subjects.EVENTS}: {error.description}") from error


async def _events(
    subscription: JetStreamContext.PushSubscription, *, live: bool
) -> AsyncIterator[Logged]:
    while True:
        try:
            message = await subscription.next_msg(timeout=5)
        except (TimeoutError, nats.errors.TimeoutError):
            if not live:
                return
            still_wanted()
            continue
        still_wanted()
        logged = _logged(message)
        if logged is not None:
            yield logged
        if not live and message.metadata.num_pending == 0:
            return


def _logged(message: Msg) -> Logged | None:
    try:
        event = envelope.read(message.headers or {}, message.data)
    except Malformed:
        return None  # a stranger's message in the log; the chassis set it aside already
    meta = message.metadata
    if event is None:
        return None
    return Logged(event, meta.sequence.stream, meta.timestamp, meta.num_pending or 0)
