"""What is to be told about a run, and how far each channel has told it: two kinds of values.

The outbox of a run is written by the handlers alone, the progress of a channel by its courier
alone, so neither waits for the other. Both survive restarts; both are replaced by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from crossfade.errors import Malformed
from crossfade.events import Event, Incident
from crossfade.events.event import Body
from crossfade.telling import Known, Topic, Urgency, learn, tell

KEPT = 48
SEEN = 96
LOST = "notifications-lost"


class Told(Body):
    """One sentence to tell; `n` grows by one within a run."""

    n: int
    id: str
    """The id of the event that it comes from."""
    topic: Topic
    urgency: Urgency
    text: str
    at: datetime
    iteration: int = 0
    not_by: str = ""
    """The channel that must not carry it, because it is about that channel's failure."""


class Outbox(Body):
    """A run as known, and the sentences about it that some channel may still owe."""

    known: Known
    told: tuple[Told, ...] = ()
    next: int = 1
    seen: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: bytes) -> Self:
        """An outbox as stored. Raises Malformed."""
        try:
            return cls.model_validate_json(value)
        except ValueError as error:
            raise Malformed(f"a notifier's outbox cannot be read: {error}") from error

    def write(self) -> bytes:
        """The stored form."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    def after(self, event: Event, at: datetime) -> Outbox:
        """With one more event, stored at `at`; the very same outbox where it is known already."""
        if event.id in self.seen:
            return self
        known = learn(self.known, event, at)
        seen = (*self.seen, event.id)[-SEEN:]
        telling = tell(event, known)
        if telling is None:
            return self.model_copy(update={"known": known, "seen": seen})
        told = Told(
            n=self.next,
            id=event.id,
            topic=telling.topic,
            urgency=telling.urgency,
            text=telling.text,
            at=at,
            iteration=event.iteration,
            not_by=_culprit(event),
        )
        return Outbox(
            known=known, told=_bounded((*self.told, told)), next=self.next + 1, seen=seen
        )

    def adding(self, event: Event, at: datetime, warnings: Sequence[str]) -> Outbox:
        """With a sentence for each wish of the experiment that cannot be met."""
        made = self
        for text in warnings:
            told = Told(
                n=made.next,
                id=f"{event.id}#wishes",
                topic="trouble",
                urgency=Urgency.TROUBLE,
                text=text,
                at=at,
                iteration=event.iteration,
            )
            more = {"told": _bounded((*made.told, told)), "next": made.next + 1}
            made = made.model_copy(update=more)
        return made


class Claim(Body):
    """A delivery under way: by whom, up to which sentence, and until when it is theirs."""

    by: str
    upto: int
    since: float
    until: float


class Progress(Body):
    """How far one channel has told one run, and what the channel has to remember about it."""

    cursor: int = 0
    claim: Claim | None = None
    memory: dict[str, str] = Field(default_factory=dict)
    failures: int = 0
    held: str = ""
    """The quiet hours for whose end something waits."""

    @classmethod
    def read(cls, value: bytes) -> Self:
        """A progress as stored. Raises Malformed."""
        try:
            return cls.model_validate_json(value)
        except ValueError as error:
            raise Malformed(f"a channel's progress cannot be read: {error}") from error

    def write(self) -> bytes:
        """The stored form."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


def _culprit(event: Event) -> str:
    if isinstance(event, Incident) and event.what_happened.startswith(LOST):
        return str(event.detail.get("channel", ""))
    return ""


def _bounded(told: tuple[Told, ...]) -> tuple[Told, ...]:
    """At most KEPT sentences: the oldest progress goes first, then whatever is oldest."""
    if len(told) <= KEPT:
        return told
    drop = next((t for t in told if t.urgency is Urgency.PROGRESS), told[0])
    return tuple(t for t in told if t is not drop)
