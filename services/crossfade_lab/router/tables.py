"""Routing tables: who answers for which host and path, and with which share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crossfade.errors import FieldError, Malformed

__all__ = ["Backend", "Route", "Share", "Table", "VirtualHost", "check"]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Backend:
    """One process that answers; `name` stays the same when it is restarted on another port."""

    name: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Share:
    """A backend's weight, and the response headers that are set on what it answers."""

    backend: str
    weight: int
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to paths that begin with `prefix`, which becomes `rewrite`."""

    prefix: str
    shares: tuple[Share, ...]
    rewrite: str | None = None


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """The routes of some host names, the first that fits; `*` is any other host."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Everything a router knows. A backend without a route is one that still drains."""

    backends: tuple[Backend, ...] = ()
    hosts: tuple[VirtualHost, ...] = ()


def check(table: Table) -> None:
    """Raise Malformed, with every mistake by field, for a table that would lose requests."""
    errors = list(_errors(table))
    if errors:
        raise Malformed(errors)


def _errors(table: Table) -> Iterator[FieldError]:
    known = {b.name for b in table.backends}
    if len(known) < len(table.backends):
        yield FieldError("backends", "two backends have the same name")
    for host in table.hosts:
        for route in host.routes:
            yield from _route_errors(f"hosts[{host.name}].routes[{route.prefix}]", route, known)


def _route_errors(field: str, route: Route, known: set[str]) -> Iterator[FieldError]:
    weights = [s.weight for s in route.shares]
    if any(w < 0 for w in weights):
        yield FieldError(field, f"a weight cannot be negative, found {weights}")
    elif sum(weights) == 0:
        # Envoy's own answer to this would be 404 for everyone when set at run time.
        yield FieldError(field, f"at least one weight must be above 0, found {weights}")
    for share in route.shares:
        if share.backend not in known:
            yield FieldError(field, f"there is no backend {share.backend!r}")
