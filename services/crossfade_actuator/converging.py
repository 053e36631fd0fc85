"""Converging: does what a run's state wants, one effect at a time, until nothing is wanted.

The order is claim (a fact is stored), act, read back, say, settle. Every effect can be repeated:
a write guards what it found, an action knows which tasks are done, a lock is entered once. So
whoever dies in between, the next look, by this process or another, goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from crossfade.domain.facts import Acquired, ActionDone, Fact, Queued
from crossfade.domain.lifecycle import wanted
from crossfade.domain.runs import RunState
from crossfade.errors import CrossfadeError, NotFound, Retryable
from crossfade.resources import Document
from crossfade.runtime.clock import Clock
from crossfade.runtime.runs import Runs
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.locking import TargetLock
from crossfade_actuator.shifting import Observation, Shifting
from crossfade_actuator.showing import Showing

log = logging.getLogger(__name__)

STEPS = 50
"""Effects that one look may take; a run needs seven from Waiting to Running."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class Actions(Protocol):
    """Runs an action of a run to its end, skipping tasks that are done."""

    async def run(self, state: RunState, document: Document, action: str) -> tuple[bool, str]:
        """Whether it went well, and what to say if not. Raises Retryable where nobody may now."""
        ...

    async def abandon(self, state: RunState, document: Document) -> None:
        """Stop what goes on of a run that is over."""
        ...


@dataclass(slots=True)
class Converger:
    """Looks at one run at a time; `kick` looks soon and does not wait."""

    ledger: Ledger
    lock: TargetLock
    runs: Runs
    clock: Clock
    actions: Actions
    shifting: Shifting
    readmit: Callable[[RunState], Awaitable[Fact]]
    """Admits the document once more, as the start action left it."""
    showing: Showing
    kicked: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)

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
        return bool(wanted(state).kind or state.outbox) or self.showing.is_news(state)

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
            except Exception:
                log.exception("a look broke", extra={"run": uid})
                return

    async def converge(self, uid: str) -> None:
        """Do what is wanted, in order, until nothing is or something has to be awaited.

        Traffic moves before its status is written, but not before this process has seen that the
        resource is still there.
        """
        for _ in range(STEPS):
            state = await self.ledger.say(await self.ledger.load(uid))
            kind = wanted(state).kind
            if kind != "shift" or not self.showing.has_shown(uid):
                await self.showing.show(state)
            if not kind or not await self._effects[kind](state):
                return

    @property
    def _effects(self) -> Mapping[str, Callable[[RunState], Awaitable[bool]]]:
        return {
            "acquire": self._acquire,
            "act": self._act,
            "admit": self._admit,
            "weigh": self._weigh,
            "shift": self._shift,
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
        await self.showing.show(await self.ledger.say(await self.ledger.load(state.uid)))
        return False

    async def _named(self, uid: str) -> str | None:
        """The experiment of a run that goes on; None for one that is over or unknown."""
        try:
            state = await self.ledger.load(uid)
        except NotFound:
            return None
        return None if state.over else f"{state.namespace}/{state.name}"

    async def _act(self, state: RunState) -> bool:
        document = await self._document(state)
        before = await self._beside(state, document)
        ok, message = await self.actions.run(state, document, state.action)
        done = ActionDone(self._now(), state.action, ok, message)
        await self.ledger.apply(state.uid, await self.shifting.acted(done, before, document))
        return True

    async def _beside(self, state: RunState, document: Document) -> Observation | None:
        """The split before an action; None where it has begun already, or no split is known."""
        begun = any(key.startswith(f"{state.action}/") for key in state.tasks)
        return None if begun or not state.observed else await self.shifting.look(document)

    async def _admit(self, state: RunState) -> bool:
        await self.ledger.apply(state.uid, await self.readmit(state))
        return True

    async def _weigh(self, state: RunState) -> bool:
        fact = await self.shifting.weigh(await self._document(state))
        await self.ledger.apply(state.uid, fact)
        return True

    async def _shift(self, state: RunState) -> bool:
        if state.shift is None:
            return False
        try:
            fact = await self.shifting.shift(state, await self._document(state), state.shift)
        except Retryable:
            await self.showing.show(state)
            raise
        if fact is None:
            return False
        await self.ledger.apply(state.uid, fact)
        return True

    async def _leave(self, state: RunState) -> bool:
        if state.revision:  # before the next run begins, nothing of this one may go on
            await self.actions.abandon(state, await self._document(state))
        following = await self.lock.leave(state.target, state.uid) if state.target else None
        if following is not None:
            self.kick(following)
        await self.ledger.close(state.uid)
        self.showing.forget(state.uid)
        log.info("run over", extra={"run": state.uid, "outcome": state.outcome})
        return False

    async def _document(self, state: RunState) -> Document:
        return await self.runs.document(state.uid, state.revision)

    def _now(self) -> float:
        return self.clock().timestamp()
