"""The runner: an action's tasks in order, intent before each, its outcome after it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from crossfade.errors import CrossfadeError
from crossfade.events import ActionOutcome
from crossfade.resources import Task
from crossfade_actuator.actions.conditions import holds
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.inputs import fails_when_interrupted
from crossfade_actuator.actions.masking import masked
from crossfade_actuator.actions.port import (
    ActionResult,
    Attempt,
    Errand,
    Executor,
    Ledger,
    Means,
    Outcome,
    TaskFailed,
    Work,
)
from crossfade_actuator.actions.registry import work_of

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ATTEMPTS = 2
"""How often a task is begun that its actuators do not survive."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs actions with one executor; `seconds` bound a whole action."""

    executor: Executor
    seconds: float = 300.0
    kubeconfig: Path | None = None
    clock: Callable[[], float] = monotonic
    means: Means = field(default_factory=Means)

    async def run(
        self, action: str, tasks: Sequence[Task], context: Context, ledger: Ledger
    ) -> ActionResult:
        """Strictly in order; the first failure ends it, an unknown task before any has run."""
        try:
            ready = [
                _Ready(task, work_of(task), fails_when_interrupted(task)) for task in tasks
            ]
        except TaskFailed as error:
            return ActionResult(False, str(error))
        until = self.clock() + self.seconds
        with tempfile.TemporaryDirectory(prefix="crossfade-scratch-") as scratch:
            for number, one in enumerate(ready):
                number_of_attempt = await ledger.begun(number)
                if number_of_attempt is None:
                    continue
                errand = Errand(context.uid, context.namespace, context.name, action, number)
                attempt = Attempt(
                    context,
                    self.executor,
                    self._environment(action, context, number_of_attempt, scratch),
                    max(0.1, until - self.clock()),
                    errand,
                    self.means,
                )
                outcome = await self._one(one, attempt, number_of_attempt, ledger)
                if not outcome.ok:
                    return ActionResult(False, f"task {number}: {_last_line(outcome)}")
        return ActionResult(True)

    async def abandon(self, action: str, tasks: Sequence[Task], context: Context) -> None:
        """Stop what of an action outlives us: nobody wants it any more."""
        for number in range(len(tasks)):
            errand = Errand(context.uid, context.namespace, context.name, action, number)
            await self.executor.forget(errand)

    async def _one(self, one: _Ready, attempt: Attempt, number: int, ledger: Ledger) -> Outcome:
        """One task from its intent to its recorded outcome."""
        began, errand = self.clock(), attempt.errand
        skipped = False
        if text := await self._given_up(one, errand, number):
            outcome = Outcome(False, text)
        else:
            outcome, skipped = await _tried(one, attempt)
        outcome = replace(outcome, output=masked(outcome.output, attempt.revealed))
        said = ActionOutcome(
            uid=errand.uid,
            action=errand.action,
            task=errand.task,
            attempt=number,
            ok=outcome.ok,
            skipped=skipped,
            exit=outcome.exit,
            seconds=round(self.clock() - began, 3),
            output=outcome.output,
        )
        await ledger.finished(said, outcome.histograms)
        await self.executor.forget(errand)
        return outcome

    async def _given_up(self, one: _Ready, errand: Errand, number: int) -> str:
        """Why an interrupted task is not begun again; nothing where it is."""
        if number == 1 or (number <= ATTEMPTS and not one.once):
            return ""
        if await self.executor.survives(errand):
            return ""
        if one.once:
            return "was interrupted, and says onInterrupted: fail"
        return f"was interrupted {ATTEMPTS} times"

    def _environment(
        self, action: str, context: Context, attempt: int, scratch: str
    ) -> dict[str, str]:
        """What a child gets to see, and nothing else; HOME is an empty folder of its own."""
        own = str(Path(sys.executable).parent)
        environment = {
            "PATH": f"{own}:{SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            "SCRATCH_DIR": scratch,
            "EXPERIMENT_NAME": context.name,
            "EXPERIMENT_NAMESPACE": context.namespace,
            "ACTION": action.partition("-")[0],
            "CROSSFADE_ATTEMPT": str(attempt),
        }
        return environment | ({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})


@dataclass(frozen=True, slots=True)
class _Ready:
    """A task whose inputs were checked; `once` where an interruption is its end."""

    task: Task
    work: Work
    once: bool


async def _tried(one: _Ready, attempt: Attempt) -> tuple[Outcome, bool]:
    condition = one.task.if_
    try:
        if condition and not holds(condition, attempt.context):
            return Outcome(True, f"skipped: {condition} does not hold"), True
        attempt.executor.permit()
        return await one.work.do(attempt), False
    except TaskFailed as error:
        return Outcome(False, str(error)), False
    except CrossfadeError as error:
        # A cluster that is away in the midst of a task: the task says so, not the run's log.
        return Outcome(False, f"{type(error).__name__}: {error}"), False


def _last_line(outcome: Outcome) -> str:
    lines = [line for line in outcome.output.splitlines() if line.strip()]
    told = lines[-1].strip() if lines else "it printed nothing"
    return f"exit {outcome.exit}: {told}" if outcome.exit is not None else told
