"""Load: requests to one address at a steady pace, each answer counted by its time and code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossfade_actuator.actions.histograms import Recording

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_SECONDS = 5.0
NO_ANSWER = -1
"""The return code of a request that got none, as load generators write it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is sent to one version. `count` requests or `seconds` long, whichever is given."""

    version: str
    url: str
    qps: float
    connections: int
    count: int | None = None
    seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)

    @property
    def lasts(self) -> float:
        """How long it is meant to take, in seconds."""
        return self.count / self.qps if self.count is not None else self.seconds or 0.0


@dataclass(slots=True)
class Load:
    """One stream under way: its requests are due one after the other, whoever sends them."""

    stream: Stream
    recording: Recording = field(default_factory=Recording)
    trouble: str = ""
    """The last reason for which there was no answer."""
    seconds: float = 0.0
    _next: int = field(default=0, init=False)

    async def run(self) -> None:
        """Send all of it, and wait for the last answer."""
        import aiohttp  # at the first load

        loop, stream = asyncio.get_running_loop(), self.stream
        connector = aiohttp.TCPConnector(limit=stream.connections)
        limit = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        began = loop.time()
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=limit, headers=dict(stream.headers)
            ) as session,
            asyncio.TaskGroup() as senders,
        ):
            for _ in range(min(stream.connections, stream.count or stream.connections)):
                senders.create_task(self._send(session, began))
        self.seconds = loop.time() - began

    async def _send(self, session: aiohttp.ClientSession, began: float) -> None:
        loop = asyncio.get_running_loop()
        while (due := self._due(began)) is not None:
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self.stream.count is None and loop.time() - began >= (self.stream.seconds or 0):
                return  # the server is slower than the pace
            await self._ask(session)

    def _due(self, began: float) -> float | None:
        """When the next request is due; None when there is none."""
        number, stream = self._next, self.stream
        after = number / stream.qps
        if stream.count is not None:
            if number >= stream.count:
                return None
        elif after >= (stream.seconds or 0):
            return None
        self._next += 1
        return began + after

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        import aiohttp

        loop, stream = asyncio.get_running_loop(), self.stream
        method = "GET" if stream.body is None else "POST"
        began = loop.time()
        try:
            async with session.request(
                method, stream.url, data=stream.body, allow_redirects=False
            ) as answer:
                await answer.read()
                code = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            code = NO_ANSWER
            self.trouble = str(error) or f"none within {TIMEOUT_SECONDS:g} s"
        self.recording.note(loop.time() - began, code)
