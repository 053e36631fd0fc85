"""Buckets of the broker as stores with compare-and-set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import nats.js.errors
from nats.js.errors import KeyDeletedError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from crossfade.errors import Conflict, Missing, Unreachable
from crossfade.runtime.connecting import TRANSIENT, Connection, nothing_sent, still_wanted
from crossfade.runtime.service import Entry

GONE = ("DEL", "PURGE")
LISTING_SECONDS = 10.0
IDLE_SECONDS = 15.0
"""How long the broker keeps a listing's consumer; five minutes of them fill up a bucket."""


@dataclass(slots=True)
class NatsStore:
    """One bucket. Raises Unreachable where the broker does not answer in time."""

    connection: Connection
    bucket: str
    _opened: KeyValue | None = field(default=None, init=False)

    async def get(self, key: str) -> Entry | None:
        """The value, or None."""
        try:
            found = await (await self._open()).get(key)
        except (KeyNotFoundError, KeyDeletedError):
            return None
        except TRANSIENT as error:
            raise Unreachable(f"bucket {self.bucket}: {error!r}") from error
        still_wanted()
        return Entry(found.value or b"", found.revision or 0)

    async def put(self, key: str, value: bytes, revision: int) -> int:
        """The new revision, if `revision` (0: absent) is still the stored one; else Conflict."""
        bucket = await self._open()
        try:
            if revision:
                stored = await bucket.update(key, value, last=revision)
            else:
                stored = await bucket.create(key, value)
        except KeyWrongLastSequenceError as error:
            raise Conflict(f"{self.bucket}/{key} is no longer at {revision}") from error
        except TRANSIENT as error:
            raise Unreachable(f"bucket {self.bucket}: {error!r}") from error
        still_wanted()
        return stored

    async def delete(self, key: str) -> None:
        """Forget a key; an absent one is no error."""
        try:
            await (await self._open()).delete(key)
        except (KeyNotFoundError, KeyDeletedError):
            return
        except TRANSIENT as error:
            raise Unreachable(f"bucket {self.bucket}: {error!r}") from error

    async def keys(self, pattern: str = ">") -> list[str]:
        """The keys that match a subject pattern."""
        # The client's own `keys` filters by substring and reads the whole bucket.
        bucket = await self._open()
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                watcher = await bucket.watch(
                    pattern,
                    meta_only=True,
                    inactive_threshold=IDLE_SECONDS,
                )
                try:
                    return [key async for key in _until_caught_up(watcher)]
                finally:
                    await watcher.stop()  # type: ignore[no-untyped-call]
        except (*TRANSIENT, TimeoutError) as error:
            raise Unreachable(f"bucket {self.bucket}: {error!r}") from error
        except nats.js.errors.APIError as error:
            raise Unreachable(f"bucket {self.bucket}: {error.description}") from error

    async def _open(self) -> KeyValue:
        if self._opened is None:
            try:
                self._opened = await self.connection.js.key_value(self.bucket)
            except nats.js.errors.BucketNotFoundError as error:
                raise Missing(f"no bucket {self.bucket}; run `crossfade bootstrap`") from error
            except TRANSIENT as error:
                raise Unreachable(f"bucket {self.bucket}: {error!r}") from error
        return self._opened


async def _until_caught_up(watcher: KeyValue.KeyWatcher) -> AsyncIterator[str]:
    """The keys that are there now; an entry knows how many follow.

    The client says that there is nothing when nothing has come, although it may be on its way.
    """
    async for entry in watcher:
        if entry is None:
            if await _is_empty(watcher):
                return
            continue
        if entry.operation not in GONE:
            yield entry.key
        if not entry.delta:
            return


async def _is_empty(watcher: KeyValue.KeyWatcher) -> bool:
    reader = watcher._sub  # noqa: SLF001  nothing public tells; the version is pinned
    return reader is None or nothing_sent(await reader.consumer_info())
