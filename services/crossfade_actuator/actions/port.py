"""What the runner needs and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from crossfade.errors import CrossfadeError, Permanent
from crossfade.events import ActionOutcome
from crossfade.resources import ObjectReference
from crossfade.runtime.secret_files import DirectorySecrets
from crossfade_actuator.actions.context import Context


class TaskFailed(Permanent):
    """A task cannot do what it is asked; the message says why."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How an action went, and what to say where it did not go well."""

    ok: bool
    message: str = ""


Histograms = Mapping[str, Mapping[str, Any]]
"""By version: `DurationHistogram` and `RetCodes`, as v2alpha2 §1.3 writes them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at a task went. `output` is the tail of what it printed."""

    ok: bool
    output: str = ""
    exit: int | None = None
    histograms: Histograms = field(default_factory=dict)
    """What `metrics/collect` measured in this attempt."""


class Ledger(Protocol):
    """The run's own record of its tasks."""

    async def begun(self, task: int) -> int | None:
        """Intent, recorded: the attempt that begins now, or None for a task that is done."""
        ...

    async def finished(
        self, outcome: ActionOutcome, histograms: Histograms | None = None
    ) -> None:
        """The outcome, recorded and said."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """Which task of which action of which run; `secrets` must not be written down openly."""

    uid: str
    namespace: str
    name: str
    action: str
    task: int
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


class Executor(Protocol):
    """Runs a program to its end."""

    def permit(self) -> None:
        """Raises TaskFailed where no action may run at all."""
        ...

    async def survives(self, errand: Errand) -> bool:
        """Whether what an earlier attempt began is still there to be followed to its end."""
        ...

    async def execute(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        seconds: float,
        errand: Errand | None = None,
    ) -> Outcome:
        """The exit code and the tail of the output. Raises TaskFailed where it cannot run."""
        ...

    async def forget(self, errand: Errand) -> None:
        """The outcome is recorded: whatever is left of the errand may go."""
        ...


class Objects(Protocol):
    """Objects of a cluster, by what people call them."""

    async def find(self, ref: ObjectReference) -> dict[str, Any]:
        """The object; `kind` may be a kind, a plural or a short name where there is no version.

        Raises NotFound, Forbidden, Unreachable.
        """
        ...


class SecretSource(Protocol):
    """Reads one Secret."""

    async def get_secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """Its keys as text. Raises NotFound, Forbidden, Malformed, Unreachable."""
        ...


class NoCluster:
    """The objects and secrets of an installation without a cluster."""

    async def find(self, ref: ObjectReference) -> dict[str, Any]:
        """Raises TaskFailed."""
        raise TaskFailed(f"{ref.kind} {ref.name}: there is no cluster to look at")

    async def get_secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """Raises TaskFailed."""
        raise TaskFailed(
            f"secret {namespace}/{name}: there is no cluster and no folder of secrets; "
            "CROSSFADE_ACTUATOR__SECRETS_DIRECTORY names one"
        )


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Secrets in a folder, in place of a cluster's."""

    files: DirectorySecrets

    async def get_secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """The files of a Secret's folder. Raises NotFound, Forbidden, Malformed."""
        return await self.files.secret(namespace, name)


_NO_CLUSTER = NoCluster()


@dataclass(frozen=True, slots=True)
class Means:
    """What tasks may use beside programs."""

    objects: Objects = _NO_CLUSTER
    secrets: SecretSource = _NO_CLUSTER
    slack_api: str = "https://slack.com/api/"
    github_api: str = "https://api.github.com"
    git_protocols: tuple[str, ...] = ("https",)
    """Of git's transports; `ext` and its like run commands."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task: what it may use."""

    context: Context
    executor: Executor
    environment: Mapping[str, str]
    seconds: float
    errand: Errand
    means: Means = field(default_factory=Means)
    revealed: set[str] = field(default_factory=set, repr=False)
    """Values of secrets that were read; masked in whatever is said of the attempt."""

    async def execute(self, *argv: str) -> Outcome:
        """Run a program in the attempt's environment, within what is left of the action's time."""
        errand = self.errand
        told = Errand(
            errand.uid,
            errand.namespace,
            errand.name,
            errand.action,
            errand.task,
            frozenset(self.revealed),
        )
        return await self.executor.execute(argv, self.environment, self.seconds, told)

    async def secret(self, ref: str) -> Mapping[str, str]:
        """The Secret `namespace/name`; a bare name is one of the experiment's namespace.

        Raises TaskFailed with the reason.
        """
        namespace, _, name = ref.rpartition("/")
        try:
            found = await self.means.secrets.get_secret(
                namespace or self.context.namespace, name
            )
        except TaskFailed:
            raise
        except CrossfadeError as error:
            raise TaskFailed(f"with.secret: {error}") from error
        self.revealed.update(found.values())
        return found

    async def token(self, ref: str) -> str:
        """The key `token` of a Secret. Raises TaskFailed."""
        found = (await self.secret(ref)).get("token")
        if not found:
            raise TaskFailed(f"with.secret: secret {ref} has no key token")
        return found


class Work(Protocol):
    """A task that is ready to run: its inputs were checked."""

    async def do(self, attempt: Attempt) -> Outcome:
        """Do it. Raises TaskFailed."""
        ...
