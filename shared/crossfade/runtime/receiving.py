"""From one message to its acknowledgement: read, call, publish, keep, acknowledge.

What fails is sorted by one question. Retryable: again later, for ever, with back-off. Permanent,
or a bug that repeats: a copy with the reason goes to `crossfade.deadletter.<service>` and the
message is terminated. Nothing is dropped without a word.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg

from crossfade.errors import Conflict, CrossfadeError, Permanent
from crossfade.events import envelope, subjects
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.service import (
    Command,
    DeadLetter,
    Deadline,
    Delivery,
    OutOfOrder,
    Reaction,
    Store,
    Subscription,
    Tick,
    delivery,
)

log = logging.getLogger(__name__)

BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
CONFLICT_SECONDS = 0.2
BUG_ATTEMPTS = 6


@dataclass(slots=True)
class Receiver:
    """Feeds the messages of one durable to the handlers of one service."""

    service: str
    subscriptions: tuple[Subscription, ...]
    publisher: NatsPublisher
    state: Store

    async def receive(self, message: Msg) -> None:
        """Handle one message to its end; never raises."""
        token = delivery.set(_delivery(message))
        try:
            await self._handle(message)
            await message.ack()
        except CrossfadeError as error:
            await self._fail(message, error)
        except Exception as error:
            await self._fail(message, error)
            log.exception("a handler broke", extra=_where(message))
        finally:
            delivery.reset(token)

    async def _handle(self, message: Msg) -> None:
        thing = read(message)
        if thing is None:
            return
        for subscription in self.subscriptions:
            if isinstance(thing, subscription.listens_to):
                reaction = await subscription.handler(thing)
                if reaction is not None:
                    await self._carry_out(reaction)

    async def _carry_out(self, reaction: Reaction) -> None:
        for event in reaction.events:
            await self.publisher.say(event)
        for write in reaction.writes:
            await self.state.put(write.key, write.value, write.revision)
        for schedule in reaction.schedules:
            await self.publisher.schedule(schedule)

    async def _fail(self, message: Msg, error: Exception) -> None:
        attempt = delivery.get().attempt
        hopeless = isinstance(error, Permanent) or (
            not isinstance(error, CrossfadeError) and attempt >= BUG_ATTEMPTS
        )
        where = _where(message) | {"attempt": attempt, "error": repr(error)}
        try:
            if hopeless:
                await self._set_aside(message, error)
                log.error("set aside", extra=where)
                return
            log.info("again later", extra=where)
            await message.nak(delay=_pause(error, attempt))
        except Exception as lost:
            # The broker is away: the message comes back by itself after ack_wait.
            log.warning("could not answer for a message", extra=where | {"lost": repr(lost)})

    async def _set_aside(self, message: Msg, error: Exception) -> None:
        meta = message.metadata
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:400]
        await self.publisher.publish(
            f"crossfade.deadletter.{self.service}",
            message.data,
            {
                "crossfade-reason": reason,
                "crossfade-subject": message.subject,
                "crossfade-id": _id(message),
                "crossfade-trace": "".join(traceback.format_exception(error))[-2000:].replace(
                    "\n", " | "
                ),
                # Streams count alike: without its name, one message could pass for another.
                envelope.MSG_ID: f"{self.service}/{meta.stream}/{meta.sequence.stream}",
            },
        )
        await message._client.publish(message.reply, b"+TERM " + reason.encode())
        message._ackd = True


def read(message: Msg) -> object | None:
    """The event, tick, command or deadline of a message; None for what we do not know."""
    stored_at = message.metadata.timestamp
    if message.subject.startswith("crossfade.event."):
        return envelope.read(message.headers or {}, message.data)
    if message.subject == subjects.DEADLINE:
        return Deadline(stored_at)
    if message.subject.startswith("crossfade.tick."):
        return Tick(*subjects.experiment_of(message.subject), stored_at, message.data)
    if message.subject.startswith("crossfade.deadletter."):
        return _dead_letter(message)
    verb = message.subject.rpartition(".")[2]
    return Command(verb, _id(message), message.data)


def _dead_letter(message: Msg) -> DeadLetter:
    head = message.headers or {}
    subject = head.get("crossfade-subject", "")
    named = subject.startswith(("crossfade.event.", "crossfade.tick."))
    namespace, name = subjects.experiment_of(subject) if named else ("", "")
    return DeadLetter(
        message.subject.rpartition(".")[2],
        head.get("crossfade-id", ""),
        subject,
        head.get("crossfade-reason", ""),
        message.metadata.sequence.stream,
        namespace,
        name,
    )


def _id(message: Msg) -> str:
    head = message.headers or {}
    stream = message.metadata.sequence.stream
    return (
        head.get("ce-id") or head.get(envelope.MSG_ID) or f"{message.metadata.stream}/{stream}"
    )


def _delivery(message: Msg) -> Delivery:
    head = message.headers or {}
    # A tick repeats its schedule's headers.
    own = message.subject.startswith("crossfade.event.")
    return Delivery(
        attempt=message.metadata.num_delivered,
        stored_at=message.metadata.timestamp,
        cause=head.get("ce-id", "") if own else "",
        trace=head.get("traceparent", "") if own else "",
    )


def _pause(error: Exception, attempt: int) -> float:
    if isinstance(error, Conflict):
        return CONFLICT_SECONDS
    if isinstance(error, OutOfOrder):
        return BACKOFF_SECONDS[0]
    return BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS)) - 1]


def _where(message: Msg) -> dict[str, Any]:
    return {"subject": message.subject, "id": _id(message)}
