"""Kubernetes documents from YAML files, and how they are brought into a cluster.

`Client` is the lab's own small HTTP client; it serves tests and set-up, while the product uses
`kubernetes_asyncio`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from crossfade_lab.cluster.yamls import load_all

__all__ = [
    "APPLY",
    "JSON_PATCH",
    "MERGE_PATCH",
    "STRATEGIC",
    "Answer",
    "Client",
    "Document",
    "read",
]

Document = Mapping[str, Any] | Path

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

_FIRST = ("CustomResourceDefinition", "Namespace")


def read(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """Every object in the given mappings, YAML files and folders; definitions come first.

    A `List` is unfolded. Raises FileNotFoundError for a path that is not there.
    """
    found = [item for document in documents for item in _unfold(document)]
    return sorted(found, key=lambda item: _rank(item["kind"]))


def _rank(kind: str) -> int:
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _unfold(document: Document) -> Iterator[dict[str, Any]]:
    if isinstance(document, Path):
        files = sorted(document.glob("*.y*ml")) if document.is_dir() else [document]
        for file in files:
            text = file.read_text(encoding="utf-8")
            for item in load_all(text):
                yield from _unfold(item)
    elif str(document.get("kind", "")).endswith("List") and "items" in document:
        for item in document["items"]:
            yield from _unfold(item)
    else:
        yield dict(document)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said: HTTP status, headers in lower case, decoded body."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Client:
    """Speaks to one API server as one user; open it with `async with`."""

    url: str
    token: str | None = None
    tls: ssl.SSLContext | None = None
    timeout_seconds: float = 30.0
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)
    _plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict, repr=False)

    async def __aenter__(self) -> Client:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connector = aiohttp.TCPConnector(ssl=self.tls if self.tls is not None else True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self.timeout_seconds),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """The answer to one request; a body that is neither bytes nor None is sent as JSON."""
        sent = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Accept": accept, **({"Content-Type": content_type} if sent else {})}
        async with self._opened.request(
            method, self.url + path, data=sent, headers=headers
        ) as answer:
            raw = await answer.read()
            heads = {key.lower(): value for key, value in answer.headers.items()}
            return Answer(answer.status, heads, _decoded(raw, heads.get("content-type", "")))

    async def watch(self, path: str) -> list[dict[str, Any]]:
        """Every event of a watch until the server ends it; the path says `timeoutSeconds`."""
        async with self._opened.get(self.url + path) as answer:
            return [orjson.loads(line) for line in (await answer.read()).splitlines()]

    @property
    def _opened(self) -> aiohttp.ClientSession:
        assert self._session is not None, "open the client with `async with`"
        return self._session

    async def apply(self, *documents: Document, manager: str = "lab") -> list[dict[str, Any]]:
        """The objects as stored, by forced server-side apply; missing namespaces are created.

        Waits until a definition's endpoint answers. Raises RuntimeError with the server's
        message when one is refused.
        """
        return [await self._apply_one(item, manager) for item in read(documents)]

    async def _apply_one(self, item: dict[str, Any], manager: str) -> dict[str, Any]:
        path = await self._path(item)
        target = f"{path}?fieldManager={manager}&force=true"
        answer = await self.request("PATCH", target, item, content_type=APPLY)
        if answer.status == 404 and "namespaces" in answer.body.get("message", ""):
            await self._namespace(item["metadata"]["namespace"])
            answer = await self.request("PATCH", target, item, content_type=APPLY)
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path}: {answer.status} {answer.body}")
        if item["kind"] == "CustomResourceDefinition":
            await self._served(item)
        return dict(answer.body)

    async def _namespace(self, name: str) -> None:
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.request("POST", "/api/v1/namespaces", document)

    async def _served(self, definition: Mapping[str, Any]) -> None:
        # The Established condition comes before the endpoint answers: ask the endpoint.
        spec = definition["spec"]
        for version in [v["name"] for v in spec["versions"] if v.get("served")]:
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
            for _ in range(200):
                if (await self.request("GET", path)).status == 200:
                    break
                await asyncio.sleep(0.05)
            else:
                raise RuntimeError(f"{path} did not come up in 10 s")
        self._plurals.clear()

    async def _path(self, item: Mapping[str, Any]) -> str:
        api, kind, meta = item["apiVersion"], item["kind"], item["metadata"]
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        if (api, kind) not in self._plurals:
            listed = await self.request("GET", root)
            for r in listed.body.get("resources", ()):
                if "/" not in r["name"]:
                    self._plurals[api, r["kind"]] = (r["name"], r["namespaced"])
        if (api, kind) not in self._plurals:
            raise RuntimeError(
                f"the cluster serves no {kind} in {api}: apply its definition first"
            )
        plural, namespaced = self._plurals[api, kind]
        scope = f"/namespaces/{meta.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{scope}/{plural}/{meta['name']}"


def _decoded(raw: bytes, content_type: str) -> Any:
    if "json" in content_type and raw:
        return orjson.loads(raw)
    return raw.decode(errors="replace")
