"""`gitops/helmex-update`: settles the candidate in a Helm values file that git keeps.

The candidate goes, by a commit of its own; if it won, its `dynamic` block becomes the baseline's
first. Doing it again finds nothing to do, and a push that comes too late starts over from what is
there. git runs beside the actuator, in either executor. Source: v2alpha2 §5.4.
"""

from __future__ import annotations

import asyncio
import base64
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crossfade.resources import Task, TestingPattern
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.inputs import text, wrong
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed
from crossfade_actuator.actions.processes import Processes

ATTEMPTS = 3
"""Pushes that may be refused because somebody else pushed first."""
GIT_SECONDS = 60.0
BRANCH = re.compile(r"^[\w][\w./-]*$")
AUTHOR = ("Crossfade", "crossfade@localhost")
IDENTITY = "iter8.candidate.id"
"""The annotation that says which candidate of the values file an experiment is about."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the candidate fared, and which one it was if the experiment says so."""

    won: bool
    told: str
    identity: str | None = None

    @classmethod
    def of(cls, context: Context) -> Ending:
        """Of a run. Raises TaskFailed where a values file cannot say which candidate is meant."""
        document = context.document
        notes = document.experiment.metadata.annotations or {}
        identity = notes.get(IDENTITY)
        if document.pattern is TestingPattern.CONFORMANCE:
            # There the one version on trial is the candidate of the values file.
            return cls(context.winner_found, document.baseline.name, identity)
        if len(document.candidates) != 1:
            found = f"found {len(document.candidates)} candidates"
            raise TaskFailed(f"{found}; right is one, as a values file holds one")
        recommended = context.recommended or document.baseline.name
        return cls(recommended == document.candidates[0].name, recommended, identity)


