"""The operator's loop: whatever changed, compare what is wanted with what is, and mend it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from crossfade.errors import Malformed, Retryable, Unreachable
from crossfade_lab.models.faults import Faults
from crossfade_lab.operator.documents import Deployment, Service, deployment_of, service_of
from crossfade_lab.operator.fleet import Fleet
from crossfade_lab.operator.following import Cluster, Objects, follow
from crossfade_lab.operator.routing import Plan, Routing
from crossfade_lab.operator.targets import Targets
from crossfade_lab.router.port import Applied, Router
from crossfade_lab.router.tables import Table

__all__ = ["DEPLOYMENTS", "SERVICES", "Operator"]

log = logging.getLogger(__name__)

Seen = TypeVar("Seen", Deployment, Service)

DEPLOYMENTS = "/apis/machinelearning.seldon.io/v1/seldondeployments"
SERVICES = "/apis/networking.istio.io/v1alpha3/virtualservices"


class Operator:
    """Serves every SeldonDeployment of a cluster, and routes as it and the VirtualServices say.

    A model gets requests only once it answers; one that is no longer wanted is ended
    `drain_seconds` after the router stopped naming it.
    """

    def __init__(
        self,
        api_url: str,
        router: Router,
        directory: Path,
        *,
        faults: Mapping[str, Faults] | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | bool = True,
        drain_seconds: float = 1.0,
    ) -> None:
        """`faults` are by implementation, such as `{"XGBOOST_SERVER": Faults(0.4)}`."""
        self._cluster = Cluster(api_url, token, tls)
        self._router = router
        self._drain_seconds = drain_seconds
        self._changed = asyncio.Event()
        self._progress = asyncio.Condition()
        self._fleet = Fleet(directory, faults or {}, self._changed.set)
        self._routing = Routing()
        self._targets = Targets(directory / "targets.json")
        self._deployments: dict[str, Deployment] = {}
        self._services: dict[str, Service] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._table = Table()
        self._version = ""
        self._needed: frozenset[str] = frozenset()
        self._retiring: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._cluster.__aenter__()
        self._spawn(follow(self._cluster, DEPLOYMENTS, self._see_deployments))
        self._spawn(follow(self._cluster, SERVICES, self._see_services))
        self._spawn(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fleet.close()
        await self._cluster.__aexit__()

    @property
    def targets_file(self) -> Path:
        """For Prometheus' `file_sd_configs`: every model process that answers."""
        return self._targets.file

    @property
    def version(self) -> str:
        """What is in force: `Kind/namespace/name@resourceVersion`, several with spaces between."""
        return self._version

    def addresses(self) -> dict[str, str]:
        """`namespace/deployment/predictor` → the address of its own model, without the router."""
        found = {}
        for deployment in self._deployments.values():
            for predictor in deployment.predictors:
                process = self._fleet.processes.get(predictor.served.name)
                if process and process.ready and (at := process.backend):
                    found[str(predictor.served.place)] = f"http://{at.host}:{at.port}"
        return found

    def address(self, namespace: str, deployment: str, predictor: str) -> str | None:
        """Where that predictor answers itself; None if it is not there, or no longer."""
        return self.addresses().get(f"{namespace}/{deployment}/{predictor}")

    def processes(self) -> dict[str, int]:
        """`namespace/deployment/predictor/model` → process id, also of those that still drain."""
        running = self._fleet.processes.items()
        return {name: process.pid for name, process in running if process.pid is not None}

    def state(self, namespace: str, deployment: str) -> str | None:
        """Seldon's word for a SeldonDeployment: Creating, Available, Failed; None if unknown."""
        return self._states.get(f"{namespace}/{deployment}", {}).get("state")

    async def in_force(
        self, resource: str, version: str | None = None, within_seconds: float = 30.0
    ) -> None:
        """Wait until requests are split as `resource`, `Kind/namespace/name`, says.

        As it says in `version` (a resourceVersion) or later; without one, as it says now. Raises
        Unreachable when that is not so in time.
        """
        try:
            async with asyncio.timeout(within_seconds), self._progress:
                await self._progress.wait_for(lambda: self._is_in_force(resource, version))
        except TimeoutError as error:
            told = self._version or "nothing"
            problem = f"{resource} is not in force after {within_seconds:g} s; in force: {told}"
            raise Unreachable(problem) from error

    def _is_in_force(self, resource: str, version: str | None) -> bool:
        if version is None:
            known = {d.key: d.version for d in self._deployments.values()}
            known |= {s.key: s.version for s in self._services.values()}
            version = known.get(resource)
        in_force = Applied(self._version, 0.0, 0.0).resource_version(resource)
        return version is not None and in_force is not None and in_force >= int(version)

    async def available(
        self, namespace: str, deployment: str, within_seconds: float = 30.0
    ) -> None:
        """Wait until every predictor answers, also those without a share; raises Unreachable."""
        try:
            async with asyncio.timeout(within_seconds), self._progress:
                await self._progress.wait_for(
                    lambda: self.state(namespace, deployment) == "Available"
                )
        except TimeoutError as error:
            status = self._states.get(f"{namespace}/{deployment}", "unknown")
            problem = f"{namespace}/{deployment} is not available after {within_seconds:g} s"
            raise Unreachable(f"{problem}: {status}") from error

    def _see_deployments(self, objects: Objects) -> None:
        self._deployments = _read(deployment_of, objects, self._deployments)
        self._states = {k: s for k, s in self._states.items() if k in objects}
        self._changed.set()

    def _see_services(self, objects: Objects) -> None:
        self._services = _read(service_of, objects, self._services)
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._reconcile()
            except Malformed as error:
                log.warning("table refused, the old one stays", extra={"error": str(error)})
            except Retryable as error:
                log.warning("router does not answer", extra={"error": str(error)})
                await asyncio.sleep(0.2)
                self._changed.set()
            async with self._progress:
                self._progress.notify_all()

    async def _reconcile(self) -> None:
        deployments = list(self._deployments.values())
        served = {p.served for d in deployments for p in d.predictors}
        self._fleet.want(served)
        plan = self._routing.plan(deployments, self._services.values(), self._fleet.processes)
        self._needed = plan.used | {s.name for s in served}
        await self._route(plan)
        self._targets.write(self._fleet.processes.values())
        for name in set(self._fleet.processes) - self._needed - self._retiring:
            self._retiring.add(name)
            self._spawn(self._retire(name))
        for key, deployment in self._deployments.items():
            self._tell_state(key, deployment)

    async def _route(self, plan: Plan) -> None:
        if (plan.table, plan.version) != (self._table, self._version):
            await self._router.apply(plan.table, plan.version)
            self._table, self._version = plan.table, plan.version

    async def _retire(self, name: str) -> None:
        await asyncio.sleep(self._drain_seconds)
        if name not in self._needed:  # a rollback may have called it back
            await self._fleet.retire(name)
        self._retiring.discard(name)
        self._changed.set()

    def _tell_state(self, key: str, deployment: Deployment) -> None:
        status = self._status(deployment)
        if self._states.get(key) != status:
            self._states[key] = status
            self._spawn(self._write_status(key, status))

    def _status(self, deployment: Deployment) -> dict[str, Any]:
        names = (p.served.name for p in deployment.predictors)
        running = [self._fleet.processes[name] for name in names]
        problems = [str(e) for e in deployment.errors] + [p.failed for p in running if p.failed]
        ready = sum(p.ready for p in running)
        if problems:
            return {"state": "Failed", "description": "; ".join(problems), "replicas": ready}
        complete = ready == len(running)
        return {"state": "Available" if complete else "Creating", "replicas": ready}

    async def _write_status(self, key: str, status: dict[str, Any]) -> None:
        namespace, name = key.split("/")
        group, plural = DEPLOYMENTS.rsplit("/", 1)
        try:
            path = f"{group}/namespaces/{namespace}/{plural}/{name}"
            answered = await self._cluster.set_status(path, status)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("status not written", extra={"object": key, "error": repr(error)})
            return
        if answered >= 400:
            log.warning("status not written", extra={"object": key, "status": answered})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("operator task broke", exc_info=error)


def _read(
    reader: Callable[[Mapping[str, Any]], Seen], objects: Objects, before: Mapping[str, Seen]
) -> dict[str, Seen]:
    """The objects as read; one that makes no sense stays as it was `before`."""
    found = dict[str, Seen]()
    for key, document in objects.items():
        try:
            found[key] = reader(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("object makes no sense", extra={"object": key, "error": repr(error)})
            if key in before:
                found[key] = before[key]
    return found
