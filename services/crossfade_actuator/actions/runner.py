"""The runner: an action's tasks in order, intent before each, its outcome after it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from crossfade.events import ActionOutcome
from crossfade.resources import Task
from crossfade_actuator.actions.conditions import holds
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.port import (
    ActionResult,
    Attempt,
    Executor,
    Ledger,
    Outcome,
    TaskFailed,
    Work,
)
from crossfade_actuator.actions.registry import work_of

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs actions with one executor; `seconds` bound a whole action."""

    executor: Executor
    seconds: float = 300.0
    kubeconfig: Path | None = None
    clock: Callable[[], float] = monotonic

    async def run(
        self, action: str, tasks: Sequence[Task], context: Context, ledger: Ledger
    ) -> ActionResult:
        """Strictly in order; the first failure ends it, an unknown task before any has run."""
        try:
            ready = [(task, work_of(task)) for task in tasks]
        except TaskFailed as error:
            return ActionResult(False, str(error))
        until = self.clock() + self.seconds
        with tempfile.TemporaryDirectory(prefix="crossfade-scratch-") as scratch:
            for number, (task, work) in enumerate(ready):
                attempt = await ledger.begun(number)
                if attempt is None:
                    continue
                environment = self._environment(action, context, attempt, scratch)
                began = self.clock()
                trial = Attempt(context, self.executor, environment, max(0.1, until - began))
                outcome, skipped = await _tried(task, work, trial)
                said = _said(action, number, attempt, outcome, skipped, self.clock() - began)
                await ledger.finished(said.model_copy(update={"uid": context.uid}))
                if not outcome.ok:
                    return ActionResult(False, f"task {number}: {_last_line(outcome)}")
        return ActionResult(True)

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


async def _tried(task: Task, work: Work, attempt: Attempt) -> tuple[Outcome, bool]:
    try:
        if task.if_ and not holds(task.if_, attempt.context):
            return Outcome(True, f"skipped: {task.if_} does not hold"), True
        return await work.do(attempt), False
    except TaskFailed as error:
        return Outcome(False, str(error)), False


def _said(
    action: str, task: int, attempt: int, outcome: Outcome, skipped: bool, seconds: float
) -> ActionOutcome:
    return ActionOutcome(
        uid="-",
        action=action,
        task=task,
        attempt=attempt,
        ok=outcome.ok,
        skipped=skipped,
        exit=outcome.exit,
        seconds=round(seconds, 3),
        output=outcome.output,
    )


def _last_line(outcome: Outcome) -> str:
    lines = [line for line in outcome.output.splitlines() if line.strip()]
    told = lines[-1].strip() if lines else "it printed nothing"
    return f"exit {outcome.exit}: {told}" if outcome.exit is not None else told
