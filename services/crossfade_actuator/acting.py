"""Acting: runs a run's action task by task, under a lease, with intent before and outcome after.

A task found with intent and no outcome was interrupted: it runs once more, marked attempt 2. A
finished task never runs again. Source: architecture §3.5.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from crossfade.domain.runs import RunState, TaskRecord
from crossfade.errors import Conflict, Permanent
from crossfade.events import ActionOutcome
from crossfade.resources import Document, Task
from crossfade.runtime.clock import Clock, utc_now
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.histograms import merged
from crossfade_actuator.actions.port import ActionResult, Histograms
from crossfade_actuator.actions.port import Ledger as TaskLedger
from crossfade_actuator.leases import Leases, Lost
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.status import status_of

log = logging.getLogger(__name__)


class TaskRunner(Protocol):
    """Runs the tasks of an action."""

    async def run(
        self, action: str, tasks: Sequence[Task], context: Context, ledger: TaskLedger
    ) -> ActionResult:
        """Strictly in order; the first failure ends it."""
        ...

    async def abandon(self, action: str, tasks: Sequence[Task], context: Context) -> None:
        """Stop whatever of an action goes on without us."""
        ...


@dataclass(frozen=True, slots=True)
class Acting:
    """The converger's `Actions`."""

    ledger: Ledger
    leases: Leases
    runner: TaskRunner

    async def run(self, state: RunState, document: Document, action: str) -> tuple[bool, str]:
        """Whether it went well, and what to say if not. Raises Conflict where another acts."""
        tasks = _tasks(document, action)
        context = context_of(state, document)
        book = Book(self.ledger, state.uid, action)

        async def still_wanted() -> bool:
            return (await self.ledger.load(state.uid)).action == action

        work = self.runner.run(action, tasks, context, book)
        try:
            result = await self.leases.holding(state.uid, work, still_wanted)
        except Lost:
            if not await still_wanted():
                await self.runner.abandon(action, tasks, context)
            raise
        except Conflict:
            raise
        except Permanent as error:
            return False, str(error)
        if result is None:
            raise Conflict(f"another actuator runs {action} of {state.uid}")
        return result.ok, result.message

    async def abandon(self, state: RunState, document: Document) -> None:
        """Stop what an actuator left behind that did not live to see the end of the run."""
        begun = [key for key, record in state.tasks.items() if not record.done]
        for action in dict.fromkeys(key.rpartition("/")[0] for key in begun):
            context = context_of(state, document)
            await self.runner.abandon(action, _tasks(document, action), context)


def _tasks(document: Document, action: str) -> Sequence[Task]:
    """The tasks of an action; `loop-2` runs those of `loop`."""
    return document.actions.get(action.partition("-")[0], ())


@dataclass(frozen=True, slots=True)
class Book:
    """The run's own record of the tasks of one action."""

    ledger: Ledger
    uid: str
    action: str
    clock: Clock = utc_now

    async def begun(self, task: int) -> int | None:
        """The attempt that begins now, or None for a task that went well.

        Raises Permanent for one that has failed already, Conflict where nothing is wanted.
        """
        key = f"{self.action}/{task}"
        state = await self.ledger.change(
            self.uid, lambda now: _with_intent(now, self.action, key)
        )
        if state.action != self.action:
            raise Conflict(f"{self.action} of {self.uid} is no longer wanted")
        record = state.tasks[key]
        if not record.done:
            return record.attempt
        if not record.ok:
            # Whoever ran it died before the run could fail for it.
            raise Permanent(f"task {task} failed; its outcome says why")
        return None

    async def finished(
        self, outcome: ActionOutcome, histograms: Histograms | None = None
    ) -> None:
        """Keep and say how it went; what was measured adds to what the run has already.

        Of a run that was ended meanwhile, as by an abort, nothing is said any more but here.
        """
        key = f"{self.action}/{outcome.task}"
        record = TaskRecord(outcome.attempt, done=True, ok=outcome.ok or outcome.skipped)

        def kept(state: RunState) -> RunState:
            if state.over:
                return state
            body = outcome.to_json() | {"iteration": state.iteration}
            told = state.saying("action-outcome", **body)
            told = replace(told, tasks=state.tasks | {key: record})
            if not histograms:
                return told
            together = merged(state.histograms, histograms)
            return replace(told, histograms=together, histograms_at=self.clock().timestamp())

        after = await self.ledger.change(self.uid, kept)
        if after.over:
            where = {"run": self.uid, "task": key, "ok": outcome.ok, "exit": outcome.exit}
            log.warning("a task ended after its run", extra=where)
        await self.ledger.say(after)


def _with_intent(state: RunState, action: str, key: str) -> RunState:
    record = state.tasks.get(key)
    if state.action != action or (record is not None and record.done):
        return state
    attempt = record.attempt + 1 if record is not None else 1
    return replace(state, tasks=state.tasks | {key: TaskRecord(attempt)})


def context_of(state: RunState, document: Document) -> Context:
    """What templates and conditions of tasks may refer to."""
    status: dict[str, Any] = status_of(state)
    return Context(
        document=document,
        status=status,
        uid=state.uid,
        namespace=state.namespace,
        name=state.name,
        recommended=state.recommended or None,
        winner=state.winner or None,
    )
