"""Notifier: records what is to be told about each run, and has couriers carry it.

Consumes  all events        in the stream's order, one run at a time
Emits     incident          only about messages that a channel refused for good

Its state of a run is the outbox under `notifier.<uid>`, and each channel's progress beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crossfade.errors import Malformed, Unreachable
from crossfade.events import CATALOGUE, Event, subjects
from crossfade.runtime.clock import Clock, utc_now
from crossfade.runtime.service import (
    NOTHING,
    Reaction,
    Request,
    Store,
    Subscription,
    Write,
    delivery,
    on,
)
from crossfade.telling import Known, Telling, Urgency
from crossfade_notifier.couriers import Courier
from crossfade_notifier.doors import Door
from crossfade_notifier.outbox import Outbox
from crossfade_notifier.routing import Router

if TYPE_CHECKING:
    from crossfade_notifier.summaries import Summaries

log = logging.getLogger(__name__)

SWEEP_SECONDS = 300.0
REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Notifier:
    """Knows each run by its events and owes every channel the sentences about it."""

    state: Store
    couriers: Sequence[Courier]
    doors: Sequence[Door] = ()
    router: Router = field(default_factory=Router)
    clock: Clock = utc_now
    summaries: Sequence[Summaries] = ()
    name: str = "notifier"

    def subscriptions(self) -> Sequence[Subscription]:
        """Every kind of event."""
        return [on(kind, self.record) for kind in CATALOGUE.values()]

    def requests(self) -> Sequence[Request]:
        """It answers at no door of the bus."""
        return ()

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """One courier a channel, a sweep for what a crash left behind, summaries, Slack's doors."""
        carrying = [courier.run for courier in self.couriers]
        keeping = [summaries.keep for summaries in self.summaries]
        return [*carrying, self.sweep, *keeping, *(door.serve for door in self.doors)]

    def notice(self) -> str | None:
        """What is not as it should be although the service is ready, or None."""
        return "; ".join(filter(None, (door.notice() for door in self.doors))) or None

    async def close(self) -> None:
        """Close the channels."""
        for courier in self.couriers:
            await courier.channel.close()

    async def record(self, event: Event) -> Reaction:
        """Keep what an event says; a repeated one says nothing new."""
        key = subjects.own_key(self.name, event.uid)
        entry = await self.state.get(key)
        before = Outbox.read(entry.value) if entry else Outbox(known=Known(uid=event.uid))
        at = delivery.get().stored_at or self.clock()
        after = before.after(event, at)
        if after is before:
            return NOTHING
        if after.known.annotations != before.known.annotations:
            after = self._warned(after, event, at)
        for told in after.told:
            if told.n >= before.next:
                self._expect(event.uid, told.n, told.urgency)
        return Reaction(writes=[Write(key, after.write(), entry.revision if entry else 0)])

    def _warned(self, outbox: Outbox, event: Event, at: datetime) -> Outbox:
        """With a word on each wish of the experiment that cannot be met."""
        warnings = self.router.route(outbox.known).warnings
        for text in warnings:
            extra = {"uid": event.uid, "experiment": outbox.known.title, "warning": text}
            log.warning("an annotation cannot be heeded", extra=extra)
        tellings = [Telling("trouble", Urgency.TROUBLE, text) for text in warnings]
        return outbox.adding(event, at, tellings)

    async def sweep(self) -> None:
        """Find what a crash left untold, and forget runs a day after their end; for ever."""
        while True:
            try:
                for key in await self.state.keys(subjects.own_key(self.name, "*")):
                    await self._look_after(key)
            except Unreachable as error:
                log.warning("the sweep has to wait", extra={"error": str(error)})
            await asyncio.sleep(SWEEP_SECONDS)

    async def _look_after(self, key: str) -> None:
        entry = await self.state.get(key)
        if entry is None:
            return
        try:
            outbox = Outbox.read(entry.value)
        except Malformed:
            log.exception("an outbox cannot be read")
            return
        ended = outbox.known.ended_at
        if ended is not None and self.clock() - ended > REMEMBERED:
            await self._forget(key, outbox.known.uid)
        elif outbox.told:
            urgency = min(told.urgency for told in outbox.told)
            self._expect(outbox.known.uid, outbox.told[-1].n, urgency)

    async def _forget(self, key: str, uid: str) -> None:
        for courier in self.couriers:
            await self.state.delete(
                subjects.own_key(self.name, f"{uid}.{courier.channel.name}")
            )
        await self.state.delete(key)

    def _expect(self, uid: str, n: int, urgency: Urgency) -> None:
        for courier in self.couriers:
            courier.expect(uid, n, urgency)
