"""What the runner needs and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from crossfade.errors import Permanent
from crossfade.events import ActionOutcome
from crossfade_actuator.actions.context import Context


class TaskFailed(Permanent):
    """A task cannot do what it is asked; the message says why."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How an action went, and what to say where it did not go well."""

    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at a task went. `output` is the tail of what it printed."""

    ok: bool
    output: str = ""
    exit: int | None = None


class Ledger(Protocol):
    """The run's own record of its tasks."""

    async def begun(self, task: int) -> int | None:
        """Intent, recorded: the attempt that begins now, or None for a task that is done."""
        ...

    async def finished(self, outcome: ActionOutcome) -> None:
        """The outcome, recorded and said."""
        ...


class Executor(Protocol):
    """Runs a program to its end."""

    async def execute(
        self, argv: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> Outcome:
        """The exit code and the tail of the output. Raises TaskFailed where it cannot run."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task: what it may use."""

    context: Context
    executor: Executor
    environment: Mapping[str, str]
    seconds: float

    async def execute(self, *argv: str) -> Outcome:
        """Run a program in the attempt's environment, within what is left of the action's time."""
        return await self.executor.execute(argv, self.environment, self.seconds)


class Work(Protocol):
    """A task that is ready to run: its inputs were checked."""

    async def do(self, attempt: Attempt) -> Outcome:
        """Do it. Raises TaskFailed."""
        ...
