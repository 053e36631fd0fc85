"""Lists in pages and watches from a version, with bookmarks and 410 when it is forgotten."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from crossfade_lab.cluster.requests import Target, flag
from crossfade_lab.cluster.selectors import Predicate, selector
from crossfade_lab.cluster.statuses import Status, bad_request
from crossfade_lab.cluster.storage import Change, Store
from crossfade_lab.cluster.tables import table
from crossfade_lab.cluster.views import outward

__all__ = ["BOOKMARK_SECONDS", "Listed", "Watch", "error_line", "listed"]

BOOKMARK_SECONDS = 60.0
_LAST_BOOKMARK_SECONDS = 2.0  # how long before the end of a watch the real server sends one
_LIST_END = {"k8s.io/initial-events-end": "true"}


@dataclass(frozen=True, slots=True)
class Listed:
    """The objects of one page and the list's own metadata."""

    items: list[dict[str, Any]]
    metadata: dict[str, Any]


def _selector(at: Target, query: Mapping[str, str]) -> Predicate | None:
    fields = query.get("fieldSelector", "")
    if at.name:
        fields = f"{fields},metadata.name={at.name}"
    return selector(query.get("labelSelector", ""), fields, custom=at.kind.custom)


def listed(store: Store, at: Target, query: Mapping[str, str]) -> Listed:
    """One page of a list; Status 400 for bad parameters, 410 for a token that is too old."""
    wanted = _selector(at, query)
    limit, token = _number(query, "limit"), query.get("continue", "")
    _check_version(store, query)
    version, after = _opened(token) if token else (store.version, None)
    place = at.kind.storage
    pairs = (
        store.items_at(place, at.namespace, version)
        if token
        else store.items(place, at.namespace)
    )
    pairs = [
        p for p in pairs if (after is None or p[0] > after) and (not wanted or wanted(p[1]))
    ]
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if at.kind.custom:
        metadata["continue"] = ""
    if limit and len(pairs) > limit and query.get("resourceVersion") != "0":
        metadata["continue"] = _token(version, pairs[limit - 1][0])
        if wanted is None:
            metadata["remainingItemCount"] = len(pairs) - limit
        pairs = pairs[:limit]
    return Listed([outward(at.kind, item) for _, item in pairs], metadata)


def _check_version(store: Store, query: Mapping[str, str]) -> None:
    asked = _number(query, "resourceVersion")
    if asked > store.version:
        text = f"Too large resource version: {asked}, current: {store.version}"
        raise Status(504, "Timeout", text, {"retryAfterSeconds": 1})


def _number(query: Mapping[str, str], key: str) -> int:
    text = query.get(key, "") or "0"
    if not text.isdecimal():
        raise bad_request(f'Invalid value: "{text}": {key} must be a whole number')
    return int(text)


def _token(version: int, last: tuple[str, str]) -> str:
    raw = orjson.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(last)})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _opened(token: str) -> tuple[int, tuple[str, str]]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = found["start"]
        return int(found["rv"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(
            "continue key is not valid: it was not made by this server"
        ) from error


class Watch:
    """One client's view of what changes; iterate over `lines()`, then `close()`."""

    def __init__(
        self,
        store: Store,
        at: Target,
        query: Mapping[str, str],
        *,
        include: str | None = None,
        bookmark_seconds: float = BOOKMARK_SECONDS,
    ) -> None:
        self._store, self._kind, self._place = store, at.kind, at.kind.storage
        self._namespace = at.namespace
        self._wanted = _selector(at, query)
        self._include = include
        self._headings = True
        self._bookmarks = flag(query, "allowWatchBookmarks")
        self._every = bookmark_seconds
        self._seconds = float(_number(query, "timeoutSeconds")) or random.uniform(1800, 3600)
        self._asked = _number(query, "resourceVersion")
        self._told = self._asked
        # Newer clients ask for a list as a watch: what is there, then a marked bookmark.
        self._listing = flag(query, "sendInitialEvents")
        if self._listing:
            self._asked = 0
        backlog, self._queue = store.listen(self._place, self._asked or None)
        self._backlog: list[Change] = backlog

    def close(self) -> None:
        """Hear of nothing more."""
        self._store.leave(self._place, self._queue)

    async def lines(self) -> AsyncIterator[bytes]:
        """JSON lines until the time is up or the server hangs up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        for line in self._before():
            yield line
        last = end - min(_LAST_BOOKMARK_SECONDS, self._seconds / 2)
        bookmark = min(last, loop.time() + self._every)
        while (now := loop.time()) < end:
            try:
                change = await asyncio.wait_for(self._queue.get(), min(bookmark, end) - now)
            except TimeoutError:
                if loop.time() >= bookmark:
                    bookmark = (
                        end + 1 if bookmark >= last else min(last, bookmark + self._every)
                    )
                    for line in self._bookmark():
                        yield line
                continue
            if change is None:
                return
            for line in self._line(change):
                yield line

    def _before(self) -> list[bytes]:
        if self._asked:
            return [line for change in self._backlog for line in self._line(change)]
        self._told = self._store.version
        pairs = self._store.items(self._place, self._namespace)
        shown = [item for _, item in pairs if not self._wanted or self._wanted(item)]
        lines = [self._encoded("ADDED", outward(self._kind, item)) for item in shown]
        return [*lines, self._marker(_LIST_END)] if self._listing else lines

    def _line(self, change: Change) -> list[bytes]:
        self._told = change.version
        what = self._what(change)
        if what is None:
            return []
        if what == "DELETED" != change.what and change.before is not None:
            # It left the selection: shown as it was last seen, under the version of the change.
            return [
                self._encoded(what, outward(self._kind, _under(change.version, change.before)))
            ]
        if self._include is None and self._kind.group != "events.k8s.io":
            body = change.encoded(self._kind.api_version)
            return [b'{"type":"' + what.encode() + b'","object":' + body + b"}\n"]
        return [self._encoded(what, outward(self._kind, change.now))]

    def _what(self, change: Change) -> str | None:
        """The event as this client sees it: a selector can make a change come or go."""
        if self._namespace and change.key[0] != self._namespace:
            return None
        if self._wanted is None:
            return change.what
        matched = change.before is not None and self._wanted(change.before)
        matches = change.what != "DELETED" and self._wanted(change.now)
        if matches:
            return "MODIFIED" if matched else "ADDED"
        return "DELETED" if matched else None

    def _bookmark(self) -> list[bytes]:
        if not self._bookmarks or self._told >= self._store.version:
            return []
        return [self._marker()]

    def _marker(self, annotations: Mapping[str, str] | None = None) -> bytes:
        self._told = self._store.version
        version = {"resourceVersion": str(self._told), "creationTimestamp": None}
        body = {
            "kind": self._kind.kind,
            "apiVersion": self._kind.api_version,
            "metadata": {**version, **({"annotations": annotations} if annotations else {})},
        }
        return orjson.dumps({"type": "BOOKMARK", "object": body}) + b"\n"

    def _encoded(self, what: str, item: dict[str, Any]) -> bytes:
        if self._include is not None:
            version = {"resourceVersion": item["metadata"]["resourceVersion"]}
            item = table(
                self._kind, [item], version, include=self._include, headings=self._headings
            )
            self._headings = False
        return orjson.dumps({"type": what, "object": item}) + b"\n"


def _under(version: int, item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}


def error_line(error: Status) -> bytes:
    """The line that ends a watch which cannot go on."""
    return orjson.dumps({"type": "ERROR", "object": error.body()}) + b"\n"
