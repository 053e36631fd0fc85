"""Tasks that run commands: `common/exec`, `common/bash`, `common/promote-kubectl`, `run`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from crossfade.resources import Task
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.inputs import further_variables, plain, text
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed
from crossfade_actuator.actions.templates import (
    Calls,
    Unreadable,
    fill,
    new_style,
    old_style,
)

BASH = "/bin/bash"
_QUOTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""")


@dataclass(frozen=True, slots=True)
class Exec:
    """`common/exec`: a program, no shell; `args` are filled in, `cmd` never is."""

    cmd: str
    args: tuple[Any, ...]
    literally: bool

    @classmethod
    def of(cls, task: Task) -> Exec:
        """From the task's inputs. Raises TaskFailed for a missing `cmd` or an odd `args`."""
        given = task.inputs
        args = given.get("args") or []
        if not isinstance(given.get("cmd"), str) or not given["cmd"]:
            raise TaskFailed(f"with.cmd: found {given.get('cmd')!r}, right is a program's path")
        if not isinstance(args, list | tuple):
            raise TaskFailed(f"with.args: found {args!r}, right is a list")
        return cls(given["cmd"], tuple(args), bool(given.get("disableInterpolation")))

    async def do(self, attempt: Attempt) -> Outcome:
        """Run it; a recommended version is needed to fill in the arguments."""
        args = [plain(arg) for arg in self.args]
        if not self.literally:
            data = attempt.context.flat()
            if data is None:
                told = attempt.context.recommended or "no version yet"
                raise TaskFailed(f"args cannot be filled in: recommended is {told}")
            args = [old_style(arg, data) for arg in args]
        return await attempt.execute(self.cmd, *args)


@dataclass(frozen=True, slots=True)
class Bash:
    """`common/bash`: a script filled in from the recommended version and `.this`."""

    script: str
    versions: tuple[dict[str, str], ...] = ()
    """Further variables, by position: baseline, candidates."""

    @classmethod
    def of(cls, task: Task) -> Bash:
        """From the task's inputs. Raises TaskFailed for a missing `script`."""
        script = task.inputs.get("script")
        if not isinstance(script, str) or not script:
            raise TaskFailed(f"with.script: found {script!r}, right is a bash script")
        return cls(script, further_variables(task.inputs))

    async def do(self, attempt: Attempt) -> Outcome:
        """Run the script with bash."""
        data = attempt.context.variables(self.versions)
        return await attempt.execute(BASH, "-c", old_style(self.script, data))


@dataclass(frozen=True, slots=True)
class PromoteKubectl:
    """`common/promote-kubectl`: `kubectl apply` of a manifest."""

    manifest: str
    namespace: str | None
    recursive: bool

    @classmethod
    def of(cls, task: Task) -> PromoteKubectl:
        """From the task's inputs. Raises TaskFailed for a missing `manifest`."""
        given = task.inputs
        if not isinstance(given.get("manifest"), str) or not given["manifest"]:
            found = given.get("manifest")
            raise TaskFailed(f"with.manifest: found {found!r}, right is a path or an address")
        return cls(given["manifest"], given.get("namespace"), bool(given.get("recursive")))

    async def do(self, attempt: Attempt) -> Outcome:
        """Apply it."""
        namespace = shlex.quote(self.namespace or attempt.context.namespace)
        more = " --recursive" if self.recursive else ""
        script = f"kubectl apply --namespace {namespace}{more} --filename {self.manifest}"
        return await Bash(script).do(attempt)


@dataclass(frozen=True, slots=True)
class Run:
    """`run`: a script in either style of placeholders, `with.secret` is what `.Secret` reads.

    `@< >@` counts where it occurs; else `{{ }}`, which stays as it is where it cannot be filled in
    and all of it stands in quotes.
    """

    script: str
    secret: str | None = None

    @classmethod
    def of(cls, task: Task) -> Run:
        """From the task's script and inputs. Raises TaskFailed for an odd `secret`."""
        return cls(
            task.run or "", text(task.inputs, "secret", "[namespace/]name", otherwise=None)
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Run the script with bash. Raises TaskFailed for a secret that cannot be read."""
        keys = await attempt.secret(self.secret) if self.secret else None
        calls = {"Secret": partial(_of_secret, self.secret, keys)}
        return await attempt.execute(BASH, "-c", self._filled(attempt.context, calls))

    def _filled(self, context: Context, calls: Calls) -> str:
        if "@<" in self.script:
            return new_style(self.script, context.experiment | context.fields(), calls)
        data = context.variables() | context.fields()
        try:
            return fill(self.script, data, opens="{{", closes="}}", strict=True, calls=calls)
        except Unreadable:
            if "{{" in _QUOTED.sub("", self.script):
                raise
            # From Iter8 0.7.27 on {{ }} is for the tools that a script calls, in quotes as bash
            # needs it; until then a placeholder that cannot be filled in failed the task.
            return self.script


def _of_secret(ref: str | None, keys: Mapping[str, str] | None, key: str) -> str:
    if keys is None:
        raise TaskFailed(f'.Secret "{key}": the task names no secret; right is with.secret')
    if key not in keys:
        raise TaskFailed(f'.Secret "{key}": secret {ref} has no such key')
    return keys[key]
