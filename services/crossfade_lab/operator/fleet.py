"""The model processes: started when wanted, restarted when they die, ended when drained."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crossfade.errors import Unreachable
from crossfade.runtime.children import end, spawn
from crossfade_lab.models.faults import HEALTHY, Faults
from crossfade_lab.operator.documents import Served
from crossfade_lab.router.tables import Backend

__all__ = ["RESTARTS", "Fleet", "Process"]

log = logging.getLogger(__name__)

RESTARTS = 5  # in a row, each within HEALTHY_SECONDS of its start
HEALTHY_SECONDS = 10.0
START_SECONDS = 15.0


@dataclass(slots=True)
class Process:
    """One model process; `backend` is its last address, `ready` whether it answers there."""

    served: Served
    backend: Backend | None = None
    ready: bool = False
    failed: str | None = None
    pid: int | None = None
    starts: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Fleet:
    """Runs what is wanted; calls `changed` when a process becomes ready, dies or is given up."""

    def __init__(
        self, directory: Path, faults: Mapping[str, Faults], changed: Callable[[], None]
    ) -> None:
        """`faults` are by implementation; `directory` takes the processes' files and logs."""
        self._directory = directory
        self._faults = faults
        self._changed = changed
        self.processes: dict[str, Process] = {}

    def want(self, served: Collection[Served]) -> None:
        """Start what is not running yet."""
        for one in served:
            if one.name not in self.processes:
                process = self.processes[one.name] = Process(one)
                process.task = asyncio.create_task(self._keep(process))

    async def retire(self, name: str) -> None:
        """End one process, after what it is answering, and forget it."""
        process = self.processes.get(name)
        if process is not None and process.task is not None:
            process.ready = (
                False  # before anything is awaited: from here on nobody routes to it
            )
            process.task.cancel()
            await asyncio.wait([process.task])
        self.processes.pop(name, None)

    async def close(self) -> None:
        """End all of them, at the same time."""
        await asyncio.gather(*(self.retire(name) for name in list(self.processes)))

    async def _keep(self, process: Process) -> None:
        quick = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._run_once(process)
            lived = asyncio.get_running_loop().time() - began
            quick = 1 if lived > HEALTHY_SECONDS else quick + 1
            log.warning("model process died", extra={"model": process.served.name})
            if quick > RESTARTS:
                break
            self._changed()
            await asyncio.sleep(0.05 * 2**quick)
        process.failed = f"{process.served.name} died {quick} times in a row; see its log"
        log.error("model process given up", extra={"model": process.served.name})
        self._changed()

    async def _run_once(self, process: Process) -> None:
        place = self._directory / "models" / process.served.name.replace("/", "_")
        place.mkdir(parents=True, exist_ok=True)
        ready_file = place / "ready.json"
        ready_file.unlink(missing_ok=True)
        with (place / "log").open("ab") as log_file:
            child = await spawn(self._command(process.served, ready_file), stderr=log_file)
        process.pid, process.starts = child.pid, process.starts + 1
        try:
            process.backend = await _announced(child, ready_file, process.served.name)
            process.ready = True
            self._changed()
            await child.wait()
        except Unreachable as error:
            log.warning("model process not ready", extra={"error": str(error)})
        finally:
            process.ready = False
            await end(child)

    def _command(self, served: Served, ready_file: Path) -> list[str]:
        place, artefact = served.place, served.artefact
        faults = self._faults.get(artefact.implementation, HEALTHY)
        return [
            *(sys.executable, "-m", "crossfade_lab.models"),
            *("--implementation", artefact.implementation, "--namespace", place.namespace),
            *("--deployment", place.deployment, "--predictor", place.predictor),
            *("--predictor-version", place.predictor_version, "--graph", place.graph),
            *("--delay-seconds", str(faults.delay_seconds), "--failures", str(faults.failures)),
            *("--port", "0", "--ready-file", str(ready_file)),
        ]


async def _announced(child: asyncio.subprocess.Process, file: Path, name: str) -> Backend:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while not (text := _text(file)):
        if child.returncode is not None:
            raise Unreachable(f"{name} ended with {child.returncode} before it was ready")
        if asyncio.get_running_loop().time() > deadline:
            raise Unreachable(f"{name} was not ready within {START_SECONDS:g} s")
        await asyncio.sleep(0.01)
    host, _, port = json.loads(text)["url"].removeprefix("http://").partition(":")
    return Backend(name, host, int(port))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
