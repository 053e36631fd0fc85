"""One call to the Kubernetes API: a timeout, bounded retries, and errors of our own.

The generic call of kubernetes_asyncio is used for every kind, unparsed: its typed calls have no
default timeout, ignore `retries`, and its dynamic client returns errors as objects.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from crossfade.errors import Conflict, Forbidden, Malformed, NotFound, Permanent, Unreachable
from crossfade.settings import ClusterSettings

log = logging.getLogger(__name__)

ATTEMPTS = 4
PAUSES = (0.1, 0.3, 1.0)
LONGEST_RETRY_AFTER = 5.0
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")

Query = Sequence[tuple[str, str]]


class Rejected(Permanent):
    """The API server understood the write and refused it: 400, 422, or an admission webhook."""


@dataclass(slots=True)
class KubernetesApi:
    """Calls one API server; the client library is imported at the first call."""

    settings: ClusterSettings
    _client: Any = field(default=None, init=False, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """The object that the server answers with.

        Raises NotFound, Forbidden, Conflict (409), Rejected (400, 422) with the server's words,
        Unreachable after retries. A write that timed out may still land: guard writes by value.
        """
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                status, head, text = await self._send(method, path, query, body, content_type)
            except (OSError, TimeoutError, _client_error()) as error:
                if last:
                    raise _unanswered(error) from error
                await asyncio.sleep(PAUSES[attempt])
                continue
            if (status == 429 or status >= 500) and not last:
                await asyncio.sleep(_retry_after(head, PAUSES[attempt]))
                continue
            return _answer(status, text, f"{method} {path}")
        raise Unreachable("the Kubernetes API does not answer")

    async def text(self, path: str, query: Query = ()) -> str:
        """What the server answers with where that is no object, such as a log.

        Asked once: raises NotFound, Forbidden, Conflict, Rejected, Unreachable.
        """
        timeout = self.settings.timeout_seconds
        try:
            response = await self._request("GET", path, query, None, JSON, timeout, "*/*")
            try:
                status, body = response.status, await response.read()
            finally:
                response.release()
        except (OSError, TimeoutError, _client_error()) as error:
            raise _unanswered(error) from error
        if status >= 300:
            _answer(status, body, f"GET {path}")
        return bytes(body).decode(errors="replace")

    async def stream(self, path: str, query: Query, idle_seconds: float) -> AsyncIterator[Any]:
        """The lines of a watch as objects, until the server ends it. Raises Unreachable."""
        try:
            response = await self._request("GET", path, query, None, JSON, (10, idle_seconds))
            try:
                if response.status != 200:
                    _answer(response.status, await response.read(), f"watch {path}")
                async for line in response.content:
                    yield orjson.loads(line)
            finally:
                response.close()
        except (OSError, TimeoutError, ValueError, _client_error()) as error:
            raise Unreachable(f"the watch of {path} broke: {error!r}") from error

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _send(
        self, method: str, path: str, query: Query, body: Any, content_type: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        timeout = self.settings.timeout_seconds
        response = await self._request(method, path, query, body, content_type, timeout)
        try:
            return response.status, response.headers, await response.read()
        finally:
            response.release()

    async def _request(
        self,
        method: str,
        path: str,
        query: Query,
        body: Any,
        content_type: str,
        timeout: Any,
        accept: str = JSON,
    ) -> Any:
        client = await self._connected()
        return await client.call_api(
            path,
            method,
            query_params=list(query),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=timeout,
        )

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await _open(self.settings)
            return self._client


def configured(settings: ClusterSettings) -> bool:
    """Whether there is a cluster to talk to: a kubeconfig, or a pod's own credentials."""
    return settings.kubeconfig is not None or SERVICE_ACCOUNT.is_file()


async def _open(settings: ClusterSettings) -> Any:
    from kubernetes_asyncio import client, config

    configuration = client.Configuration()
    try:
        if settings.kubeconfig is not None:
            await config.load_kube_config(
                str(settings.kubeconfig), settings.context, configuration, persist_config=False
            )
        else:
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        where = settings.kubeconfig or "the pod's service account"
        raise Malformed(f"cluster.kubeconfig: {where} cannot be used: {error}") from error
    return client.ApiClient(configuration)


def _client_error() -> type[Exception]:
    from aiohttp import ClientError

    return ClientError


def _unanswered(error: Exception) -> Unreachable:
    told = str(error) or "no answer in time"
    return Unreachable(f"the Kubernetes API does not answer: {told}")


def _retry_after(head: Mapping[str, str], otherwise: float) -> float:
    with suppress(KeyError, ValueError):
        return min(float(head["Retry-After"]), LONGEST_RETRY_AFTER)
    return otherwise


def _answer(status: int, text: bytes, what: str) -> dict[str, Any]:
    if status < 300:
        return _object(text, what)
    raise _errors(status)(f"{what}: {_words(text) or f'HTTP {status}'}")


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError as error:
        # A login page or a proxy's greeting: whatever answers there is not the API.
        shown = text[:80].decode(errors="replace")
        raise Unreachable(f"{what}: the answer is no JSON but {shown!r}") from error
    return found if isinstance(found, dict) else {"value": found}


def _errors(status: int) -> type[Exception]:
    known: dict[int, type[Exception]] = {
        401: Forbidden,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: Conflict,
        429: Unreachable,
    }
    return known.get(status, Unreachable if status >= 500 else Rejected)


def _words(text: bytes) -> str:
    try:
        return str(orjson.loads(text).get("message") or "")
    except (json.JSONDecodeError, AttributeError):
        return text[:200].decode(errors="replace").strip()
