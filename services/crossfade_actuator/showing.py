"""Showing: writes a run's status where its resource is, once for each change."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from crossfade.domain.facts import Deleted
from crossfade.domain.runs import RunState
from crossfade.errors import NotFound, Permanent
from crossfade.runtime.clock import Clock
from crossfade_actuator.ledger import Ledger

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Showing:
    """Remembers what was shown, so that a look that finds nothing new writes nothing."""

    ledger: Ledger
    clock: Clock
    write: Callable[[RunState], Awaitable[None]] | None = None
    """Writes the status of a resource; where there is a cluster."""
    marks: dict[str, str] = field(default_factory=dict)

    def is_news(self, state: RunState) -> bool:
        """Whether the resource does not show this state yet."""
        written = self.marks.get(state.uid) == _mark(state)
        return self.write is not None and not state.gone and not written

    def has_shown(self, uid: str) -> bool:
        """Whether this process has written the run's status before, or has none to write."""
        return self.write is None or uid in self.marks

    async def show(self, state: RunState) -> None:
        """Write the status. A resource that is gone ends its run where it stands."""
        if self.write is None or not self.is_news(state):
            return
        try:
            await self.write(state)
        except NotFound:
            # Deleted while nobody watched.
            await self.ledger.apply(state.uid, Deleted(self.clock().timestamp()))
            await self.ledger.change(state.uid, lambda now: replace(now, gone=True))
        except Permanent as error:
            log.warning("no status written", extra={"run": state.uid, "error": str(error)})
        self.marks[state.uid] = _mark(state)

    def forget(self, uid: str) -> None:
        """The run is over."""
        self.marks.pop(uid, None)


def _mark(state: RunState) -> str:
    """Everything that a status shows changes with one of these."""
    return f"{state.epoch}/{state.update_at}/{state.message}/{sorted(state.observed.items())}"
