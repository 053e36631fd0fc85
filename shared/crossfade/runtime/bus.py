"""The bus: runs one service over one connection.

FastStream owns the connection, the subscriptions and the drain; `pulling` mends its loop and
`receiving` decides what becomes of each message. Nobody else knows that there is a broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import nats.js.errors
import orjson
from faststream import AckPolicy
from faststream.nats import JStream, NatsMessage, PullSub
from nats.aio.msg import Msg

from crossfade.errors import CrossfadeError, Malformed, Missing
from crossfade.events import subjects
from crossfade.runtime import pulling
from crossfade.runtime.connecting import TRANSIENT, Connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.receiving import Receiver
from crossfade.runtime.service import Request, Service
from crossfade.runtime.stores import NatsStore
from crossfade.runtime.topology import DURABLES, Durable, consumer

log = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
FRESH_SECONDS = 15.0
LOOP_PAUSE_SECONDS = 2.0
WAIT_SECONDS = 1.0


@dataclass(slots=True)
class Bus:
    """A service on the broker, from `start` to `stop`."""

    service: Service
    connection: Connection
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    started: bool = False

    async def start(self) -> None:
        """Connect, wait for what `crossfade bootstrap` makes, bind, and begin."""
        pulling.install(self.connection.settings.ack_wait_seconds)
        await self.connection.open()
        await self._await_bootstrap()
        publisher = NatsPublisher(self.connection, self.service.name)
        state = NatsStore(self.connection, subjects.STATE)
        receiver = Receiver(
            self.service.name, tuple(self.service.subscriptions()), publisher, state
        )
        for durable in DURABLES[self.service.name]:
            self._bind(durable, receiver)
        for request in self.service.requests():
            self._open_door(request)
        await self.connection.broker.start()
        for loop in self.service.loops():
            self._begin(loop)
        self.started = True
        log.info("ready", extra={"service": self.service.name})

    async def stop(self) -> None:
        """Let handlers in flight finish and acknowledge, then leave."""
        self.started = False
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close()
        await self.service.close()

    def trouble(self) -> str | None:
        """Why the service is not ready, or None."""
        if not self.started:
            return "starting: waiting for the broker or for `crossfade bootstrap`"
        if not self.connection.connected:
            return "the broker does not answer"
        stale = [
            durable.name
            for durable in DURABLES[self.service.name]
            if monotonic() - pulling.pulses.get(f"{durable.stream}/{durable.name}", 0)
            > FRESH_SECONDS
        ]
        return f"no messages can be pulled for {', '.join(stale)}" if stale else None

    def _bind(self, durable: Durable, receiver: Receiver) -> None:
        subscriber = self.connection.broker.subscriber(
            ", ".join(durable.filters),
            stream=JStream(durable.stream, declare=False),
            durable=durable.name,
            pull_sub=PullSub(pulling.WINDOW, timeout=FETCH_SECONDS),
            ack_policy=AckPolicy.MANUAL,
            decoder=_raw,
            no_reply=True,
            title=f"{self.service.name}:{durable.stream}",
        )

        @subscriber
        async def receive(message: Msg) -> None:
            await receiver.receive(message)

    def _open_door(self, request: Request) -> None:
        subscriber = self.connection.broker.subscriber(
            subjects.request_subject(request.verb),
            queue=self.service.name,
            decoder=_raw,
            title=f"{self.service.name}:{request.verb}",
        )

        @subscriber
        async def answer(message: Msg) -> bytes:
            return orjson.dumps(await _answer(request, message.data))

    def _begin(self, loop: Callable[[], Awaitable[None]]) -> None:
        self.tasks.append(asyncio.ensure_future(_for_ever(loop)))

    async def _await_bootstrap(self) -> None:
        said = False
        while missing := await self._first_missing():
            if not said:
                log.warning(
                    "waiting for `crossfade bootstrap`",
                    extra={"service": self.service.name, "missing": missing},
                )
                said = True
            await asyncio.sleep(WAIT_SECONDS)

    async def _first_missing(self) -> str | None:
        js = self.connection.js
        for durable in DURABLES[self.service.name]:
            try:
                found = (await js.consumer_info(durable.stream, durable.name)).config
            except nats.js.errors.NotFoundError:
                return f"consumer {durable.name} of {durable.stream}"
            except TRANSIENT as error:
                return f"an answer of the broker ({error!r})"
            wanted = consumer(durable, self.connection.settings)
            seen = found.filter_subjects or [found.filter_subject]
            if sorted(map(str, seen)) != sorted(wanted.filter_subjects or []):
                return f"consumer {durable.name} of {durable.stream} with filters {durable.filters}"
        return None


async def _raw(message: NatsMessage) -> Msg:
    return message.raw_message


async def _answer(request: Request, body: bytes) -> Mapping[str, Any]:
    try:
        return await request.answer(body)
    except Malformed as error:
        listed = [{"field": e.field, "message": e.message} for e in error.errors]
        return {"accepted": False, "errors": listed}
    except CrossfadeError as error:
        return {"accepted": False, "errors": [{"field": "", "message": str(error)}]}


async def _for_ever(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop until it is cancelled; trouble is logged and the loop begins again."""
    with suppress(asyncio.CancelledError):
        while True:
            try:
                await loop()
                return
            except Missing:
                log.exception("a loop ended for good")
                return
            except Exception:
                log.exception("a loop broke; it begins again")
                await asyncio.sleep(LOOP_PAUSE_SECONDS)
