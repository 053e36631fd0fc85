"""What a channel is, and how it says that a delivery failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crossfade.errors import Retryable
from crossfade.telling import Known
from crossfade_notifier.outbox import Told


class Later(Retryable):
    """The far side asks for a pause of `seconds`; nothing was delivered."""

    def __init__(self, seconds: float, message: str | None = None) -> None:
        self.seconds = seconds
        super().__init__(message or f"the channel asks for a pause of {seconds:g} s")


class MaybeDone(Retryable):
    """The delivery may have happened: no answer, or one that leaves it open."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one run has to tell over one channel: all of it at once, oldest first.

    `memory` is what the channel has to remember about the run: it writes there as it goes, and
    the courier keeps it, after a failure too. `doubtful` says that an earlier attempt, begun at
    `since` (seconds since the epoch), may have come through. Without sentences it only refreshes.
    """

    known: Known
    told: Sequence[Told]
    memory: dict[str, str] = field(default_factory=dict)
    doubtful: bool = False
    since: float = 0.0
    place: str = ""
    """Where the route wants it told, for channels that have several places."""
    warnings: tuple[str, ...] = ()
    """Wishes of the experiment that cannot be met."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """What the run is stuck in: the cause, and its sentence."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a channel stands to people."""

    record: bool = False
    """It keeps a record: routes and quiet hours are not for it."""
    quiet: bool = False
    """It keeps quiet hours."""
    refreshes: bool = False
    """It can bring what it has shown up to date without disturbing anybody."""


RECORD = Manners(record=True)
PEOPLE = Manners(quiet=True)
LIVING = Manners(quiet=True, refreshes=True)


class Channel(Protocol):
    """One way out. Raises Later, MaybeDone, Unreachable (surely not done) or Permanent."""

    @property
    def name(self) -> str:
        """One token, unique in an installation: the key of its progress."""
        ...

    @property
    def per_second(self) -> float:
        """How many deliveries a second it bears."""
        ...

    @property
    def coalesce_seconds(self) -> float:
        """How long progress about one run is gathered before it is delivered together."""
        ...

    @property
    def manners(self) -> Manners:
        """How it stands to people."""
        ...

    def wants(self, known: Known, told: Told) -> bool:
        """Whether it carries such a sentence at all."""
        ...

    async def deliver(self, parcel: Parcel) -> None:
        """Carry the parcel; return once it has certainly arrived."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
