"""What a running Envoy says about itself on its admin port."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from crossfade.errors import Unreachable
from crossfade_lab.router.resources import ROUTES

__all__ = ["Admin", "Seen", "patiently"]

_CLUSTERS = "cluster_manager.cds"
_ROUTES = f"http.ingress.rds.{ROUTES}"
_FILTER = rf"^({re.escape(_CLUSTERS)}|{re.escape(_ROUTES)})\.(version_text|update_rejected)$"
_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
_POLL_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Seen:
    """The versions in force, and how many updates Envoy has refused."""

    clusters: str
    routes: str
    refused: int


class Admin:
    """Reads; nothing is ever changed through this port."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str) -> str:
        """The body of `path`; raises Unreachable unless the answer is 200."""
        try:
            async with self._session.get(f"{self._url}{path}", timeout=_TIMEOUT) as answer:
                body = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(
                f"Envoy's admin port does not answer {path}: {error!r}"
            ) from error
        if answer.status != 200:
            raise Unreachable(f"Envoy's admin port answers {path} with {answer.status}: {body}")
        return body

    async def seen(self) -> Seen:
        """What is in force now."""
        try:
            params = {"filter": _FILTER}
            async with self._session.get(
                f"{self._url}/stats", params=params, timeout=_TIMEOUT
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"Envoy's admin port does not answer: {error!r}") from error
        return _seen(text)

    async def wait(self, until: Callable[[Seen], bool], within_seconds: float) -> Seen | None:
        """The first state for which `until` holds; None if there was none in time."""
        seen = await self.seen()
        deadline = asyncio.get_running_loop().time() + within_seconds
        while not until(seen):
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(_POLL_SECONDS)
            seen = await self.seen()
        return seen


async def patiently(
    ask: Callable[[], Awaitable[str] | str], alive: Callable[[], bool], within_seconds: float
) -> str:
    """What `ask` answers once it does; raises Unreachable if it does not in time."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        try:
            answer = ask()
            return answer if isinstance(answer, str) else await answer
        except Unreachable:
            if not alive() or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.01)


def _seen(text: str) -> Seen:
    lines = (line.partition(": ") for line in text.splitlines())
    found = {name: value.strip('"') for name, _, value in lines}
    refused = (found.get(f"{p}.update_rejected", "0") for p in (_CLUSTERS, _ROUTES))
    return Seen(
        clusters=found.get(f"{_CLUSTERS}.version_text", ""),
        routes=found.get(f"{_ROUTES}.version_text", ""),
        refused=sum(map(int, refused)),
    )
