"""`metrics/collect`: sends load to versions and keeps how long their answers take.

The inputs of both eras: `qps` of a version (up to Iter8 0.7.22) comes before that of the task.
Versions get their load side by side. Source: v2alpha2 §5.4.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from crossfade.resources import Task
from crossfade_actuator.actions.histograms import merged
from crossfade_actuator.actions.inputs import (
    entries,
    number,
    plain,
    seconds,
    text,
    truth,
    whole,
    wrong,
)
from crossfade_actuator.actions.loading import NO_ANSWER, Load, Stream
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed

QPS, CONNECTIONS, QUERIES = 8.0, 4, 100
OLD_TIME = "5s"
FASTEST = 2000
"""Requests a second; the actuator itself sends them."""
LARGEST_PAYLOAD = 10_000_000
PAYLOAD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Collect:
    """Sends its streams; `load_only` keeps nothing of them."""

    streams: tuple[Stream, ...]
    payload_url: str | None = None
    content_type: str | None = None
    load_only: bool = False

    @classmethod
    def of(cls, task: Task) -> Collect:
        """From the task's inputs. Raises TaskFailed for missing or odd ones."""
        given = task.inputs
        versions = entries(given, "versions")
        if not versions:
            raise wrong("with.versions", given.get("versions"), "a list of {name, url}")
        payload = text(given, "payloadStr", "a text", otherwise=None)
        shared = Stream(
            "",
            "",
            _pace(given, QPS),
            whole(given, "connections", CONNECTIONS, 1, 256),
            *_extent(given, versions),
            body=None if payload is None else payload.encode(),
        )
        streams = [_stream(entry, i, shared) for i, entry in enumerate(versions)]
        return cls(
            tuple(streams),
            text(given, "payloadURL", "an address", otherwise=None),
            text(given, "contentType", "a content type", otherwise=None),
            truth(given, "loadOnly", False),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Send it all. Fails where a version never answered, or where there is no time for it."""
        longest = max(stream.lasts for stream in self.streams)
        if longest > attempt.seconds:
            raise TaskFailed(
                f"the load takes {longest:.0f} s and the action has {attempt.seconds:.0f} s left"
            )
        loads = [Load(stream) for stream in await self._laden()]
        try:
            async with asyncio.timeout(attempt.seconds), asyncio.TaskGroup() as sending:
                for load in loads:
                    sending.create_task(load.run())
        except TimeoutError:
            raise TaskFailed(
                f"the load did not end within the {attempt.seconds:.0f} s that were left"
            ) from None
        told = "\n".join(_said(load) for load in loads)
        if silent := [load for load in loads if set(load.recording.codes) == {str(NO_ANSWER)}]:
            names = "; ".join(f"{s.stream.version}: {s.trouble}" for s in silent)
            return Outcome(False, f"{told}\nno answer from {names}")
        kept = {} if self.load_only else _kept(loads)
        return Outcome(True, told, histograms=kept)

    async def _laden(self) -> list[Stream]:
        """The streams with their payload and its type."""
        body = self.streams[0].body
        if self.payload_url is not None:
            body = await _fetched(self.payload_url)
        if body is None and self.content_type is None:
            return list(self.streams)
        body = body or b""  # a content type alone makes it a POST, as with fortio
        sort = self.content_type or _sort(body)
        return [
            replace(stream, body=body, headers={"Content-Type": sort} | dict(stream.headers))
            for stream in self.streams
        ]


def _pace(given: Mapping[str, Any], otherwise: float) -> float:
    """Requests a second; 0 asks for as many as there can be."""
    return number(given, "qps", otherwise, 0, FASTEST) or FASTEST


def _extent(
    given: Mapping[str, Any], versions: list[Mapping[str, Any]]
) -> tuple[int | None, float | None]:
    """How many requests, or for how many seconds; a number comes before a time."""
    if given.get("numQueries") is not None:
        return whole(given, "numQueries", QUERIES, 1, 10_000_000), None
    if given.get("time") is not None:
        return None, seconds(given["time"], "with.time")
    if any("qps" in version for version in versions):
        return None, seconds(OLD_TIME, "with.time")
    return QUERIES, None


def _stream(entry: Mapping[str, Any], place: int, shared: Stream) -> Stream:
    where = f"with.versions[{place}]"
    headers = entry.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise wrong(f"{where}.headers", headers, "a mapping of names to texts")
    url = text(entry, "url", "an http or https address", within=where)
    if not url.startswith(("http://", "https://")):
        raise wrong(f"{where}.url", url, "an http or https address")
    return replace(
        shared,
        version=text(entry, "name", "a version's name", within=where),
        url=url,
        qps=_pace(entry, shared.qps),
        headers={str(k): plain(v) for k, v in headers.items()},
    )


async def _fetched(url: str) -> bytes:
    import aiohttp

    limit = aiohttp.ClientTimeout(total=PAYLOAD_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            body = await answer.content.read(LARGEST_PAYLOAD + 1)
            while len(body) <= LARGEST_PAYLOAD and (more := await answer.content.readany()):
                body += more
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise TaskFailed(f"with.payloadURL: {url} cannot be read: {error or 'late'}") from error
    if status >= 400:
        raise TaskFailed(f"with.payloadURL: {url} answers HTTP {status}")
    if len(body) > LARGEST_PAYLOAD:
        raise TaskFailed(f"with.payloadURL: {url} is larger than {LARGEST_PAYLOAD} bytes")
    return body


def _sort(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        return "application/octet-stream"
    return "application/json"


def _said(load: Load) -> str:
    recording = load.recording
    count = recording.counts.total()
    codes = ", ".join(f"{n} × {code}" for code, n in sorted(recording.codes.items()))
    mean = 1000 * recording.total / count if count else 0.0
    return (
        f"{load.stream.version}: {count} requests in {load.seconds:.1f} s, {codes or 'none'}, "
        f"mean {mean:.1f} ms"
    )


def _kept(loads: list[Load]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for load in loads:
        kept = merged(kept, {load.stream.version: load.recording.to_json()})
    return kept
