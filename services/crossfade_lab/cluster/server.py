"""The lab's own API server: in this process, on loopback, ready in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from crossfade_lab.cluster.admission import Hook
from crossfade_lab.cluster.answers import Answers
from crossfade_lab.cluster.documents import Client, Document, read
from crossfade_lab.cluster.faults import Faults
from crossfade_lab.cluster.kinds import Catalogue, Kind
from crossfade_lab.cluster.kubeconfigs import write_kubeconfig
from crossfade_lab.cluster.requests import How, Target
from crossfade_lab.cluster.rules import Rule
from crossfade_lab.cluster.storage import Store
from crossfade_lab.cluster.views import inward, outward
from crossfade_lab.cluster.watches import BOOKMARK_SECONDS
from crossfade_lab.cluster.writes import Writer
from crossfade_lab.ports import free_ports

__all__ = ["ApiServer", "serve"]

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_CLOSING_SECONDS = 1.0


class ApiServer:
    """`async with ApiServer() as server:` emulates enough of Kubernetes 1.20 for our clients.

    `port` 0 takes a free one; `token`, where given, is asked of every client; `rules` say who
    may do what (nobody is refused without). `admission` and `faults` may be
    changed while the server runs.
    `tests/cluster/conformance` says how true it is.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        admission: Sequence[Hook] = (),
        token: str | None = None,
        rules: Sequence[Rule] | None = None,
        bookmark_seconds: float = BOOKMARK_SECONDS,
    ) -> None:
        self._port, self._token = port, token
        self.admission: list[Hook] = list(admission)
        self.faults = Faults()
        self.store = Store()
        self.catalogue = Catalogue()
        self._writer = Writer(self.store, self.catalogue, self.admission)
        self._answers = Answers(
            self.store,
            self.catalogue,
            self._writer,
            token=token,
            rules=rules,
            bookmark_seconds=bookmark_seconds,
            faults=self.faults,
        )
        self._runner: web.ServerRunner | None = None
        for name in NAMESPACES:
            self._create_namespace(name)

    @property
    def url(self) -> str:
        """Where the server listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def token(self) -> str | None:
        """What clients must show, None where they need not."""
        return self._token

    def kubeconfig(self, path: Path) -> Path:
        """`path`, written as a kubeconfig for this server with mode 0600."""
        return write_kubeconfig(path, url=self.url, token=self._token)

    def client(self) -> Client:
        """A client of the server, not yet open."""
        return Client(self.url, self._token)

    async def apply(self, *documents: Document, manager: str = "lab") -> list[dict[str, Any]]:
        """The objects of mappings, YAML files and folders as stored, by forced apply.

        Definitions go first, missing namespaces are created. Raises Status for a refusal.
        """
        return [self._apply_one(item, manager) for item in read(documents)]

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete one object; Status 404 where it is not there."""
        self._writer.delete(self._target(kind, namespace, name), {}, How("lab"))

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """One object as it is now; `kind` as for `history`. Status 404."""
        at = self._target(kind, namespace, name)
        return outward(at.kind, self._writer.live(at))

    def history(self, kind: str, namespace: str, name: str) -> list[dict[str, Any]]:
        """Every stored version of one object, oldest first, deleted or not.

        `kind` is a kind (`SeldonDeployment`) or `group/version/plural`; KeyError for another.
        """
        at = self._target(kind, namespace, name)
        return [outward(at.kind, item) for item in self.store.history(at.kind.storage, at.key)]

    def forget(self) -> None:
        """Forget old versions, so that watches from one end in 410 as after a restart."""
        self.store.forget()

    def hang_up(self) -> None:
        """End every open watch, as a server that is going down does."""
        self.store.hang_up()

    async def __aenter__(self) -> ApiServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; OSError where the port is taken. A stopped server starts on its old port."""
        server = web.Server(self._answers.answer, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_CLOSING_SECONDS)
        await self._runner.setup()
        self._port = self._port or free_ports(1)[0]
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Listen no more; every object stays."""
        if self._runner is not None:
            self.hang_up()
            await self._runner.cleanup()
            self._runner = None

    def _apply_one(self, item: dict[str, Any], manager: str) -> dict[str, Any]:
        kind = self.catalogue.of(item["apiVersion"], item["kind"])
        if kind is None:
            raise KeyError(
                f"no {item['kind']} in {item['apiVersion']} is served: apply its definition first"
            )
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "default") if kind.namespaced else ""
        self._create_namespace(namespace)
        at = Target(kind, namespace, metadata["name"])
        stored, _ = self._writer.apply(at, inward(kind, item), How(manager, force=True))
        return outward(kind, stored)

    def _create_namespace(self, name: str) -> None:
        if name and self.store.get(("", "namespaces"), ("", name)) is None:
            kind = self.catalogue.at("", "v1", "namespaces")
            assert kind is not None
            self._writer.create(Target(kind), {"metadata": {"name": name}}, How("lab"))

    def _target(self, kind: str, namespace: str, name: str) -> Target:
        found = self._kind(kind)
        return Target(found, namespace if found.namespaced else "", name)

    def _kind(self, kind: str) -> Kind:
        for served in self.catalogue:
            gvr = f"{served.group}/{served.version}/{served.plural}"
            if kind in (served.kind, gvr, gvr.removeprefix("/")):
                return served
        raise KeyError(f"no kind {kind!r} is served")


async def serve(
    port: int = 0,
    documents: Sequence[Document] = (),
    ready: Callable[[ApiServer], None] | None = None,
    *,
    admission: Sequence[Hook] = (),
    token: str | None = None,
) -> None:
    """Serve until cancelled; `ready` is called once the documents are in."""
    async with ApiServer(port, admission=admission, token=token) as server:
        await server.apply(*documents)
        if ready is not None:
            ready(server)
        await asyncio.Event().wait()
