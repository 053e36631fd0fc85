"""What a channel is, and how it says that a delivery failed."""

from __future__ import annotations

from collections.abc import Sequence
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
    `since` (seconds since the epoch), may have come through.
    """

    known: Known
    told: Sequence[Told]
    memory: dict[str, str] = field(default_factory=dict)
    doubtful: bool = False
    since: float = 0.0


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

    def wants(self, known: Known, told: Told) -> bool:
        """Whether it carries such a sentence at all."""
        ...

    async def deliver(self, parcel: Parcel) -> None:
        """Carry the parcel; return once it has certainly arrived."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
