"""Rehearsing: which of a document's actions could never run, found before its start.

An action is made ready when its turn has come: the finish action of a long run at its very end. As
upstream, nothing is refused for it; but whoever starts is told, and whoever lints.
"""

from __future__ import annotations

from collections.abc import Iterator

from crossfade.linting import Finding, Rule
from crossfade.resources import Document, Task
from crossfade_actuator.actions.conditions import check
from crossfade_actuator.actions.inputs import fails_when_interrupted
from crossfade_actuator.actions.port import TaskFailed
from crossfade_actuator.actions.registry import work_of

PLACE = "spec.strategy.actions"
RUN = ("start", "loop", "finish", "rollback")


def tasks_that_fail(document: Document) -> Iterator[Finding]:
    """Tasks that nobody knows or whose inputs are wrong, and actions that are never run."""
    for action, tasks in document.actions.items():
        if action not in RUN:
            reason, right = "an action of that name is never run", ", ".join(RUN)
            mend = f"name it one of {right}"
            yield Finding("action-unknown", "warning", f"{PLACE}.{action}", reason, mend)
            continue
        for number, task in enumerate(tasks):
            if wrong := _wrong(task):
                mend = f"correct it: the {action} action fails before any of its tasks has run"
                where = f"{PLACE}.{action}[{number}]"
                yield Finding("task-cannot-run", "error", where, wrong, mend)


def switched_off(document: Document) -> Iterator[Finding]:
    """That an installation runs no actions, which this document has."""
    first = next((action for action in RUN if action in document.actions), None)
    if first is not None:
        reason = f"actions are switched off here: the run fails when it comes to {first}"
        mend = "set CROSSFADE_ACTUATOR__ACTIONS of the actuator to job or process"
        yield Finding("actions-off", "warning", PLACE, reason, mend)


def rules(actions: str = "process") -> tuple[Rule, ...]:
    """What an installation has to say about actions; `actions` is its setting of that name."""
    return (switched_off, tasks_that_fail) if actions == "off" else (tasks_that_fail,)


def _wrong(task: Task) -> str:
    """Why a task could not run; empty where nothing is known against it."""
    try:
        work_of(task)
        fails_when_interrupted(task)
        if task.if_:
            check(task.if_)
    except TaskFailed as error:
        return str(error)
    return ""
