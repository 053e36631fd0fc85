"""Follows all objects of a kind: list, watch from there, and list again when the thread breaks."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from crossfade.errors import Retryable, Unreachable

__all__ = ["Cluster", "Objects", "follow"]

log = logging.getLogger(__name__)

Objects = Mapping[str, dict[str, Any]]  # `namespace/name` → the object
_LIST = aiohttp.ClientTimeout(total=15.0)
_LONGEST_WAIT_SECONDS = 5.0
_WORTH_TELLING = 3  # failures in a row


class Expired(Retryable):
    """The version that was asked for is too old: list again."""


class Cluster:
    """The few things the operator asks of an API server."""

    def __init__(
        self, url: str, token: str | None = None, tls: ssl.SSLContext | bool = True
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = tls

    async def __aenter__(self) -> Cluster:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def objects(self, path: str) -> tuple[str, dict[str, dict[str, Any]]]:
        """The list's resourceVersion and the objects at `path`; raises Unreachable."""
        async with self._session.get(self._url + path, timeout=_LIST) as answer:
            if answer.status != 200:
                raise Unreachable(f"{path} answers {answer.status}")
            listed = await answer.json()
        items = {_key(item): item for item in listed.get("items") or ()}
        return listed["metadata"]["resourceVersion"], items

    async def watch(
        self, path: str, version: str, told: Callable[[str, dict[str, Any]], None]
    ) -> None:
        """Call `told(type, object)` for each event after `version`, until the server ends it."""
        seconds = random.randint(240, 300)
        params = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=seconds + 15.0)
        async with self._session.get(
            self._url + path, params=params, timeout=timeout, read_bufsize=2**22
        ) as answer:
            if answer.status == 410:
                raise Expired
            if answer.status != 200:
                raise Unreachable(f"watching {path} answers {answer.status}")
            async for line in answer.content:
                _tell(line, told)

    async def set_status(self, path: str, status: Mapping[str, Any]) -> int:
        """Merge `status` into the object at `path`; the HTTP status of the answer."""
        async with self._session.patch(
            f"{self._url}{path}/status",
            data=json.dumps({"status": status}),
            headers={"Content-Type": "application/merge-patch+json"},
            timeout=_LIST,
        ) as answer:
            return answer.status


def _tell(line: bytes, told: Callable[[str, dict[str, Any]], None]) -> None:
    if not line.strip():
        return
    event = json.loads(line)
    if event["type"] == "ERROR":
        raise Expired(f"{event['object'].get('code')} {event['object'].get('message')}")
    told(event["type"], event["object"])


async def follow(cluster: Cluster, path: str, tell: Callable[[Objects], None]) -> None:
    """Keep telling all objects at `path`, first as listed and then at every change, for ever."""
    failures = 0
    while True:
        try:
            version, objects = await cluster.objects(path)
            tell(objects)
            failures = 0
            await _watch_from(cluster, path, version, objects, tell)
        except (Retryable, aiohttp.ClientError, TimeoutError, ValueError) as error:
            # Also while the kind's definition is not there yet: that is a 404 like any other.
            failures += 1
            level = logging.WARNING if failures == _WORTH_TELLING else logging.DEBUG
            log.log(level, "watch broken", extra={"path": path, "error": repr(error)})
        pause = random.uniform(0.2, 0.5) * 2 ** min(failures, 5)
        await asyncio.sleep(min(pause, _LONGEST_WAIT_SECONDS))


async def _watch_from(
    cluster: Cluster,
    path: str,
    version: str,
    objects: dict[str, dict[str, Any]],
    tell: Callable[[Objects], None],
) -> None:
    last = version

    def told(kind: str, item: dict[str, Any]) -> None:
        nonlocal last
        last = item["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            objects.pop(_key(item), None)
        else:
            objects[_key(item)] = item
        tell(objects)

    while True:  # the server ends each watch after a few minutes; the next goes on from there
        began = asyncio.get_running_loop().time()
        await cluster.watch(path, last, told)
        if asyncio.get_running_loop().time() - began < 1.0:
            raise Unreachable(f"watching {path} ended at once")


def _key(item: Mapping[str, Any]) -> str:
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
