"""Stage changes: where a run stands in its life."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from crossfade.events.event import Event

Stage = Literal["Waiting", "Initializing", "Running", "Finishing", "Completed"]
REPEATABLE = frozenset(
    {"TargetBusy", "Paused", "Resumed", "SpecChanged", "ApprovalNeeded", "Approved"}
)
"""Reasons that one iteration may know more than once."""
Outcome = Literal[
    "promoted", "kept", "rolled-back", "inconclusive", "no-data", "failed", "aborted"
]


class StageChange(Event):
    """A run entered a stage, or something within it that others wait for.

    `reason` is the condition reason of v2alpha2. Ours say what happens within a stage:
    `TargetBusy` (queued behind another run), `TrialReading` (read every metric once), `Paused`,
    `Resumed`, `SpecChanged` (a new revision), `ApprovalNeeded`, `Approved`. `outcome` is set at
    Completed. `document` is there at Running.
    """

    kind: ClassVar[str] = "stage-change"

    revision: int = 1
    target: str = ""
    """What the run moves, and queues for; empty from services that did not say yet."""
    stage: Stage
    reason: str
    message: str = ""
    epoch: int = Field(default=0, ge=0)
    """Grows with every stage and every command; what a button presses must still be this."""
    outcome: Outcome | None = None
    winner: str | None = None
    recommended: str | None = None
    document: dict[str, Any] | None = None

    @property
    def what(self) -> str:
        """The stage, and the reason where the stage itself did not change."""
        if self.reason in ("StageAdvanced", "ExperimentInitialized", "ExperimentCompleted"):
            return self.stage
        again = f"/{self.epoch}" if self.reason in REPEATABLE else ""
        return f"{self.stage}/{self.reason}{again}"
