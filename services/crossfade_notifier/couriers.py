"""Couriers: one a channel, carrying what the outboxes hold at the pace that the channel bears.

What is most urgent goes first. A delivery is claimed before it begins and recorded after it, so
that two replicas do not carry the same, and a crash in between is known afterwards as doubt.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter, Gauge

from crossfade.errors import Conflict, CrossfadeError, Malformed, Permanent, Unreachable
from crossfade.events import Incident, subjects
from crossfade.runtime.service import Entry, Publisher, Store
from crossfade.telling import Urgency
from crossfade_notifier.channels.port import Channel, Later, MaybeDone, Parcel
from crossfade_notifier.outbox import LOST, Claim, Outbox, Progress, Told
from crossfade_notifier.pacing import Pace

log = logging.getLogger(__name__)

DELIVERED = Counter(
    "crossfade_notifications", "Deliveries by channel and result.", ["channel_kind", "result"]
)
WAITING = Gauge(
    "crossfade_notification_queue", "Runs with something to tell.", ["channel_kind"]
)
CLAIM_SECONDS = 20.0
UNSEEN_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
IDLE_SECONDS = 5.0
GOODBYE_SECONDS = 3.0


@dataclass(slots=True)
class Due:
    """A run with something to tell, from when on, and the sentence that must be there by then."""

    n: int
    urgency: Urgency
    not_before: float
    given_up_at: float


@dataclass(slots=True)
class Courier:
    """Carries the sentences of all runs over one channel."""

    channel: Channel
    state: Store
    publisher: Publisher
    service: str = "notifier"
    clock: Callable[[], float] = time.time
    claim_seconds: float = CLAIM_SECONDS
    """How long one delivery may take, all its calls together; after a crash the next waits so."""
    me: str = field(default_factory=lambda: secrets.token_hex(8))
    pace: Pace = field(init=False)
    due: dict[str, Due] = field(default_factory=dict, init=False)
    _last: dict[str, float] = field(default_factory=dict, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.channel.per_second, max(3.0, self.channel.per_second))

    def expect(self, uid: str, n: int, urgency: Urgency) -> None:
        """Sentence `n` of a run is about to stand in its outbox."""
        now = _now()
        gather = self.channel.coalesce_seconds if urgency is Urgency.PROGRESS else 0.0
        not_before = max(now, self._last.get(uid, 0.0) + gather)
        known = self.due.get(uid)
        if known is not None:
            not_before = min(not_before, known.not_before)
            urgency, n = min(urgency, known.urgency), max(n, known.n)
        self.due[uid] = Due(n, urgency, not_before, now + PATIENCE_SECONDS)
        self._woken.set()

    async def run(self) -> None:
        """Carry until cancelled."""
        while True:
            uid = await self._next()
            due = self.due.pop(uid)
            try:
                await _to_its_end(self._serve(uid, due))
            except asyncio.CancelledError:
                raise
            except Conflict:
                self._again(uid, due, 1.0)
            except Unreachable as error:  # of the store; the channel's own are handled within
                log.warning("the outbox is out of reach", extra={"error": str(error)})
                self._again(uid, due, 2.0)
            except Malformed:
                log.exception("an outbox cannot be read", extra={"uid": uid})
            except Exception:
                self._again(uid, due, 5.0)  # the chassis begins this loop anew; nothing is lost
                raise
            WAITING.labels(self.channel.name).set(len(self.due))

    async def _next(self) -> str:
        while True:
            self._woken.clear()
            now = _now()
            ready = [uid for uid, due in self.due.items() if due.not_before <= now]
            wait = self.pace.wait_seconds()
            if ready and wait <= 0:
                return min(ready, key=lambda u: (self.due[u].urgency, self.due[u].not_before))
            if not ready:
                moments = [due.not_before - now for due in self.due.values()]
                wait = min(moments, default=IDLE_SECONDS)
            try:
                async with asyncio.timeout(max(wait, 0.001)):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _serve(self, uid: str, due: Due) -> None:
        entry = await self.state.get(subjects.own_key(self.service, uid))
        outbox = Outbox.read(entry.value) if entry else None
        if outbox is None or outbox.next <= due.n:
            if _now() < due.given_up_at:  # the handler's write is on its way
                self._again(uid, due, UNSEEN_SECONDS)
            return
        key = subjects.own_key(self.service, f"{uid}.{self.channel.name}")
        stored = await self.state.get(key)
        progress = Progress.read(stored.value) if stored else Progress()
        owed = [t for t in outbox.told if t.n > progress.cursor and self._carries(outbox, t)]
        if not owed:
            return
        if self._taken(progress):
            self._again(uid, due, 1.0 + self.claim_seconds / 4)
            return
        await self._carry(key, stored, progress, outbox, owed, due)

    def _carries(self, outbox: Outbox, told: Told) -> bool:
        return told.not_by != self.channel.name and self.channel.wants(outbox.known, told)

    def _taken(self, progress: Progress) -> bool:
        claim = progress.claim
        return claim is not None and claim.by != self.me and claim.until > self.clock()

    async def _carry(
        self,
        key: str,
        stored: Entry | None,
        progress: Progress,
        outbox: Outbox,
        owed: list[Told],
        due: Due,
    ) -> None:
        at = self.clock()
        doubt = progress.claim
        since = doubt.since if doubt else at
        claim = Claim(by=self.me, upto=owed[-1].n, since=since, until=at + self.claim_seconds)
        claimed = progress.model_copy(update={"claim": claim})
        revision = await self.state.put(key, claimed.write(), stored.revision if stored else 0)
        parcel = Parcel(outbox.known, owed, dict(progress.memory), doubt is not None, since)
        uid, kept = outbox.known.uid, parcel.memory
        self.pace.spend()
        self._last[uid] = _now()
        try:
            await self._deliver(parcel)
        except MaybeDone as error:
            # The claim stays: whoever tries next knows that it may have come through.
            await self._keep(key, claimed, kept, revision)
            self._failed(uid, due, error, self.pace.stumble(), "unclear")
            return
        except Permanent as error:
            past = {"cursor": owed[-1].n, "failures": progress.failures + 1, "claim": None}
            await self._keep(key, progress.model_copy(update=past), kept, revision)
            await self._lose(outbox, owed, error)
            return
        except CrossfadeError as error:
            pause = self._pause(error)
            free = progress.model_copy(update={"claim": None})
            await self._keep(key, free, kept, revision)
            self._failed(uid, due, error, pause, "later")
            return
        done = Progress(cursor=owed[-1].n, failures=progress.failures)
        await self._keep(key, done, kept, revision)
        self.pace.recover()
        DELIVERED.labels(self.channel.name, "delivered").inc()
        if outbox.known.over:
            self._last.pop(uid, None)

    async def _deliver(self, parcel: Parcel) -> None:
        """Deliver within the claim: beyond it somebody else may deliver the same."""
        try:
            async with asyncio.timeout(self.claim_seconds):
                await self.channel.deliver(parcel)
        except TimeoutError as error:
            told = f"{self.channel.name}: not done within {self.claim_seconds:g} s"
            raise MaybeDone(told) from error

    async def _keep(
        self, key: str, progress: Progress, memory: dict[str, str], revision: int
    ) -> None:
        """Record a progress with what the channel remembers by now."""
        kept = progress.model_copy(update={"memory": memory})
        await self.state.put(key, kept.write(), revision)

    def _pause(self, error: CrossfadeError) -> float:
        if isinstance(error, Later):
            self.pace.hold(error.seconds)
            return error.seconds
        return self.pace.stumble()

    def _failed(
        self, uid: str, due: Due, error: CrossfadeError, pause: float, result: str
    ) -> None:
        DELIVERED.labels(self.channel.name, result).inc()
        extra = {"channel": self.channel.name, "error": str(error), "again_seconds": pause}
        log.warning("a delivery has to wait", extra=extra)
        self._again(uid, due, 0.0)

    async def _lose(self, outbox: Outbox, owed: list[Told], error: Permanent) -> None:
        DELIVERED.labels(self.channel.name, "lost").inc()
        extra = {
            "channel": self.channel.name,
            "error": str(error),
            "lost": [told.text for told in owed],
        }
        log.error("set a message aside", extra=extra)
        known, name = outbox.known, self.channel.name
        incident = Incident(
            namespace=known.namespace,
            name=known.name,
            uid=known.uid,
            iteration=known.iteration,
            what_happened=f"{LOST}-{name}",
            text=f"{name} refuses messages ({error}); what it should have told is lost",
            detail={"channel": name, "lost": [told.id for told in owed]},
        )
        try:
            await self.publisher.say(incident)
        except Unreachable as away:
            log.warning("could not say that messages are lost", extra={"error": str(away)})

    def _again(self, uid: str, due: Due, seconds: float) -> None:
        newer = self.due.get(uid)
        if newer is None:
            self.due[uid] = Due(due.n, due.urgency, _now() + seconds, due.given_up_at)


async def _to_its_end(serving: Coroutine[Any, Any, None]) -> None:
    """Serve; who is cancelled meanwhile brings the parcel in hand to its end, if it is near.

    What was posted and never recorded would be looked for, or told twice, after the restart.
    """
    task = asyncio.ensure_future(serving)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=GOODBYE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _now() -> float:
    return asyncio.get_running_loop().time()
