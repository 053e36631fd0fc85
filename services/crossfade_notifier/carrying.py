"""One delivery: claimed before it begins, recorded after it.

So two replicas do not carry the same, and a crash in between is known afterwards as doubt. What a
channel refuses for good is set aside: counted, and said as an incident that holds the sentences.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import Counter

from crossfade.errors import CrossfadeError, Permanent, Unreachable
from crossfade.events import Incident
from crossfade.runtime.service import Entry, Publisher, Store
from crossfade.telling import Known, Urgency
from crossfade_notifier.channels.port import Channel, Later, MaybeDone, Parcel
from crossfade_notifier.outbox import LOST, Claim, Outbox, Progress, Told
from crossfade_notifier.pacing import Pace
from crossfade_notifier.routing import Route

log = logging.getLogger(__name__)

DELIVERED = Counter(
    "crossfade_notifications", "Deliveries by channel and result.", ["channel_kind", "result"]
)
CLAIM_SECONDS = 20.0
MOST_LOST = 24
"""How many sentences an incident holds; the log has all."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be carried about one run, and where its progress is kept."""

    key: str
    stored: Entry | None
    progress: Progress
    outbox: Outbox
    told: Sequence[Told]
    route: Route

    @property
    def upto(self) -> int:
        """How far the run is told once this has arrived; a mere refresh tells nothing."""
        return self.told[-1].n if self.told else self.progress.cursor


@dataclass(slots=True)
class Carrier:
    """Carries loads over one channel, at its pace."""

    channel: Channel
    state: Store
    publisher: Publisher
    pace: Pace
    clock: Callable[[], float] = time.time
    claim_seconds: float = CLAIM_SECONDS
    """How long one delivery may take, all its calls together; after a crash the next waits so."""
    me: str = field(default_factory=lambda: secrets.token_hex(8))

    def taken(self, progress: Progress) -> bool:
        """Whether somebody else has a delivery in hand."""
        claim = progress.claim
        return claim is not None and claim.by != self.me and claim.until > self.clock()

    async def carry(self, load: Load) -> bool:
        """Whether nothing remains to be done; otherwise again, once the pace allows it.

        Raises Conflict, Unreachable: of the store, before anything was delivered or after.
        """
        at, progress = self.clock(), load.progress
        doubt = progress.claim
        since = doubt.since if doubt else at
        until = at + self.claim_seconds
        claim = Claim(by=self.me, upto=load.upto, since=since, until=until)
        claimed = progress.model_copy(update={"claim": claim})
        before = load.stored.revision if load.stored else 0
        revision = await self.state.put(load.key, claimed.write(), before)
        parcel = Parcel(
            load.outbox.known,
            load.told,
            dict(progress.memory),
            doubt is not None,
            since,
            load.route.slack_channel,
            load.route.warnings,
            load.outbox.signs.stuck,
        )
        self.pace.spend()
        error = await self._deliver(parcel)
        after = self._after(load, claimed, error)
        kept = after.model_copy(update={"memory": parcel.memory})
        await self.state.put(load.key, kept.write(), revision)
        await self._tell(load, error)
        return error is None or isinstance(error, Permanent)

    async def _deliver(self, parcel: Parcel) -> CrossfadeError | None:
        """Deliver within the claim: beyond it somebody else may deliver the same."""
        try:
            async with asyncio.timeout(self.claim_seconds):
                await self.channel.deliver(parcel)
        except TimeoutError:
            return MaybeDone(f"{self.channel.name}: not done in {self.claim_seconds:g} s")
        except CrossfadeError as error:
            return error
        return None

    def _after(self, load: Load, claimed: Progress, error: CrossfadeError | None) -> Progress:
        """The progress to keep. A claim stays while a delivery may have come through."""
        settled = error is None or isinstance(error, Permanent)
        if settled and not load.told:
            return load.progress  # what was in doubt is so still
        if settled:
            return Progress(
                cursor=load.upto, failures=load.progress.failures + 1 if error else 0
            )
        if isinstance(error, MaybeDone) or load.progress.claim is not None:
            return claimed
        return claimed.model_copy(update={"claim": None})

    async def _tell(self, load: Load, error: CrossfadeError | None) -> None:
        """Count, log, hold the pace back or let it recover, and say what is lost or found."""
        if error is None:
            self.pace.recover()
            self._count("delivered")
            if load.progress.failures and load.told:
                await self._say(load.outbox.known, "closed", "takes messages again")
        elif isinstance(error, Permanent):
            self._count("lost")
            await self._lose(load, error)
        else:
            self._count("unclear" if isinstance(error, MaybeDone) else "later")
            seconds = self._hold(error)
            extra = {"channel": self.channel.name, "error": str(error)}
            log.warning("a delivery has to wait", extra=extra | {"again_seconds": seconds})

    def _hold(self, error: CrossfadeError) -> float:
        if isinstance(error, Later):
            self.pace.hold(error.seconds)
            return error.seconds
        return self.pace.stumble()

    async def _lose(self, load: Load, error: Permanent) -> None:
        if not load.told:
            log.warning("a message cannot be kept true", extra={"error": str(error)})
            return
        lost = [{"id": told.id, "text": told.text} for told in load.told]
        extra = {"channel": self.channel.name, "error": str(error), "lost": lost}
        log.error("set a message aside", extra=extra)
        final = any(told.urgency is Urgency.TERMINAL for told in load.told)
        if load.progress.failures and not final:
            return  # the incident is open already; the end of a run is worth another
        text = f"refuses messages ({error}); what it should have told is lost"
        await self._say(load.outbox.known, "opened", text, lost[-MOST_LOST:])

    async def _say(
        self, known: Known, state: str, text: str, lost: Sequence[dict[str, str]] = ()
    ) -> None:
        name = self.channel.name
        incident = Incident(
            namespace=known.namespace,
            name=known.name,
            uid=known.uid,
            iteration=known.iteration,
            what_happened=f"{LOST}-{name}",
            state="closed" if state == "closed" else "opened",
            text=f"{name} {text}",
            detail={"channel": name} | ({"lost": list(lost)} if lost else {}),
        )
        try:
            await self.publisher.say(incident)
        except Unreachable as away:
            log.warning("could not say what became of messages", extra={"error": str(away)})

    def _count(self, result: str) -> None:
        DELIVERED.labels(self.channel.name, result).inc()
