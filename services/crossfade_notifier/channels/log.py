"""The log channel: each sentence is a log line, for people and for Loki alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from crossfade.telling import Known, Topic, Urgency
from crossfade_notifier.channels.port import RECORD, Manners, Parcel
from crossfade_notifier.outbox import Told

log = logging.getLogger("crossfade.told")
OVER: frozenset[Topic] = frozenset({"recovered", "unstuck"})


@dataclass(frozen=True, slots=True)
class LogChannel:
    """Writes sentences through `logging`; trouble is a warning. Here the sentence is the phrase."""

    name: str = "log"
    per_second: float = 1000.0
    coalesce_seconds: float = 0.0
    manners: Manners = RECORD

    def wants(self, known: Known, told: Told) -> bool:
        """It takes everything."""
        return True

    async def deliver(self, parcel: Parcel) -> None:
        """Write one line a sentence."""
        for told in parcel.told:
            bad = told.urgency is Urgency.TROUBLE and told.topic not in OVER
            level = logging.WARNING if bad else logging.INFO
            log.log(
                level,
                "%s: %s",
                parcel.known.title or "crossfade",
                told.text,
                extra={"topic": told.topic, "uid": parcel.known.uid},
            )

    async def close(self) -> None:
        """It holds nothing."""
