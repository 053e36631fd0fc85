"""From objects and processes to a routing table that never sends a request to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crossfade_lab.operator.documents import Deployment, Destination, Rule, Service
from crossfade_lab.operator.fleet import Process
from crossfade_lab.router.tables import Backend, Route, Share, Table, VirtualHost

__all__ = ["Plan", "Routing"]


Wanted = tuple[str, int, tuple[tuple[str, str], ...]]  # backend, weight, response headers


@dataclass(frozen=True, slots=True)
class Part:
    """What one object adds to the table, and which version of it that is."""

    key: str
    version: str
    hosts: tuple[str, ...]
    routes: tuple[Route, ...]

    def backends(self) -> set[str]:
        """The backends its routes name."""
        return {share.backend for route in self.routes for share in route.shares}


@dataclass(frozen=True, slots=True)
class Plan:
    """A table, the versions it was made from, and the backends its routes name."""

    table: Table
    version: str
    used: frozenset[str]


class Routing:
    """Makes tables. An object whose new wish cannot be served yet keeps the routes it has.

    That is the case while a model with a share above 0 is not ready, and when all weights are 0.
    """

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}

    def plan(
        self,
        deployments: Iterable[Deployment],
        services: Iterable[Service],
        processes: Mapping[str, Process],
    ) -> Plan:
        """The table for these objects, as far as `processes` can serve them."""
        ready = {name for name, process in processes.items() if process.ready}
        listed = list(deployments)
        wished = [_deployment_part(d, ready) for d in listed]
        wished += [_service_part(s, listed, ready) for s in services]
        self._parts = {key: p for key, part in wished if (p := part or self._parts.get(key))}
        backends = tuple(p.backend for p in processes.values() if p.backend is not None)
        return _plan(sorted(self._parts.values(), key=lambda p: p.key), backends)


def _deployment_part(deployment: Deployment, ready: set[str]) -> tuple[str, Part | None]:
    wanted: list[Wanted] = [(p.served.name, p.weight, ()) for p in deployment.predictors]
    shares = _shares(wanted, ready)
    if shares is None or deployment.errors:
        return deployment.key, None
    path = f"/seldon/{deployment.namespace}/{deployment.name}/"
    route = Route(path, shares, rewrite="/")
    return deployment.key, Part(deployment.key, deployment.version, ("*",), (route,))


def _service_part(
    service: Service, deployments: list[Deployment], ready: set[str]
) -> tuple[str, Part | None]:
    routes = []
    for rule in service.rules:
        shares = _shares(_resolved(rule, deployments), ready)
        if shares is None:
            return service.key, None
        routes.append(Route(rule.prefix, shares, rewrite=rule.rewrite))
    return service.key, Part(service.key, service.version, service.hosts, tuple(routes))


def _resolved(rule: Rule, deployments: list[Deployment]) -> list[Wanted]:
    return [(_name(d, deployments), d.weight, d.headers) for d in rule.destinations]


def _name(destination: Destination, deployments: list[Deployment]) -> str:
    """The backend behind the service, or a name that is never ready."""
    for deployment in deployments:
        for predictor in deployment.predictors:
            service = f"{deployment.name}-{predictor.served.place.predictor}"
            if (deployment.namespace, service) == (destination.namespace, destination.service):
                return predictor.served.name
    return f"{destination.service}.{destination.namespace}: no such predictor"


def _shares(wanted: list[Wanted], ready: set[str]) -> tuple[Share, ...] | None:
    """The shares of who is ready; None if somebody is missing who should get requests."""
    if sum(weight for _, weight, _ in wanted) <= 0:
        return None
    if any(weight > 0 and name not in ready for name, weight, _ in wanted):
        return None
    return tuple(
        Share(name, weight, headers) for name, weight, headers in wanted if name in ready
    )


def _plan(parts: list[Part], backends: tuple[Backend, ...]) -> Plan:
    names = {b.name for b in backends}
    served = [p for p in parts if p.backends() <= names]
    hosts = tuple(_hosts(served))
    version = " ".join(f"{p.key}@{p.version}" for p in served)
    used = frozenset(name for p in served for name in p.backends())
    return Plan(Table(backends, hosts), version, used)


def _hosts(parts: list[Part]) -> Iterator[VirtualHost]:
    by_host: dict[str, list[Route]] = {}
    for part in parts:
        for host in part.hosts:
            by_host.setdefault(host, []).extend(part.routes)
    for host, routes in by_host.items():
        yield VirtualHost(host, (host,), tuple(routes))
