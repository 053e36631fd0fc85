"""Tasks as child processes of the actuator: own group, deadline, dying with their parent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from crossfade.runtime import children
from crossfade_actuator.actions.port import Errand, Outcome, TaskFailed

TAIL = 4000
CHUNK = 1 << 14
SWEEP = 'read -r _; kill -s KILL -- "-$1"; shift; exec /bin/rm -rf -- "$@"'
"""Ends a process group and removes its folders once our end of the pipe is closed.

Our death closes it too: what `finally` would have cleared away is cleared away then.
"""
GATE = 'read -r _ && exec "$@" </dev/null'
"""Begins a program once it is told to: not before there is somebody to sweep up behind it."""

FROM_ENVIRONMENT = 'script=$CROSSFADE_SCRIPT; unset CROSSFADE_SCRIPT; eval "$script"'


@dataclass(frozen=True, slots=True)
class Processes:
    """The executor `process`."""

    def permit(self) -> None:
        """Actions may run."""

    async def survives(self, errand: Errand) -> bool:
        """Nothing does: a child dies with its actuator."""
        return False

    async def forget(self, errand: Errand) -> None:
        """Nothing is left of a child that has ended."""

    async def execute(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        seconds: float,
        errand: Errand | None = None,
    ) -> Outcome:
        """The exit code and the tail of standard output and error, merged."""
        argv, environment = _out_of_sight(argv, environment, errand)
        program = shutil.which(argv[0], path=environment.get("PATH"))
        if program is None:
            raise TaskFailed(f"no program {argv[0]} on PATH {environment.get('PATH')}")
        with tempfile.TemporaryDirectory(prefix="crossfade-home-") as home:
            child = await children.spawn(
                ["/bin/sh", "-c", GATE, "crossfade-gate", program, *argv[1:]],
                env={**environment, "HOME": home},
                cwd=Path(home),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                async with _swept(child, home, *_scratch(environment)):
                    _begin(child)
                    return await _followed(child, seconds)
            finally:
                # Cancelled, late, or with children of its own: nothing of it stays behind.
                await children.end(child)
                children.end_group(child)


def _out_of_sight(
    argv: Sequence[str], environment: Mapping[str, str], errand: Errand | None
) -> tuple[Sequence[str], Mapping[str, str]]:
    """A script that shows a secret goes by the environment: anybody may read a command line."""
    secrets = errand.secrets if errand is not None else ()
    if len(argv) != 3 or argv[1] != "-c" or not any(s and s in argv[2] for s in secrets):
        return argv, environment
    return (argv[0], "-c", FROM_ENVIRONMENT), {**environment, "CROSSFADE_SCRIPT": argv[2]}


def _scratch(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The action's folder: an attempt that follows our death begins with one of its own."""
    return (environment["SCRATCH_DIR"],) if "SCRATCH_DIR" in environment else ()


@asynccontextmanager
async def _swept(child: asyncio.subprocess.Process, *folders: str) -> AsyncIterator[None]:
    """Let the child's own children die with us as well: the kernel kills the child only."""
    sweeper = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", SWEEP, "crossfade-sweeper", str(child.pid), *folders),
        env={},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        await children.end(child)
        with suppress(ProcessLookupError):
            sweeper.kill()
        await sweeper.wait()


def _begin(child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()


async def _followed(child: asyncio.subprocess.Process, seconds: float) -> Outcome:
    tail = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await _read(child, tail)
            code = await child.wait()
    except TimeoutError:
        await children.end(child)
        return Outcome(False, f"{_text(tail)}\nended after {seconds:.0f} s", None)
    return Outcome(code == 0, _text(tail), code)


async def _read(child: asyncio.subprocess.Process, tail: bytearray) -> None:
    assert child.stdout is not None
    while chunk := await child.stdout.read(CHUNK):
        tail += chunk
        del tail[: max(0, len(tail) - TAIL)]


def _text(tail: bytearray) -> str:
    return tail.decode(errors="replace").strip()


class Off:
    """The executor of an installation that runs no actions."""

    def permit(self) -> None:
        """Raises TaskFailed: publishing a start must not mean running commands."""
        raise TaskFailed(
            "actions are off; CROSSFADE_ACTUATOR__ACTIONS=process switches them on"
        )

    async def survives(self, errand: Errand) -> bool:
        """Nothing was begun."""
        return False

    async def forget(self, errand: Errand) -> None:
        """Nothing is left."""

    async def execute(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        seconds: float,
        errand: Errand | None = None,
    ) -> Outcome:
        """Raises TaskFailed."""
        self.permit()
        raise TaskFailed("actions are off")
