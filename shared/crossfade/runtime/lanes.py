"""Keyed lanes: one message per run at a time, in the order of arrival; different runs together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from nats.aio.msg import Msg


@dataclass(slots=True)
class _Lane:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


@dataclass(slots=True)
class Lanes:
    """Locks by key that exist only while somebody holds or awaits them."""

    lanes: dict[str, _Lane] = field(default_factory=dict)

    @asynccontextmanager
    async def enter(self, key: str) -> AsyncIterator[None]:
        """Wait for the turn of this key; first come, first served. An empty key never waits."""
        if not key:
            yield
            return
        lane = self.lanes.setdefault(key, _Lane())
        lane.users += 1
        try:
            async with lane.lock:
                yield
        finally:
            lane.users -= 1
            if not lane.users:
                self.lanes.pop(key, None)


def lane_of(message: Msg) -> str:
    """The key of a message: its run for events, else its subject."""
    if message.subject.startswith("crossfade.event."):
        return (message.headers or {}).get("ce-id", "").partition("/")[0]
    return message.subject
