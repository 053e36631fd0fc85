"""Server-sent events: the present state again whenever it changed, never a backlog.

A slow reader gets fewer, newer states; what it costs is one small loop, not a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import takewhile
from typing import Any

import orjson
from aiohttp import web

from crossfade_console.projection import Projection, Run
from crossfade_console.views import detail, joined, row

HEARTBEAT_SECONDS = 15.0
GATHER_SECONDS = 0.1
GATHER_LIST_SECONDS = 0.5

Send = Callable[[], Awaitable[int]]


async def stream(request: web.Request) -> web.StreamResponse:
    """An open event stream."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    await response.prepare(request)
    await response.write(b"retry: 2000\n\n")
    return response


async def follow_run(
    response: web.StreamResponse,
    projection: Projection,
    find: Callable[[], Run | None],
    now: Callable[[], datetime],
) -> None:
    """Send a run's view with the points that are new, at every change, until it is left."""
    seen, global_seen, since, uid = -1, -1, -1, ""
    while True:
        run = find()
        if run is not None and run.known.uid != uid:
            seen, since, uid = -1, -1, run.known.uid  # deleted and made again: a new run
        if run is not None and run.version > seen:
            seen, global_seen = run.version, projection.version
            view, lines = orjson.dumps(detail(run, now())), _fresh(run, since < 0)
            points = run.history.points(since)
            since = run.history.last.get("i", -1)
            await _send(response, "run", str(seen), joined(view, points, lines))
        else:
            global_seen = max(global_seen, projection.version)
        await projection.wait(global_seen, HEARTBEAT_SECONDS)
        if projection.version == global_seen:
            await response.write(b": still here\n\n")
        await asyncio.sleep(GATHER_SECONDS)


async def follow_list(
    response: web.StreamResponse, projection: Projection, cursor: str
) -> None:
    """Send the rows that changed since a cursor, gathered over half a second, until it is left."""
    seen = projection.since(cursor)
    while True:
        await projection.wait(seen, HEARTBEAT_SECONDS)
        await asyncio.sleep(GATHER_LIST_SECONDS)
        changed = _changed_since(projection, seen)
        seen = projection.version
        if changed:
            await _send(response, "rows", f"{projection.born}.{seen}", orjson.dumps(changed))
        else:
            await response.write(b": still here\n\n")


def _changed_since(projection: Projection, seen: int) -> list[dict[str, Any]]:
    return [row(r) for r in takewhile(lambda r: r.version > seen, projection.latest())]


def _fresh(run: Run, whole: bool) -> list[bytes]:
    """The newest lines of the log; the page drops those that it has."""
    lines = list(run.lines)
    return lines if whole else lines[-20:]


async def _send(response: web.StreamResponse, event: str, cursor: str, data: bytes) -> None:
    head = f"event: {event}\nid: {cursor}\ndata: ".encode()
    await response.write(head + data + b"\n\n")
