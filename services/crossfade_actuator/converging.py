"""Converging: does what a run's state wants, one effect at a time, until nothing is wanted.

The order is claim (a fact is stored), act, read back, say, settle. Every effect can be repeated:
a write guards what it found, an action knows which tasks are done, a lock is entered once. So
whoever dies in between, the next look, by this process or another, goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from crossfade.domain.facts import (
    Acquired,
    ActionDone,
    Deleted,
    Fought,
    Queued,
    Shifted,
    TargetLost,
    WeightsRead,
)
from crossfade.domain.lifecycle import wanted
from crossfade.domain.runs import RunState, Shift
from crossfade.errors import CrossfadeError, NotFound, Permanent, Retryable
from crossfade.events import ChangedObject
from crossfade.resources import Document
from crossfade.runtime.clock import Clock
from crossfade.runtime.lanes import Lanes
from crossfade.runtime.runs import Runs
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.locking import TargetLock

log = logging.getLogger(__name__)

STEPS = 50
"""Effects that one look may take; a run needs six from Waiting to Running."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class Observation(Protocol):
    """A split as read from the cluster."""

    @property
    def split(self) -> dict[str, int]:
        """Whole percent by version."""
        ...

    @property
    def objects(self) -> tuple[ChangedObject, ...]:
        """The objects that carry it, each at the version read."""
        ...


class WeightTargets(Protocol):
    """The objects that carry a document's weights."""

    async def read(self, document: Document) -> Any:
        """The split as it stands. Raises Permanent where it cannot be read at all."""
        ...

    async def rehearse(self, document: Document) -> None:
        """Raises Permanent where a write would be refused."""
        ...

    async def write(self, document: Document, observed: Any, wanted: Mapping[str, int]) -> Any:
        """The split after the write, read back. Raises FoughtOver, TargetChanged, Retryable."""
        ...


class Actions(Protocol):
    """Runs an action of a run to its end, skipping tasks that are done."""

    async def run(self, state: RunState, document: Document, action: str) -> tuple[bool, str]:
        """Whether it went well, and what to say if not. Raises Retryable where nobody may now."""
        ...


