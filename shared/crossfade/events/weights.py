"""Weight changes: what was asked of the cluster and what it then showed."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from crossfade.events.event import Body, Event

Cause = Literal["found", "assessment", "rollback", "promotion", "action"]


class ChangedObject(Body):
    """An object that carries weights, at the version which shows them."""

    kind: str
    namespace: str
    name: str
    resource_version: str


class WeightChange(Event):
    """A split, before and as read back after the write. Iteration 0 is the split as found.

    With cause `action` nobody here wrote: an action of the experiment's own moved the traffic.
    """

    kind: ClassVar[str] = "weight-change"

    cause: Cause = "assessment"
    before: dict[str, int] = Field(default_factory=dict)
    asked: dict[str, int] = Field(default_factory=dict)
    observed: dict[str, int]
    objects: tuple[ChangedObject, ...] = ()
    latency_seconds: float = Field(default=0.0, ge=0)
    action: str | None = None
    """The action that moved it, where one did: `finish`, `rollback`, `loop-<n>`."""

    @property
    def what(self) -> str:
        """The cause, where it is not the iteration's own assessment."""
        if self.cause in ("found", "assessment"):
            return ""
        return f"{self.cause}/{self.action}" if self.action else self.cause
