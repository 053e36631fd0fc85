"""What is known of a run, as far as its events tell: small enough to be kept as one JSON value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from crossfade.events.event import Body


class Limit(Body):
    """An objective: inclusive limits on a metric, by its key `namespace/name`."""

    metric: str
    lower: float | None = None
    upper: float | None = None
    monitored: bool = False
    """Only watched: it need not be proved."""


class Why(Body):
    """A reason as its assessment gave it."""

    code: str
    text: str


class Known(Body):
    """One run, as far as its events tell. Values are those of the latest sample only."""

    uid: str
    namespace: str = ""
    name: str = ""
    revision: int = 1
    target: str = ""
    pattern: str = ""
    policy: str = ""
    """Who judges: as the latest assessment said; before the first, as the document says."""
    fixed: bool = False
    """Whether nobody moves the weights, whatever is asked for."""
    finishes: bool = False
    """Whether an action of the experiment's own has the last word, and moves the rest unseen."""
    interval_seconds: int = 0
    iteration: int = 0
    of: int = 0
    stage: str = ""
    reason: str = ""
    epoch: int = 0
    """As the last stage change said it; what a button asks for must still be of this epoch."""
    message: str = ""
    outcome: str | None = None
    winner: str | None = None
    recommended: str | None = None
    verdict: str = ""
    final: bool = False
    reasons: tuple[Why, ...] = ()
    versions: tuple[str, ...] = ()
    """The baseline first."""
    objectives: tuple[Limit, ...] = ()
    reward: str = ""
    reward_low: bool = False
    """Whether less of the reward is better."""
    min_effect: float = 0.0
    """The smallest advantage in the reward that is worth a promotion, in its unit."""
    alpha: float | None = None
    """The level of proof where the document names one."""
    counter: str = ""
    """The key of the metric that the document says counts requests."""
    requests: str = ""
    """The same, as long as its values may be counts; empty where they cannot."""
    units: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    in_force: dict[str, int] = Field(default_factory=dict)
    """The split that the latest sample was read under."""
    asked: dict[str, int] = Field(default_factory=dict)
    before: dict[str, int] = Field(default_factory=dict)
    observed: dict[str, int] = Field(default_factory=dict)
    values: dict[str, dict[str, float]] = Field(default_factory=dict)
    """By metric key, then version."""
    absent: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By metric key, then version: why there is no value."""
    evidence: tuple[dict[str, Any], ...] = ()
    troubles: dict[str, str] = Field(default_factory=dict)
    """Open incidents: what happened, and its sentence."""
    sampled_at: datetime | None = None
    entered_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def title(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.stage == "Completed"

    @property
    def baseline(self) -> str:
        """The version that the others are measured against; empty where not known yet."""
        return self.versions[0] if self.versions else ""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The versions that might replace it."""
        return self.versions[1:]

    @property
    def split(self) -> dict[str, int]:
        """The split in force, as last seen."""
        return self.observed or self.in_force or self.asked

    def value(self, metric: str, version: str) -> float | None:
        """The latest value of a metric key, or None."""
        return self.values.get(metric, {}).get(version)
