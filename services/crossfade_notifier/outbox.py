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
from crossfade.telling import Known, Telling, Topic, Urgency, learn
from crossfade.telling.learning import LONGEST
from crossfade.telling.numbers import within
from crossfade_notifier.sticking import Signs, news

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
    signs: Signs = Signs()
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
        signs, tellings = news(self.signs, self.known, event, known)
        seen = (*self.seen, event.id)[-SEEN:]
        update = {"known": known, "seen": seen, "signs": signs}
        return self.model_copy(update=update).adding(event, at, tellings)

    def adding(self, event: Event, at: datetime, tellings: Sequence[Telling]) -> Outbox:
        """With sentences that an event gives rise to."""
        fresh = [
            Told(
                n=self.next + i,
                id=f"{event.id}#{i}" if i else event.id,
                topic=telling.topic,
                urgency=telling.urgency,
                text=within(telling.text, LONGEST),
                at=at,
                iteration=event.iteration,
                not_by=_culprit(event),
            )
            for i, telling in enumerate(tellings)
        ]
        told = _bounded((*self.told, *fresh))
        return self.model_copy(update={"told": told, "next": self.next + len(fresh)})


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
    while len(told) > KEPT:
        drop = next((t for t in told if t.urgency is Urgency.PROGRESS), told[0])
        told = tuple(t for t in told if t is not drop)
    return told