@dataclass(frozen=True, slots=True)
class HelmexUpdate:
    """Clones, edits one file, commits and pushes with the token of a secret."""

    repository: str
    file: str
    username: str
    branch: str
    secret: str
    namespace: str | None

    @classmethod
    def of(cls, task: Task) -> HelmexUpdate:
        """From the task's inputs. Raises TaskFailed for missing or odd ones."""
        given = task.inputs
        branch = text(given, "branch", "a branch", otherwise="main")
        if not BRANCH.match(branch):
            raise wrong("with.branch", branch, "a branch")
        file = text(given, "filePath", "the path of a values file in the repository")
        if Path(file).is_absolute() or set(Path(file).parts) & {"..", ".git"}:
            raise wrong("with.filePath", file, "a path inside the repository")
        return cls(
            text(given, "gitRepo", "an https address"),
            file,
            text(given, "username", "the name that the token belongs to"),
            branch,
            text(given, "secretName", "a secret's name", otherwise="ghtoken"),
            text(given, "secretNamespace", "a namespace", otherwise=None),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Promote, or take the candidate away. Raises TaskFailed with git's own words."""
        scheme, protocols = self.repository.partition("://")[0], attempt.means.git_protocols
        if scheme not in protocols:
            raise wrong("with.gitRepo", self.repository, f"an {' or '.join(protocols)} address")
        ending = Ending.of(attempt.context)
        git = await self._git(attempt)
        for _ in range(ATTEMPTS):
            with tempfile.TemporaryDirectory(prefix="crossfade-git-") as folder:
                said = await self._settled(git, Path(folder) / "clone", ending)
            if said:
                return Outcome(True, said)
        raise TaskFailed(f"{self.branch} moved {ATTEMPTS} times while it was being changed")

    async def _git(self, attempt: Attempt) -> Git:
        where = f"{self.namespace}/{self.secret}" if self.namespace else self.secret
        pair = f"{self.username}:{await attempt.token(where)}"
        shown = base64.b64encode(pair.encode()).decode()
        attempt.revealed.add(shown)
        # By the environment, as everybody on a machine may read a command line.
        return Git(attempt, {"http.extraHeader": f"Authorization: Basic {shown}"})

    async def _settled(self, git: Git, clone: Path, ending: Ending) -> str:
        """What was done; nothing where somebody else pushed in between."""
        where = ("--branch", self.branch, "--", self.repository, str(clone))
        await git.run("clone", "--depth=1", "--single-branch", *where)
        if not await asyncio.to_thread(_rewritten, clone, self.file, self.branch, ending):
            return f"nothing to do: {self.file} has no candidate"
        at = ("-C", str(clone))
        await git.run(*at, "add", "--", self.file)
        what = f"Promote {ending.told} in" if ending.won else "Drop the candidate of"
        await git.run(*at, "commit", "--quiet", f"--message={what} {self.file}")
        pushed = await git.tried(*at, "push", "--quiet", "origin", f"HEAD:{self.branch}")
        if pushed.ok:
            is_now = "is the baseline of" if ending.won else "stays, without a candidate, in"
            return f"{ending.told} {is_now} {self.file} on {self.branch}"
        if any(word in pushed.output for word in ("fetch first", "non-fast-forward", "locked")):
            return ""
        raise TaskFailed(f"git push: {_last(pushed.output)}")


@dataclass(frozen=True, slots=True)
class Git:
    """git as a child of the actuator: no prompt, no hook, no configuration but this."""

    attempt: Attempt
    settings: Mapping[str, str]

    async def run(self, *arguments: str) -> None:
        """Raises TaskFailed with what git said last."""
        done = await self.tried(*arguments)
        if not done.ok:
            name = next(a for a in arguments if not a.startswith(("-", "/")))
            raise TaskFailed(f"git {name}: {_last(done.output)}")

    async def tried(self, *arguments: str) -> Outcome:
        """How it went."""
        settings = dict(self.settings) | {
            "user.name": AUTHOR[0],
            "user.email": AUTHOR[1],
            "core.hooksPath": "/dev/null",
            "commit.gpgSign": "false",
        }
        environment = {
            "PATH": self.attempt.environment["PATH"],
            "LANG": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": ":".join(self.attempt.means.git_protocols),
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for i, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
        seconds = min(GIT_SECONDS, self.attempt.seconds)
        return await Processes().execute(["git", *arguments], environment, seconds)


def _rewritten(clone: Path, name: str, branch: str, ending: Ending) -> bool:
    """Whether there was a candidate. Raises TaskFailed for a file that is not there."""
    file = (clone / name).resolve()
    if not file.is_file() or not file.is_relative_to(clone.resolve()):
        raise TaskFailed(f"with.filePath: {branch} has no file {name}")
    after = settled(file.read_text(encoding="utf-8"), name, ending)
    if after is not None:
        file.write_text(after, encoding="utf-8")
    return after is not None


def settled(values: str, file: str, ending: Ending) -> str | None:
    """The values without their candidate; None where there is none. Raises TaskFailed."""
    try:
        tree: Any = yaml.safe_load(values)
    except yaml.YAMLError as error:
        raise TaskFailed(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("baseline"), dict):
        raise TaskFailed(f"{file}: found no block baseline; right are Helmex values")
    candidate = tree.pop("candidate", None)
    if candidate is None:
        return None
    if not isinstance(candidate, dict) or "dynamic" not in candidate:
        raise TaskFailed(f"{file}: candidate has no block dynamic")
    _same_candidate(candidate["dynamic"], file, ending)
    if ending.won:
        tree["baseline"]["dynamic"] = candidate["dynamic"]
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _same_candidate(dynamic: Any, file: str, ending: Ending) -> None:
    """Raises TaskFailed where the file's candidate is another one than was tried."""
    found = dynamic.get("id") if isinstance(dynamic, dict) else None
    if found and str(found) != ending.identity:
        tried = f"the experiment's annotation {IDENTITY} is {ending.identity!r}"
        raise TaskFailed(f"{file}: candidate.dynamic.id is {str(found)!r}, but {tried}")


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
