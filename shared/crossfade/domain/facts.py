"""What can happen to a run. `at` is in seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crossfade.domain.runs import Plan


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened."""

    at: float


@dataclass(frozen=True, slots=True)
class Acquired(Fact):
    """The run is at the head of its target's queue."""


@dataclass(frozen=True, slots=True)
class Queued(Fact):
    """Another run holds the target."""

    holder: str


@dataclass(frozen=True, slots=True)
class ActionDone(Fact):
    """All tasks of an action ran, or one of them failed."""

    action: str
    ok: bool
    message: str = ""
    observed: dict[str, int] = field(default_factory=dict)
    """The split as it stands after the action; empty where it cannot be told."""
    objects: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Readmitted(Fact):
    """The document was read again after the start actions: as it is now, or what is wrong in it."""

    revision: int = 0
    plan: Plan | None = None
    """What the lifecycle needs to know of that revision; None for the one it has."""
    reason: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TrialRead(Fact):
    """Every metric was read once; `faults` are those that no waiting will mend."""

    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightsRead(Fact):
    """The split as found, and that it may be written; or what speaks against it."""

    split: dict[str, int] = field(default_factory=dict)
    objects: tuple[dict[str, str], ...] = ()
    fault: str = ""
    document: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Assessed(Fact):
    """The analyzer's word on one iteration."""

    iteration: int
    split: dict[str, int]
    verdict: str
    final: bool
    winner: str
    recommended: str
    analysis: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shifted(Fact):
    """A wanted split is in force: read back after the write."""

    iteration: int
    before: dict[str, int]
    observed: dict[str, int]
    objects: tuple[dict[str, str], ...] = ()
    latency_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fought(Fact):
    """Somebody else wrote the weights in between."""

    observed: dict[str, int]
    text: str


@dataclass(frozen=True, slots=True)
class TargetLost(Fact):
    """The object that carries the weights is gone, or is no longer the one we began with."""

    text: str
    readable: bool = True
    """Whether its weights can still be read."""


@dataclass(frozen=True, slots=True)
class Asked(Fact):
    """Somebody asked for something: who, and why."""

    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Aborted(Asked):
    """Somebody asked for the end."""


@dataclass(frozen=True, slots=True)
class Paused(Asked):
    """Somebody asked that nothing is sampled or moved for now."""


@dataclass(frozen=True, slots=True)
class Resumed(Asked):
    """Somebody asked to go on."""


@dataclass(frozen=True, slots=True)
class Promoted(Asked):
    """Somebody decided for a version, whatever the evidence says."""

    version: str = ""


@dataclass(frozen=True, slots=True)
class Approved(Asked):
    """Somebody opened the gate."""

    document: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RejectedBy(Asked):
    """Somebody kept the gate shut."""


@dataclass(frozen=True, slots=True)
class Edited(Fact):
    """The document was changed; the new revision counts from the next iteration on."""

    revision: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class EditRefused(Fact):
    """The document was changed into one that cannot be taken; `fault` says by field why not."""

    fault: str


@dataclass(frozen=True, slots=True)
class Deleted(Fact):
    """The Experiment resource is gone: traffic stays where it is, nothing runs any more."""


@dataclass(frozen=True, slots=True)
class Silent(Fact):
    """No assessment has come for longer than it should take."""


@dataclass(frozen=True, slots=True)
class Overdue(Fact):
    """The phase's deadline has passed."""
