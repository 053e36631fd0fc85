"""A log in memory: what was said, in order, followed as the broker's log is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from crossfade.events import Event
from crossfade.runtime.service import Logged


@dataclass(slots=True)
class MemoryLog:
    """Both sides of the log: `say` as a Publisher (once per id), `follow` as an EventLog."""

    kept: list[Logged] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, event: Event) -> None:
        """Keep an event, unless its id is known."""
        await self.say_at(event, datetime.now(UTC))

    async def say_at(self, event: Event, at: datetime) -> None:
        """Keep an event as stored at an aware moment, unless its id is known."""
        if event.id in self.ids:
            return
        async with self.grown:
            self.ids.add(event.id)
            self.kept.append(Logged(event, len(self.kept) + 1, at, 0))
            self.grown.notify_all()

    async def follow(
        self,
        *,
        kinds: Sequence[str] = (),
        namespace: str = "",
        name: str = "",
        live: bool = True,
    ) -> AsyncIterator[Logged]:
        """Events in the log's order, then, if `live`, those to come; empty filters mean all."""
        at = 0
        while True:
            while at < len(self.kept):
                logged = self.kept[at]
                at += 1
                if _wanted(logged.event, kinds, namespace, name):
                    pending = len(self.kept) - at
                    yield Logged(logged.event, logged.sequence, logged.at, pending)
            if not live:
                return
            async with self.grown:
                while len(self.kept) <= at:
                    await self.grown.wait()


def _wanted(event: Event, kinds: Sequence[str], namespace: str, name: str) -> bool:
    return (
        (not kinds or event.kind in kinds)
        and namespace in ("", event.namespace)
        and name in ("", event.name)
    )
