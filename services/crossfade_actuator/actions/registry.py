"""Which task is which; an unknown one fails an action before any of its tasks has run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crossfade.resources import Task
from crossfade_actuator.actions.collect import Collect
from crossfade_actuator.actions.github import GithubWorkflow
from crossfade_actuator.actions.helmex import HelmexUpdate
from crossfade_actuator.actions.port import TaskFailed, Work
from crossfade_actuator.actions.readiness import Readiness
from crossfade_actuator.actions.shells import Bash, Exec, PromoteKubectl, Run
from crossfade_actuator.actions.slack import Slack
from crossfade_actuator.actions.web import Http

TASKS: Mapping[str, Callable[[Task], Work]] = {
    "common/exec": Exec.of,
    "common/bash": Bash.of,
    "common/promote-kubectl": PromoteKubectl.of,
    "common/readiness": Readiness.of,
    "gitops/helmex-update": HelmexUpdate.of,
    "metrics/collect": Collect.of,
    "notification/github-workflow": GithubWorkflow.of,
    "notification/http": Http.of,
    "notification/slack": Slack.of,
}


def work_of(task: Task) -> Work:
    """A task made ready. Raises TaskFailed for an unknown one or bad inputs."""
    if task.run:
        return Run.of(task)
    make = TASKS.get(task.task or "")
    if make is None:
        right = f"right is run, or one of {', '.join(sorted(TASKS))}"
        raise TaskFailed(f"task: found {task.task!r}; {right}")
    return make(task)
