"""The crew: Crossfade's services, each a process of its own, kept alive as a cluster would."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp
import orjson

from crossfade.errors import Unreachable
from crossfade.runtime.children import end, spawn

__all__ = ["SERVICES", "Crew", "Member"]

log = logging.getLogger(__name__)

SERVICES = ("collector", "analyzer", "actuator", "notifier")
READY_SECONDS = 20.0
RESTARTS = 5  # in a row, each within QUICK_SECONDS of its start
QUICK_SECONDS = 5.0
PAUSE_SECONDS = 1.0
SLOT_SECONDS = 3.0  # one that waits for something must not keep the others from starting


@dataclass(slots=True)
class Member:
    """One service: its process, how often it was started, and how long that took last time."""

    name: str
    log: Path
    process: asyncio.subprocess.Process | None = None
    health: str = ""
    starts: int = 0
    seconds: float = 0.0
    pause_seconds: float = PAUSE_SECONDS
    began: float = 0.0
    seen: int = 0  # bytes of its log that are of earlier starts
    killed: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process else None

    def last_words(self) -> str:
        """The end of its log, for people."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        return "\n".join(lines) or "it said nothing"


class Crew:
    """Starts services by the command line, restarts those that die, ends them all.

    `settings` are CROSSFADE_ variables; logs lie in `directory` as JSON lines. `together` runs
    all of them in one process.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        names: Sequence[str] = SERVICES,
        *,
        together: bool = False,
    ) -> None:
        self._directory = directory
        self._settings = settings
        groups = [" ".join(names)] if together else list(names)
        self.members = {
            group: Member(group, directory / f"{group.replace(' ', '-')}.log")
            for group in groups
        }

    async def __aenter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        # More at once would only make each of them slower.
        self._starting = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        timeout = aiohttp.ClientTimeout(total=2.0)
        self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            await asyncio.gather(*(self.start(name) for name in self.members))
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self.stop(name) for name in self.members))
        await self._session.close()

    async def ready(self, name: str) -> None:
        """Wait until one is ready again; TimeoutError after 20 s."""
        async with asyncio.timeout(READY_SECONDS):
            await self.members[name].ready.wait()

    async def start(self, name: str) -> None:
        """Start one and wait until it is ready. Raises Unreachable with its last words."""
        member = self.members[name]
        member.log.touch()
        member.task = member.task or asyncio.create_task(self._keep(member))
        waiting = asyncio.ensure_future(member.ready.wait())
        done, _ = await asyncio.wait(
            {waiting, member.task},
            timeout=READY_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if waiting not in done:
            died = f"died {member.starts} times in a row"
            problem = f"{name}: {died if done else f'not ready within {READY_SECONDS:g} s'}"
            raise Unreachable(f"{problem}; its log ends:\n{member.last_words()}")

    async def stop(self, name: str) -> None:
        """End one for good: SIGTERM, then SIGKILL."""
        member = self.members[name]
        task, member.task = member.task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def kill(self, name: str, *, again_after_seconds: float = PAUSE_SECONDS) -> None:
        """`kill -9` one; it is started again after a pause. Returns when it is dead."""
        member = self.members[name]
        member.pause_seconds = again_after_seconds
        member.ready.clear()
        member.killed = True
        if member.process is not None:
            with contextlib.suppress(ProcessLookupError):
                member.process.kill()
            await member.process.wait()

    async def _keep(self, member: Member) -> None:
        quick = 0
        while quick <= RESTARTS:
            began = time.monotonic()
            await self._run_once(member)
            lived = time.monotonic() - began
            quick = 0 if member.killed else 1 if lived > QUICK_SECONDS else quick + 1
            member.killed = False
            log.warning(
                "service died", extra={"service": member.name, "lived": f"{lived:.1f} s"}
            )
            await asyncio.sleep(member.pause_seconds)
        log.error("service given up", extra={"service": member.name})

    async def _run_once(self, member: Member) -> None:
        async with self._starting:
            process = await self._spawn(member)
            readying = asyncio.create_task(self._note_ready(member, process))
            await asyncio.wait({readying}, timeout=SLOT_SECONDS)
        try:
            await process.wait()
        finally:
            readying.cancel()
            member.ready.clear()
            await end(process, grace_seconds=5.0)

    async def _spawn(self, member: Member) -> asyncio.subprocess.Process:
        member.health, member.seen = "", member.log.stat().st_size
        member.began = time.monotonic()
        with member.log.open("ab") as file:
            member.process = await spawn(
                [sys.executable, "-m", "crossfade_cli.main", "run", *member.name.split()],
                env=self._environment(),
                stdout=file,
                stderr=file,
            )
        member.starts += 1
        return member.process

    async def _note_ready(self, member: Member, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            member.health = member.health or _health(member.log, member.seen)
            if member.health and await self._answers(f"{member.health}/readyz"):
                member.seconds = time.monotonic() - member.began
                member.ready.set()
                return
            await asyncio.sleep(0.02)

    async def _answers(self, url: str) -> bool:
        try:
            async with self._session.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **kept,
            "TMPDIR": str(self._directory),  # gone with the world, even after a kill -9
            "CROSSFADE_LOG__FORMAT": "json",
            "CROSSFADE_HEALTH__PORT": "0",
            **self._settings,
        }


def _health(file: Path, seen: int) -> str:
    """The address that the last start wrote into its log; empty while it has not."""
    with file.open("rb") as opened:
        opened.seek(seen)
        lines = opened.read().splitlines()
    for line in lines:
        if b'"listening"' in line and b'"health"' in line:
            return str(orjson.loads(line)["health"])
    return ""
