"""One kind of request at an even pace, whatever becomes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from crossfade_lab.load.counts import Counts
from crossfade_lab.models.server import DELIBERATE, MODEL
from crossfade_lab.router.port import USER

__all__ = ["USERS", "Stream"]

TIMEOUT_SECONDS = 5.0
USERS = 300


@dataclass(slots=True)
class Stream:
    """Sends `body` to what `url` says at that moment, `per_second` times a second.

    The n-th request leaves n / `per_second` seconds after the start, however long the others
    take: an open loop on an absolute schedule, so neither slow answers nor a busy machine make
    the rate drift. Where `url` says None the request is not sent.
    """

    name: str
    url: Callable[[], str | None]
    body: Mapping[str, Any]
    per_second: float
    headers: Mapping[str, str] = field(default_factory=dict)
    users: int = 0  # above 0: requests come from so many users in turn
    counts: Counts = field(default_factory=Counts)

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Send until cancelled; then wait for the answers that are still due."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        due: set[asyncio.Task[None]] = set()
        try:
            while True:
                await asyncio.sleep(began + self._turn() / self.per_second - loop.time())
                self._send(session, due)
        finally:
            if due:
                await asyncio.wait(due)

    def _turn(self) -> int:
        return self.counts.sent + self.counts.unsent

    def _send(self, session: aiohttp.ClientSession, due: set[asyncio.Task[None]]) -> None:
        url = self.url()
        if url is None:
            self.counts.unsent += 1
            return
        user = {USER: f"user-{self.counts.sent % self.users}"} if self.users else {}
        self.counts.sent += 1
        task = asyncio.create_task(self._ask(session, url, {**self.headers, **user}))
        due.add(task)
        task.add_done_callback(due.discard)

    async def _ask(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
    ) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with session.post(
                url, json=self.body, headers=headers, timeout=timeout
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.counts.lose(f"{self.name}: {error!r}")
            return
        meant = DELIBERATE in answer.headers
        if answer.status == 200 or meant:
            self.counts.answered(answer.headers.get(MODEL, ""), meant=meant)
        else:
            self.counts.lose(f"{self.name}: {answer.status} {text[:200]}")
