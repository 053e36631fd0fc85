"""What a router can do; two adapters do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from crossfade_lab.router.tables import Table

__all__ = ["USER", "Applied", "Router", "effective_at"]

USER = "x-user"  # requests of one user go to one version, so that feedback meets its prediction


class Applied(NamedTuple):
    """A version of the table and when requests were first split by it."""

    version: str
    wall_seconds: float
    monotonic_seconds: float

    def resource_version(self, resource: str) -> int | None:
        """The resourceVersion of `Kind/namespace/name` in this version of the table."""
        pairs = (pair.rpartition("@") for pair in self.version.split())
        return next((int(v) for name, _, v in pairs if name == resource and v.isdigit()), None)


class Router(Protocol):
    """Splits requests by the last table applied."""

    @property
    def kind(self) -> Literal["real", "embedded"]:
        """Whether this is Envoy or a stand-in for it."""

    @property
    def url(self) -> str:
        """Where requests go in."""

    @property
    def applied(self) -> Sequence[Applied]:
        """Every version that came into force, oldest first."""

    async def apply(self, table: Table, version: str) -> None:
        """Put `table` in force and return when it is.

        `version` is what the table was made from: `Kind/namespace/name@resourceVersion`, several
        with a space between. Raises Malformed for a table that would lose requests, and keeps the
        old one; Unreachable where the router does not answer within two seconds.
        """

    async def applied_version(self) -> str:
        """The version in force now, asked of the router itself; empty before the first."""


def effective_at(applied: Sequence[Applied], resource: str, version: str) -> Applied | None:
    """When `version` of `Kind/namespace/name`, or a later one, first split requests."""
    wanted = int(version)
    return next((a for a in applied if (a.resource_version(resource) or -1) >= wanted), None)
