"""Leases: which actuator runs a run's action now, so that two never do.

A lease is renewed while its holder works and runs out soon after it died. A child process dies
with its actuator, so a lease that ran out means that nothing of the action is alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from crossfade.errors import Conflict, Retryable
from crossfade.events import subjects
from crossfade.runtime.clock import Clock
from crossfade.runtime.service import Store

LEASE_SECONDS = 6.0
RENEW_SECONDS = 1.5

T = TypeVar("T")


class Lost(Retryable):
    """The lease could not be kept, or the work is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Leases:
    """Leases in the runs bucket, held in the name of one actuator process."""

    store: Store
    owner: str
    clock: Clock

    async def holding(
        self,
        uid: str,
        work: Coroutine[Any, Any, T],
        still_wanted: Callable[[], Awaitable[bool]],
    ) -> T | None:
        """The result of the work, done under the lease; None where somebody else holds it.

        The work is cancelled when it is no longer wanted or the lease is lost; then Lost.
        """
        revision = None
        try:
            revision = await self._take(uid)
        finally:
            if revision is None:
                work.close()
        if revision is None:
            return None
        # Not before: what runs while the lease is asked for may be begun beside its holder's.
        doing = asyncio.ensure_future(work)
        try:
            return await self._guard(uid, doing, revision, still_wanted)
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            with suppress(Retryable):
                await self.store.delete(subjects.lease_key(uid))

    async def _guard(
        self,
        uid: str,
        doing: asyncio.Future[T],
        revision: int,
        still_wanted: Callable[[], Awaitable[bool]],
    ) -> T:
        while not doing.done():
            await asyncio.wait({doing}, timeout=RENEW_SECONDS)
            if doing.done():
                break
            try:
                async with asyncio.timeout(LEASE_SECONDS - RENEW_SECONDS):
                    revision = await self._write(uid, revision)
                    wanted = await still_wanted()
            except (TimeoutError, Retryable) as error:
                raise Lost(f"the lease of {uid} could not be renewed: {error}") from error
            if not wanted:
                raise Lost(f"the action of {uid} is no longer wanted")
        return doing.result()

    async def _take(self, uid: str) -> int | None:
        entry = await self.store.get(subjects.lease_key(uid))
        held = entry is not None and orjson.loads(entry.value)
        if held and held["until"] > self.clock().timestamp() and held["owner"] != self.owner:
            return None
        try:
            return await self._write(uid, entry.revision if entry else 0)
        except Conflict:
            return None

    async def _write(self, uid: str, revision: int) -> int:
        until = self.clock().timestamp() + LEASE_SECONDS
        value = orjson.dumps({"owner": self.owner, "until": until})
        return await self.store.put(subjects.lease_key(uid), value, revision)
