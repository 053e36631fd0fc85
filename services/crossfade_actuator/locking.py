"""The target lock: one run at a time holds a target, the others queue by (initTime, uid).

Entering, leaving and taking over are one compare-and-set of one small value, so there are never
two heads. Source: v2alpha2 §3.4; architecture §2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from crossfade.errors import Conflict
from crossfade.events import subjects
from crossfade.runtime.service import Store

ATTEMPTS = 200

Place = tuple[float, str]
_Change = Callable[[list[Place]], list[Place]]


@dataclass(frozen=True, slots=True)
class TargetLock:
    """Queues in the runs bucket, one a target."""

    store: Store

    async def enter(self, target: str, uid: str, since: float) -> bool:
        """Whether the run holds the target; it queues if it did not yet."""
        return await self.holder(target, uid, since) == uid

    async def holder(self, target: str, uid: str, since: float) -> str:
        """The run that holds the target, once this one is in the queue."""
        queue = await self._change(target, lambda q: _placed(q, (since, uid)))
        return queue[0][1]

    async def leave(self, target: str, uid: str) -> str | None:
        """The run that holds the target now, if any; leaving twice changes nothing."""
        queue = await self._change(target, lambda q: [p for p in q if p[1] != uid])
        return queue[0][1] if queue else None

    async def queue(self, target: str) -> list[str]:
        """The uids in the queue, the holder first."""
        return [uid for _, uid in (await self._read(target))[0]]

    async def _change(self, target: str, how: _Change) -> list[Place]:
        key = subjects.target_key(target)
        for _ in range(ATTEMPTS):
            before, revision = await self._read(target)
            after = how(before)
            if after == before:
                return after
            try:
                await self.store.put(key, _encode(target, after), revision)
            except Conflict:
                continue
            return after
        raise Conflict(f"the queue of target {target!r} changes faster than it can be written")

    async def _read(self, target: str) -> tuple[list[Place], int]:
        entry = await self.store.get(subjects.target_key(target))
        if entry is None:
            return [], 0
        queue = orjson.loads(entry.value)["queue"]
        return [(place["since"], place["uid"]) for place in queue], entry.revision


def _placed(queue: list[Place], place: Place) -> list[Place]:
    """The queue with a newcomer; the holder stays where it is, whoever came earlier."""
    if any(uid == place[1] for _, uid in queue):
        return queue
    return [*queue[:1], *sorted([*queue[1:], place])] if queue else [place]


def _encode(target: str, queue: list[Place]) -> bytes:
    places = [{"uid": uid, "since": since} for since, uid in queue]
    return orjson.dumps({"target": target, "queue": places})
