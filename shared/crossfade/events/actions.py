"""Action outcomes: how one task of an action went."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from crossfade.events.event import Event


class ActionOutcome(Event):
    """One attempt at one task. `output` is the tail of what it printed."""

    kind: ClassVar[str] = "action-outcome"

    action: str
    """`start`, `finish`, `rollback` or `loop-<n>`."""
    task: int = Field(ge=0)
    attempt: int = Field(default=1, ge=1)
    ok: bool
    skipped: bool = False
    exit: int | None = None
    seconds: float = Field(default=0.0, ge=0)
    output: str = ""

    @property
    def what(self) -> str:
        """Which attempt at which task of which action."""
        return f"{self.action}/{self.task}/attempt-{self.attempt}"

    @property
    def failure(self) -> str:
        """That it failed, with the exit code where a process left one."""
        return "failed" if self.exit is None else f"failed (exit {self.exit})"
