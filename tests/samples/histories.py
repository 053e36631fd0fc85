"""Every version that objects had, as a watch of the API server tells it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import orjson

from crossfade_lab.cluster.documents import Client

WATCH_SECONDS = 300


class Histories:
    """Follows whole kinds from now on; `async with` ends the watches."""

    def __init__(self, client: Client, kinds: Sequence[str]) -> None:
        self._client, self._kinds = client, kinds
        self._seen: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        self._watches: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Histories:
        for kind in self._kinds:
            listed = await self._client.request("GET", f"/apis/{kind}")
            version = listed.body["metadata"]["resourceVersion"]
            self._watches.append(asyncio.ensure_future(self._follow(kind, version)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def of(self, kind: str, namespace: str, name: str) -> list[dict[str, Any]]:
        """The versions of one object, oldest first; `kind` is `group/version/plural`."""
        return list(self._seen[kind, namespace, name])

    async def _follow(self, kind: str, version: str) -> None:
        async for event in self._events(kind, version):
            meta = event["object"]["metadata"]
            if event["type"] in ("ADDED", "MODIFIED"):
                self._seen[kind, meta["namespace"], meta["name"]].append(event["object"])

    async def _events(self, kind: str, version: str) -> AsyncIterator[dict[str, Any]]:
        query = f"watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
        headers = {"Authorization": f"Bearer {self._client.token}"}
        connector = aiohttp.TCPConnector(ssl=self._client.tls or True)
        timeout = aiohttp.ClientTimeout(total=WATCH_SECONDS + 10)
        url = f"{self._client.url}/apis/{kind}?{query}"
        async with (
            aiohttp.ClientSession(
                headers=headers if self._client.token else {},
                connector=connector,
                timeout=timeout,
                read_bufsize=1 << 20,
            ) as session,
            session.get(url) as answer,
        ):
            async for line in answer.content:
                yield orjson.loads(line)
