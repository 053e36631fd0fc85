"""Stage changes: where a run stands in its life."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from crossfade.events.event import Event

Stage = Literal["Waiting", "Initializing", "Running", "Finishing", "Completed"]
Outcome = Literal[
    "promoted", "kept", "rolled-back", "inconclusive", "no-data", "failed", "aborted"
]


class StageChange(Event):
    """A run entered a stage, or something within it that others wait for.

    `reason` is the condition reason of v2alpha2; two of ours say what follows within a stage:
    `TrialReading` (Initializing: read every metric once) and `TargetBusy` (Waiting: queued behind
    another run). `outcome` is set at Completed. `document` is there at Running.
    """

    kind: ClassVar[str] = "stage-change"

    revision: int = 1
    stage: Stage
    reason: str
    message: str = ""
    outcome: Outcome | None = None
    winner: str | None = None
    recommended: str | None = None
    document: dict[str, Any] | None = None

    @property
    def what(self) -> str:
        """The stage, and the reason where the stage itself did not change."""
        plain = self.reason in ("StageAdvanced", "ExperimentInitialized", "ExperimentCompleted")
        return self.stage if plain else f"{self.stage}/{self.reason}"
