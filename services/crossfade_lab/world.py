"""The small world: broker, cluster, router, models, Prometheus and load, wired to each other.

    async with World(SINGLE, interval_seconds=2) as world:
        world.kubeconfig, world.broker.url, world.router.url, world.prometheus.url

Parts that do not need each other start at the same time; everything lies in one temporary
directory and is gone afterwards.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp

from crossfade_lab.broker import Broker
from crossfade_lab.cluster import CRDS, ApiServer, ControlPlane, seldon_admission
from crossfade_lab.examples import PROMETHEUS, SINGLE, Example, deploy_folder
from crossfade_lab.load import Counts, Load, Mode
from crossfade_lab.load.counts import RECENT
from crossfade_lab.metrics import Prometheus, open_metrics
from crossfade_lab.operator import Operator
from crossfade_lab.operator.reconcile import DEPLOYMENTS, SERVICES
from crossfade_lab.parts import PARTS, Part, PartName, as_by_kubectl, together, with_needs
from crossfade_lab.promote import PromoteServer
from crossfade_lab.router import EmbeddedRouter, Envoy, best_router
from crossfade_lab.scratch import Scratch

__all__ = ["World"]

SCRAPES = 3
SCRAPES_WITHIN_SECONDS = 40.0
CHECKING_INTERVAL_SECONDS = 0.5  # a hundred predictions a second


class World:
    """Starts parts and ends them; `parts` says what runs.

    `mode` says what the candidate is like. Below an interval of 10 s the load is denser by
    10 / interval and Prometheus scrapes ten times an interval, as at 10 s. It is the real
    `prometheus` where there is one, unless its kind is given.
    """

    def __init__(
        self,
        example: Example = SINGLE,
        *,
        interval_seconds: float = 10.0,
        mode: Mode = Mode.BETTER,
        cluster: Literal["embedded", "real"] = "embedded",
        corrected: bool = False,
        prometheus: Literal["real", "embedded"] | None = None,
        only: Collection[PartName] = PARTS,
    ) -> None:
        self.example = example
        self.interval_seconds = interval_seconds
        self.mode = mode
        self.corrected = corrected
        self.parts: dict[PartName, Part] = {}
        self.broker: Broker
        self.cluster: ApiServer | ControlPlane
        self.router: Envoy | EmbeddedRouter
        self.operator: Operator
        self.prometheus: Prometheus
        self.promote: PromoteServer
        self.load: Load
        self._prometheus_kind = prometheus
        self._real_cluster = cluster == "real"
        self._wanted = with_needs(only)
        self._stack = AsyncExitStack()

    @property
    def kubeconfig(self) -> Path:
        """For kubectl and the services."""
        return self.directory / "kubeconfig"

    @property
    def targets_file(self) -> Path:
        """Whom Prometheus scrapes; kept by the operator."""
        return self.directory / "targets.json"

    async def __aenter__(self) -> Self:
        self.began = time.monotonic()
        self.directory = self._stack.enter_context(Scratch())
        self.targets_file.write_text("[]")
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def settings(self) -> dict[str, str]:
        """The CROSSFADE_ variables of services that are to work with the parts that run."""
        found = {}
        if "broker" in self.parts:
            found["CROSSFADE_BUS__URL"] = self.broker.url
        if "cluster" in self.parts:
            found["CROSSFADE_CLUSTER__KUBECONFIG"] = str(self.kubeconfig)
        if "metrics" in self.parts:
            seen = {PROMETHEUS: self.prometheus.url.removeprefix("http://")}
            found["CROSSFADE_COLLECTOR__CONNECT_TO"] = json.dumps(seen)
        return found

    async def scraped(self, times: int = SCRAPES) -> None:
        """Wait until every model was scraped so often; TimeoutError after 40 s."""
        pause = min(0.1, self.interval_seconds / 20)
        async with asyncio.timeout(SCRAPES_WITHIN_SECONDS):
            while await self.prometheus.scrapes() < times:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(pause)

    async def apply(self, *documents: dict[str, Any] | Path) -> list[dict[str, Any]]:
        """Bring documents into the cluster, as `kubectl apply` would; what is stored."""
        return list(await self.cluster.apply(*documents))

    async def objects(self) -> list[dict[str, Any]]:
        """The SeldonDeployments and VirtualServices as they are now."""
        async with self.cluster.client() as client:
            lists = [await client.request("GET", path) for path in (DEPLOYMENTS, SERVICES)]
        kinds = ("SeldonDeployment", "VirtualService")
        return [
            {"kind": kind, **item}
            for kind, listed in zip(kinds, lists, strict=True)
            for item in listed.body["items"]
        ]

    async def settled(self) -> None:
        """Wait until the router splits by what the cluster says now; raises Unreachable."""
        for item in await self.objects():
            meta = item["metadata"]
            resource = f"{item['kind']}/{meta['namespace']}/{meta['name']}"
            await self.operator.in_force(resource, meta["resourceVersion"])

    async def ask(self, answers: int = RECENT) -> Counts:
        """What comes of so many predictions more, asked for now at a hundred a second."""
        predictions = self._a_load(CHECKING_INTERVAL_SECONDS).streams[0]
        async with aiohttp.ClientSession() as session:
            sending = asyncio.create_task(predictions.run(session))
            while predictions.counts.sent < answers:  # noqa: ASYNC110 - counts tell nobody
                await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.wait([sending])
        return predictions.counts

    async def _start(self) -> None:
        starts = {
            "broker": self._start_broker,
            "cluster": self._start_cluster,
            "router": self._start_router,
            "metrics": self._start_metrics,
            "promote": self._start_promote,
        }
        first = [start for part, start in starts.items() if part in self._wanted]
        await together(*(start() for start in first))
        if "models" in self._wanted:
            await self._start_models()
        if "load" in self._wanted:
            await self._start_load()

    async def _start_broker(self) -> None:
        began = time.monotonic()
        self.broker = await self._stack.enter_async_context(Broker(self.directory / "nats"))
        address = f"nats://127.0.0.1:{self.broker.port}"
        self._note("broker", "real", "nats-server", address, began, self.broker.pid)

    async def _start_cluster(self) -> None:
        began = time.monotonic()
        if self._real_cluster:
            plane = await self._stack.enter_async_context(ControlPlane(within=self.directory))
            plane.kubeconfig(path=self.kubeconfig)
            self.cluster, kind = plane, "real"
        else:
            server = await self._stack.enter_async_context(
                ApiServer(admission=[seldon_admission])
            )
            server.kubeconfig(self.kubeconfig)
            self.cluster, kind = server, "embedded"
        await self.cluster.apply(CRDS, deploy_folder() / "crds")
        documents = self.example.cluster() + self.example.metrics(corrected=self.corrected)
        await self.cluster.apply(*map(as_by_kubectl, documents))
        real = kind == "real"
        what = "kube-apiserver and etcd" if real else "API server, in process"
        pids = self.cluster.pids if isinstance(self.cluster, ControlPlane) else ()
        self._note(
            "cluster", "real" if real else "embedded", what, self.cluster.url, began, *pids
        )

    async def _start_router(self) -> None:
        began = time.monotonic()
        self.router = await self._stack.enter_async_context(best_router(self.directory))
        real = isinstance(self.router, Envoy)
        what = "Envoy" if real else "weighted proxy, in process"
        pids = (self.router.pid,) if isinstance(self.router, Envoy) else ()
        self._note("router", self.router.kind, what, self.router.url, began, *pids)

    async def _start_metrics(self) -> None:
        began = time.monotonic()
        self.prometheus = await self._stack.enter_async_context(
            open_metrics(
                self.directory / "prometheus",
                self.targets_file,
                self.interval_seconds / 10,
                kind=self._prometheus_kind,
            )
        )
        real = self.prometheus.kind == "real"
        what = "Prometheus" if real else "Prometheus' API, in process"
        pid = getattr(self.prometheus, "pid", None)
        self._note(
            "metrics", "real" if real else "embedded", what, self.prometheus.url, began, pid
        )

    async def _start_promote(self) -> None:
        began = time.monotonic()
        self.promote = await self._stack.enter_async_context(PromoteServer())
        self._note("promote", "real", "promote manifests", self.promote.url, began)

    async def _start_models(self) -> None:
        began = time.monotonic()
        token, tls = self._credentials()
        self.operator = await self._stack.enter_async_context(
            Operator(
                self.cluster.url,
                self.router,
                self.directory,
                faults={"XGBOOST_SERVER": self.mode.faults},
                token=token,
                tls=tls,
            )
        )
        places = {(v.namespace, v.deployment) for v in self.example.versions}
        await together(*(self.operator.available(*place) for place in places))
        await self.operator.in_force(self.example.carrier)
        pids = self.operator.processes().values()
        addresses = " ".join(self.operator.addresses().values())
        self._note("models", "real", "two iris models", addresses, began, *pids)

    async def _start_load(self) -> None:
        began = time.monotonic()
        load = self._a_load(self.interval_seconds)
        self.load = await self._stack.enter_async_context(load)
        self._note("load", "real", "predictions and feedback", self.router.url, began)

    def _a_load(self, interval: float) -> Load:
        url, versions, mode = self.router.url, self.example.versions, self.mode
        if self.example.host is None:
            address = self.operator.address
            return Load.single(url, address, versions, interval_seconds=interval, mode=mode)
        host = self.example.host
        return Load.separate(url, host, versions, interval_seconds=interval, mode=mode)

    def _credentials(self) -> tuple[str | None, ssl.SSLContext | bool]:
        if isinstance(self.cluster, ControlPlane):
            return self.cluster.token(), self.cluster.tls
        return self.cluster.token, True

    def _note(
        self,
        name: PartName,
        kind: Literal["real", "embedded"],
        what: str,
        address: str,
        began: float,
        *pids: int | None,
    ) -> None:
        took = time.monotonic() - began
        running = tuple(pid for pid in pids if pid is not None)
        self.parts[name] = Part(name, kind, what, address, took, running)
