"""Child processes that never outlive their parent and are always ended by their own pid."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["end", "end_group", "spawn"]

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


async def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[bytes] | None = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> asyncio.subprocess.Process:
    """A child in its own process group that the kernel kills when this process dies.

    Elsewhere than on Linux the second half is left to `end`. Raises FileNotFoundError where
    the program is missing.
    """
    parent = os.getpid()
    return await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=lambda: _die_with(parent),
    )


def end_group(process: asyncio.subprocess.Process) -> None:
    """Kill what a child that has ended left behind in its group."""
    _signal_group(process.pid, signal.SIGKILL)


async def end(process: asyncio.subprocess.Process, grace_seconds: float = 3.0) -> int:
    """The exit code, after SIGTERM and, `grace_seconds` later, SIGKILL to the child's group."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), grace_seconds)
        except TimeoutError:
            _signal_group(process.pid, signal.SIGKILL)
    return await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _die_with(parent: int) -> None:
    # Runs in the child between fork and exec. The parent may have died before prctl took hold.
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
