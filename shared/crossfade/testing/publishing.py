"""A publisher that remembers, once per id, what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossfade.events import Event


@dataclass(slots=True)
class Recorder:
    """Keeps said events in order; an id said again is swallowed, as the broker does."""

    said: list[Event] = field(default_factory=list)

    async def say(self, event: Event) -> None:
        """Remember the event, unless its id is known."""
        if all(event.id != known.id for known in self.said):
            self.said.append(event)
