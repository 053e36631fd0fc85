"""Pruning: forgets runs that ended long ago; their events are the log's to keep or drop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from crossfade.errors import NotFound
from crossfade.events import subjects
from crossfade.runtime.clock import Clock
from crossfade_actuator.ledger import Ledger

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Pruner:
    """Deletes a run's keys once it has been over for `days`; twice is no harm."""

    ledger: Ledger
    clock: Clock
    days: float

    async def run(self) -> None:
        """Prune every hour, for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.prune()

    async def prune(self) -> int:
        """How many runs were forgotten."""
        count = 0
        for key in await self.ledger.store.keys("*.state"):
            count += await self._prune(key.removesuffix(".state"))
        if count:
            log.info("runs forgotten", extra={"count": count})
        return count

    async def _prune(self, uid: str) -> bool:
        try:
            state = await self.ledger.load(uid)
        except NotFound:
            return False
        if not state.over or self.clock().timestamp() - state.update_at < self.days * DAY:
            return False
        store = self.ledger.store
        name = subjects.name_key(state.namespace, state.name)
        latest = await store.get(name)
        if latest is not None and latest.value.decode() == uid:
            await store.delete(name)
        for document in await store.keys(f"{uid}.document.*"):
            await store.delete(document)
        await store.delete(subjects.state_key(uid))
        return True
