"""Couriers: one a channel, carrying what the outboxes hold at the pace that the channel bears.

What is most urgent goes first; what people do not want to hear now waits for the end of their
quiet hours. When to go is decided here, `carrying` is about the way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Gauge

from crossfade.errors import Conflict, Malformed, Unreachable
from crossfade.events import subjects
from crossfade.runtime.service import Publisher, Store
from crossfade.telling import Urgency
from crossfade_notifier.carrying import CLAIM_SECONDS, Carrier, Load
from crossfade_notifier.channels.port import Channel
from crossfade_notifier.outbox import Outbox, Progress, Told
from crossfade_notifier.pacing import Pace
from crossfade_notifier.routing import Route, Router, digest

log = logging.getLogger(__name__)

WAITING = Gauge(
    "crossfade_notification_queue", "Runs with something to tell.", ["channel_kind"]
)
UNSEEN_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
IDLE_SECONDS = 5.0
GOODBYE_SECONDS = 3.0
LONGEST_WAIT_SECONDS = 600.0
"""Quiet hours are looked at again so often: clocks of machines are set now and then."""


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
    router: Router = field(default_factory=Router)
    service: str = "notifier"
    clock: Callable[[], float] = time.time
    claim_seconds: float = CLAIM_SECONDS
    pace: Pace = field(init=False)
    due: dict[str, Due] = field(default_factory=dict, init=False)
    carrier: Carrier = field(init=False)
    _last: dict[str, float] = field(default_factory=dict, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.channel.per_second, max(3.0, self.channel.per_second))
        self.carrier = Carrier(
            self.channel,
            self.state,
            self.publisher,
            self.pace,
            lambda: self.clock(),
            self.claim_seconds,
        )

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
        load = await self._load(outbox)
        if not load.told:
            return
        if self.carrier.taken(load.progress):
            self._again(uid, due, 1.0 + self.claim_seconds / 4)
            return
        quiet = self._quiet(load)
        if quiet is not None:
            await self._hold(uid, due, load, *quiet)
        else:
            await self._carry(uid, due, load)

    async def _load(self, outbox: Outbox) -> Load:
        """What this channel owes a run."""
        key = subjects.own_key(self.service, f"{outbox.known.uid}.{self.channel.name}")
        stored = await self.state.get(key)
        progress = Progress.read(stored.value) if stored else Progress()
        route = self.router.route(outbox.known)
        owed = [
            told
            for told in outbox.told
            if told.n > progress.cursor and self._carries(outbox, told, route)
        ]
        return Load(key, stored, progress, outbox, owed, route)

    def _carries(self, outbox: Outbox, told: Told, route: Route) -> bool:
        name = self.channel.name
        wanted = told.not_by != name and self.channel.wants(outbox.known, told)
        return wanted and (self.channel.manners.record or route.takes(name, told))

    def _quiet(self, load: Load) -> tuple[float, str] | None:
        """Seconds until it may be told, and the name of the hours; None for now."""
        if not self.channel.manners.quiet or not load.route.quiet:
            return None
        if any(told.urgency in self.router.passes for told in load.told):
            return None  # it takes along what waited: nobody reads an end without its story
        found = load.route.quiet_until(datetime.fromtimestamp(self.clock(), UTC))
        if found is None:
            return None
        return min(found[0].timestamp() - self.clock(), LONGEST_WAIT_SECONDS), found[1]

    async def _hold(self, uid: str, due: Due, load: Load, seconds: float, hours: str) -> None:
        """Wait for the end of quiet hours; what is shown already is kept true in silence."""
        if not load.progress.held:
            held = load.progress.model_copy(update={"held": hours})
            before = load.stored.revision if load.stored else 0
            await self.state.put(load.key, held.write(), before)
            self._again(uid, due, 0.0)
            return
        if self.channel.manners.refreshes and load.progress.memory:
            self._last[uid] = _now()
            silent = Load(load.key, load.stored, load.progress, load.outbox, (), load.route)
            if not await self.carrier.carry(silent):
                self._again(uid, due, 0.0)
                return
        self._again(uid, due, max(seconds, 0.0))

    async def _carry(self, uid: str, due: Due, load: Load) -> None:
        self._last[uid] = _now()
        told = _first(load)
        rest = len(told) < len(load.told)
        if load.progress.held:
            told = digest(told, load.progress.held, told[-1].n - load.progress.cursor)
        load = Load(load.key, load.stored, load.progress, load.outbox, told, load.route)
        if not await self.carrier.carry(load) or rest:
            self._again(uid, due, 0.0)
        elif load.outbox.known.over:
            self._last.pop(uid, None)

    def _again(self, uid: str, due: Due, seconds: float) -> None:
        newer = self.due.get(uid)
        if newer is None:
            self.due[uid] = Due(due.n, due.urgency, _now() + seconds, due.given_up_at)


def _first(load: Load) -> Sequence[Told]:
    """What is told now: all of it, or first alone what may have come through already.

    Together with newer sentences it would not be found again where it was told.
    """
    claim = load.progress.claim
    doubtful = [told for told in load.told if claim is not None and told.n <= claim.upto]
    return doubtful or load.told


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