@dataclass(slots=True)
class Converger:
    """Looks at one run at a time; `kick` looks soon and does not wait."""

    ledger: Ledger
    lock: TargetLock
    runs: Runs
    clock: Clock
    actions: Actions
    weights: WeightTargets | None = None
    show: Callable[[RunState], Awaitable[None]] | None = None
    """Writes the status of a resource; where there is a cluster."""
    lanes: Lanes = field(default_factory=Lanes)
    kicked: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    shown: dict[str, str] = field(default_factory=dict)

    def kick(self, uid: str) -> None:
        """Look at a run soon; a look that is under way looks once more."""
        if uid in self.kicked:
            self.again.add(uid)
            return
        task = asyncio.ensure_future(self._look(uid))
        self.kicked[uid] = task
        task.add_done_callback(lambda _: self._looked(uid))

    def _looked(self, uid: str) -> None:
        self.kicked.pop(uid, None)
        if uid in self.again:
            self.again.discard(uid)
            self.kick(uid)

    def has_work(self, state: RunState) -> bool:
        """Whether a look would find anything to do."""
        unseen = self.show is not None and self.shown.get(state.uid) != _mark(state)
        return bool(wanted(state).kind or state.outbox) or (unseen and not state.gone)

    async def close(self) -> None:
        """Stop looking; what is unfinished is found by the next look."""
        self.again.clear()
        tasks = list(self.kicked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, uid: str) -> None:
        for attempt, pause in enumerate((*PAUSES, None), start=1):
            try:
                await self.converge(uid)
                return
            except Retryable as error:
                where = {"run": uid, "attempt": attempt, "error": str(error)}
                log.info("not converged yet", extra=where)
                if pause is None:
                    return  # the second clock looks again
                await asyncio.sleep(pause)
            except CrossfadeError as error:
                log.warning("a run cannot go on", extra={"run": uid, "error": str(error)})
                return
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("a look broke", extra={"run": uid})
                return

    async def converge(self, uid: str) -> None:
        """Do what is wanted, in order, until nothing is or something has to be awaited."""
        for _ in range(STEPS):
            state = await self.ledger.say(await self.ledger.load(uid))
            await self._show(state)
            kind = wanted(state).kind
            if not kind or not await self._effects[kind](state):
                return

    @property
    def _effects(self) -> Mapping[str, Callable[[RunState], Awaitable[bool]]]:
        return {
            "acquire": self._acquire,
            "weigh": self._weigh,
            "shift": self._shift,
            "act": self._act,
            "leave": self._leave,
        }

    async def _acquire(self, state: RunState) -> bool:
        holder = await self.lock.holder(state.target, state.uid, state.init_at)
        if holder == state.uid:
            await self.ledger.apply(state.uid, Acquired(self._now()))
            return True
        held = await self._named(holder)
        if held is None:
            # It is over, and whoever should have left for it died before it could.
            await self.lock.leave(state.target, holder)
            return True
        await self.ledger.apply(state.uid, Queued(self._now(), held))
        await self._show(await self.ledger.say(await self.ledger.load(state.uid)))
        return False

    async def _named(self, uid: str) -> str | None:
        """The experiment of a run that goes on; None for one that is over or unknown."""
        try:
            state = await self.ledger.load(uid)
        except NotFound:
            return None
        return None if state.over else f"{state.namespace}/{state.name}"

    async def _weigh(self, state: RunState) -> bool:
        document = await self.runs.document(state.uid, state.revision)
        await self.ledger.apply(state.uid, await self._weighed(document))
        return True

    async def _weighed(self, document: Document) -> WeightsRead:
        body = document.to_json()
        if self.weights is None:
            if document.moves_weights and any(v.weight_obj_ref for v in document.versions):
                return WeightsRead(self._now(), fault="no cluster to read them from")
            alone = {v.name: 100 if not i else 0 for i, v in enumerate(document.versions)}
            return WeightsRead(self._now(), alone, document=body)
        try:
            observed = await self.weights.read(document)
            if document.moves_weights:
                await self.weights.rehearse(document)
        except Permanent as error:
            return WeightsRead(self._now(), fault=str(error))
        return WeightsRead(self._now(), observed.split, _objects(observed), document=body)

    async def _shift(self, state: RunState) -> bool:
        shift = state.shift
        if shift is None or self.weights is None:
            return False
        document = await self.runs.document(state.uid, state.revision)
        try:
            before = await self.weights.read(document)
            after = before
            if before.split != shift.split:
                after = await self.weights.write(document, before, shift.split)
        except Retryable as error:
            if not getattr(error, "fought_over", False):
                raise
            fought = Fought(self._now(), getattr(error, "split", {}), str(error))
            await self.ledger.apply(state.uid, fought)
            return True
        except Permanent as error:
            await self.ledger.apply(state.uid, TargetLost(self._now(), str(error)))
            return True
        await self._settle(state, shift, before, after)
        return True

    async def _settle(
        self, state: RunState, shift: Shift, before: Observation, after: Observation
    ) -> None:
        latency = max(0.0, self._now() - shift.since)
        log.info("weights moved", extra={"run": state.uid, "split": after.split})
        fact = Shifted(
            self._now(),
            shift.iteration,
            state.observed or before.split,
            after.split,
            _objects(after),
            latency,
        )
        await self.ledger.apply(state.uid, fact)

    async def _act(self, state: RunState) -> bool:
        document = await self.runs.document(state.uid, state.revision)
        ok, message = await self.actions.run(state, document, state.action)
        await self.ledger.apply(state.uid, ActionDone(self._now(), state.action, ok, message))
        return True

    async def _leave(self, state: RunState) -> bool:
        following = await self.lock.leave(state.target, state.uid) if state.target else None
        if following is not None:
            self.kick(following)
        await self.ledger.close(state.uid)
        self.shown.pop(state.uid, None)
        log.info("run over", extra={"run": state.uid, "outcome": state.outcome})
        return False

    async def _show(self, state: RunState) -> None:
        if self.show is None or state.gone:
            return
        # Everything that a status shows changes with one of these.
        mark = (
            f"{state.epoch}/{state.update_at}/{state.message}/{sorted(state.observed.items())}"
        )
        if self.shown.get(state.uid) == mark:
            return
        try:
            await self.show(state)
        except NotFound:
            # Deleted while nobody watched: the run ends where it stands.
            await self.ledger.apply(state.uid, Deleted(self._now()))
            await self.ledger.change(state.uid, lambda now: replace(now, gone=True))
        except Permanent as error:
            log.warning("no status written", extra={"run": state.uid, "error": str(error)})
        self.shown[state.uid] = mark

    def _now(self) -> float:
        return self.clock().timestamp()


def _mark(state: RunState) -> str:
    """Everything that a status shows changes with one of these."""
    return f"{state.epoch}/{state.update_at}/{state.message}/{sorted(state.observed.items())}"


def _objects(observed: Observation) -> tuple[dict[str, str], ...]:
    return tuple(o.model_dump(mode="json", by_alias=True) for o in observed.objects)
