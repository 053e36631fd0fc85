"""`notification/github-workflow`: starts a workflow of GitHub Actions. Source: v2alpha2 §5.4."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade.resources import Task
from crossfade_actuator.actions.inputs import (
    further_variables,
    named_values,
    text,
    truth,
    wrong,
)
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed
from crossfade_actuator.actions.posting import Letter, send, settled
from crossfade_actuator.actions.templates import filled

REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$")
WORKFLOW = re.compile(r"^[\w.-]+$")


@dataclass(frozen=True, slots=True)
class GithubWorkflow:
    """Dispatches a workflow with the token of a secret."""

    repository: str
    workflow: str
    secret: str
    ref: str = "master"
    inputs: Mapping[str, str] = field(default_factory=dict)
    ignored: bool = True
    versions: tuple[Mapping[str, str], ...] = ()
    """Further variables, by position: baseline, candidates."""

    @classmethod
    def of(cls, task: Task) -> GithubWorkflow:
        """From the task's inputs. Raises TaskFailed for missing or odd ones."""
        given = task.inputs
        repository = text(given, "repository", "owner/name")
        workflow = text(given, "workflow", "a workflow's file name")
        if not REPOSITORY.match(repository):
            raise wrong("with.repository", repository, "owner/name")
        if not WORKFLOW.match(workflow):
            raise wrong(
                "with.workflow", workflow, "a workflow's file name, such as deploy.yaml"
            )
        return cls(
            repository,
            workflow,
            text(given, "secret", "[namespace/]name of a secret with the key token"),
            text(given, "ref", "a branch or tag", otherwise="master"),
            named_values(given, "inputs"),
            truth(given, "ignoreFailure", True),
            further_variables(given),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Dispatch it; GitHub answers before the workflow has begun."""
        root = attempt.means.github_api.rstrip("/")
        path = f"repos/{self.repository}/actions/workflows/{self.workflow}/dispatches"
        try:
            token = await attempt.token(self.secret)
            headers = {
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github.v3+json",
                "Content-Type": "application/json",
            }
            keys = await attempt.secret(self.secret)
            body = self._body(attempt.context.variables(self.versions) | {"secret": keys})
            await send(Letter("POST", f"{root}/{path}", headers, body))
        except TaskFailed as error:
            return settled(error, self.ignored)
        return Outcome(True, f"{self.workflow} of {self.repository} was asked to run")

    def _body(self, data: Mapping[str, Any]) -> bytes:
        """Branch and inputs, filled in: upstream sends them by its `notification/http`."""
        inputs = {name: filled(value, data) for name, value in self.inputs.items()}
        return orjson.dumps({"ref": filled(self.ref, data), "inputs": inputs})
