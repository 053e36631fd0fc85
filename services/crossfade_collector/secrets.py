"""Secrets that metrics name: read one at a time, when needed, and never logged.

A bare name is a Secret in the collector's own namespace, as under Iter8; `namespace/name` names
any. What is read is kept for `KEPT_SECONDS`, so that a changed token works within a tick or two.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from crossfade.errors import Forbidden, Malformed, NotFound, Unreachable
from crossfade.runtime.secret_files import DirectorySecrets, text_of

__all__ = ["DirectorySecrets", "KeptSecrets", "KubernetesSecrets", "NoSecrets", "SecretSource"]

KEPT_SECONDS = 10.0
KEPT = 1024

Secret = Mapping[str, str]
"""Keys to texts."""


class SecretSource(Protocol):
    """Reads one Secret."""

    async def secret(self, namespace: str, name: str) -> Secret:
        """Its keys. Raises NotFound, Forbidden, Malformed (not text) or Unreachable."""
        ...


@dataclass(frozen=True, slots=True)
class NoSecrets:
    """An installation without any."""

    async def secret(self, namespace: str, name: str) -> Secret:
        """Raises NotFound, and says what to set."""
        raise NotFound(
            f"secret {namespace}/{name}: there is no cluster and no folder of secrets; "
            "CROSSFADE_COLLECTOR__SECRETS_DIRECTORY names one"
        )


@dataclass(slots=True)
class KubernetesSecrets:
    """The cluster's Secrets; needs `get` on the named ones and nothing else.

    `connect` gives an API client (`kubernetes_asyncio.client.ApiClient`) when first needed.
    """

    connect: Callable[[], Awaitable[Any]]
    timeout_seconds: float = 5.0
    client: Any = None

    async def secret(self, namespace: str, name: str) -> Secret:
        """Its decoded keys. Raises NotFound, Forbidden, Malformed or Unreachable."""
        from aiohttp import ClientError
        from kubernetes_asyncio.client import ApiException, CoreV1Api  # heavy: lazily
        from kubernetes_asyncio.config import ConfigException

        where = f"secret {namespace}/{name}"
        try:
            if self.client is None:
                self.client = await self.connect()
            found = await CoreV1Api(self.client).read_namespaced_secret(
                name, namespace, _request_timeout=self.timeout_seconds
            )
        except ApiException as error:
            raise _translated(where, error.status) from error
        except ConfigException as error:
            raise NotFound(f"{where}: there is no cluster to read it from ({error})") from error
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{where}: the cluster does not answer ({error!r})") from error
        return {k: _decoded(where, k, v) for k, v in (found.data or {}).items()}

    async def close(self) -> None:
        """Close the connection to the cluster."""
        client, self.client = self.client, None
        if client is not None:
            await client.close()


@dataclass(slots=True)
class KeptSecrets:
    """Another source, asked at most once in `seconds` for each Secret, failures included."""

    source: SecretSource
    seconds: float = KEPT_SECONDS
    clock: Callable[[], float] = monotonic
    kept: dict[tuple[str, str], tuple[float, asyncio.Task[Secret]]] = field(
        default_factory=dict, repr=False
    )

    async def secret(self, namespace: str, name: str) -> Secret:
        """The Secret, at most `seconds` old. Raises what the source raises."""
        key, now = (namespace, name), self.clock()
        since, task = self.kept.get(key, (now - self.seconds, None))
        if task is None or now - since >= self.seconds:
            task = asyncio.ensure_future(self.source.secret(namespace, name))
            # Read by every waiter below, or by nobody if they are all cancelled.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._make_room()
            self.kept[key] = (now, task)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Close the source, if it holds a connection."""
        if isinstance(self.source, KubernetesSecrets):
            await self.source.close()

    def _make_room(self) -> None:
        while len(self.kept) >= KEPT:
            self.kept.pop(next(iter(self.kept)))


def _translated(where: str, status: int) -> Exception:
    if status == 404:
        return NotFound(f"{where} does not exist")
    if status in (401, 403):
        return Forbidden(f"{where}: the collector may not read it; bind a Role that allows get")
    return Unreachable(f"{where}: the cluster answers HTTP {status}")


def _decoded(where: str, key: str, value: str) -> str:
    try:
        return text_of(where, key, base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise Malformed(f"{where}: key {key} is not base64") from error
