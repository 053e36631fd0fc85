"""What the cluster holds, every version it held lately, and who wants to hear of the next one.

Stored objects are shared and never changed in place. All versions come from one counter, as in
etcd. The last `LOG_LENGTH` changes are remembered; older ones are 410 to whoever asks for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade_lab.cluster.statuses import expired

__all__ = ["LOG_LENGTH", "Change", "Key", "Place", "Store"]

LOG_LENGTH = 10_000

Place = tuple[str, str]
Key = tuple[str, str]
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One stored version: what it is now, and what it was before (None for a new object)."""

    version: int
    what: str
    place: Place
    key: Key
    now: Object
    before: Object | None
    _encoded: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def encoded(self, api_version: str) -> bytes:
        """The object as JSON in one version of its API; made once for all watchers."""
        if api_version not in self._encoded:
            self._encoded[api_version] = orjson.dumps({**self.now, "apiVersion": api_version})
        return self._encoded[api_version]


class Store:
    """The objects by place (group, plural) and key (namespace, name)."""

    def __init__(self, log_length: int = LOG_LENGTH) -> None:
        self.version = 1
        self._objects: dict[Place, dict[Key, Object]] = {}
        self._log: deque[Change] = deque(maxlen=log_length)
        self._floor: dict[Place, int] = {}
        self._forgotten = 0
        self._listeners: dict[Place, set[asyncio.Queue[Change | None]]] = {}

    def opened(self, place: Place) -> None:
        """Remember that nothing before now can be watched here."""
        self._floor.setdefault(place, self.version)

    def get(self, place: Place, key: Key) -> Object | None:
        """The object as it is now."""
        return self._objects.get(place, {}).get(key)

    def put(self, place: Place, key: Key, item: Object) -> Object:
        """The object as stored, under the next version."""
        before = self.get(place, key)
        stored = self._stamped(item)
        self._objects.setdefault(place, {})[key] = stored
        self._tell("MODIFIED" if before else "ADDED", place, key, stored, before)
        return stored

    def drop(self, place: Place, key: Key) -> Object | None:
        """The object as it was last, under a version of its own, or None if it was not there."""
        before = self._objects.get(place, {}).pop(key, None)
        if before is None:
            return None
        last = self._stamped(before)
        self._tell("DELETED", place, key, last, before)
        return last

    def items(self, place: Place, namespace: str = "") -> list[tuple[Key, Object]]:
        """What is there now in key order; every namespace's for ''."""
        found = self._objects.get(place, {}).items()
        return sorted(
            (pair for pair in found if not namespace or pair[0][0] == namespace),
            key=lambda pair: pair[0],
        )

    def items_at(self, place: Place, namespace: str, version: int) -> list[tuple[Key, Object]]:
        """What was there at that version; Status 410 if it is forgotten."""
        then = dict(self._objects.get(place, {}))
        for change in self._since(place, version):
            if change.before is None:
                then.pop(change.key, None)
            else:
                then[change.key] = change.before
        return sorted(p for p in then.items() if not namespace or p[0][0] == namespace)

    def history(self, place: Place, key: Key) -> list[Object]:
        """Every remembered version of one object, oldest first, deletions left out."""
        return [
            change.now
            for change in self._log
            if change.key == key and change.place == place and change.what != "DELETED"
        ]

    def forget(self) -> None:
        """Forget all changes up to now, as a restarted API server does."""
        self._forgotten = self.version
        self._log.clear()

    def listen(
        self, place: Place, version: int | None
    ) -> tuple[list[Change], asyncio.Queue[Change | None]]:
        """Changes after `version` so far, and a queue for those to come; None ends it."""
        backlog = [] if version is None else list(reversed(list(self._since(place, version))))
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._listeners.setdefault(place, set()).add(queue)
        return backlog, queue

    def leave(self, place: Place, queue: asyncio.Queue[Change | None]) -> None:
        """Send nothing to this queue any more."""
        self._listeners.get(place, set()).discard(queue)

    def listeners(self, place: Place) -> int:
        """How many queues hear of this place."""
        return len(self._listeners.get(place, ()))

    def hang_up(self, place: Place | None = None) -> None:
        """End the queues of one place, or all of them."""
        for listened, queues in self._listeners.items():
            if place is None or listened == place:
                for queue in queues:
                    queue.put_nowait(None)

    def _since(self, place: Place, version: int) -> Iterator[Change]:
        # Newest first, so that a watcher who is up to date pays nothing for the log's length.
        oldest = max(self._forgotten, self._floor.get(place, 0))
        if version < oldest:
            raise expired(version, oldest)
        for change in reversed(self._log):
            if change.version <= version:
                break
            if change.place == place:
                yield change

    def _stamped(self, item: Mapping[str, Any]) -> Object:
        self.version += 1
        metadata = {**item["metadata"], "resourceVersion": str(self.version)}
        return {**item, "metadata": metadata}

    def _tell(
        self, what: str, place: Place, key: Key, now: Object, before: Object | None
    ) -> None:
        if len(self._log) == self._log.maxlen:
            self._forgotten = max(self._forgotten, self._log[0].version)
        change = Change(self.version, what, place, key, now, before)
        self._log.append(change)
        for queue in self._listeners.get(place, ()):
            queue.put_nowait(change)
