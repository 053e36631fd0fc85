"""The real Prometheus (Debian's package, or any `prometheus` on PATH) as a child process."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from crossfade.errors import Missing, Permanent, Unreachable
from crossfade.runtime import children
from crossfade_lab.metrics.port import Client
from crossfade_lab.ports import free_ports

__all__ = ["RealPrometheus", "find_prometheus"]

READY_SECONDS = 20.0
POLL_SECONDS = 0.01
REASON = re.compile(r"^Error|level=error")


def find_prometheus() -> str | None:
    """The program on PATH, if this machine has it."""
    return shutil.which("prometheus")


class RealPrometheus:
    """One prometheus process over one directory: config, log and time series live in it.

    New targets are found within 6 s of a change of the file (Prometheus looks every 5 s);
    `scrape_interval_seconds` may be below one.
    """

    kind = "real"

    def __init__(
        self,
        directory: Path,
        targets_file: Path,
        scrape_interval_seconds: float = 1.0,
        *,
        retention: str = "15d",
    ) -> None:
        self.directory = Path(directory).absolute()
        self.targets_file = Path(targets_file).absolute()
        self.scrape_interval_seconds = scrape_interval_seconds
        self.retention = retention
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> Path:
        """What Prometheus wrote since its last start."""
        return self.directory / "prometheus.log"

    async def start(self) -> None:
        """Start, or start again on the same port with the same series; waits until ready."""
        if self._client is not None:
            return
        program = find_prometheus()
        if program is None:
            raise Missing(
                "prometheus: not on PATH; install it with: apt-get install prometheus"
            )
        self._port = self._port or free_ports(1)[0]
        with self._prepare() as log:
            self._process = await children.spawn(self._command(program), stdout=log, stderr=log)
        try:
            await asyncio.wait_for(self._until_ready(self._process), READY_SECONDS)
        except TimeoutError as late:
            await self.stop()
            raise Unreachable(
                f"prometheus: not ready within {READY_SECONDS:g} s, see {self.log}"
            ) from late
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the process; its series stay in the directory."""
        client, self._client = self._client, None
        process, self._process = self._process, None
        if client is not None:
            await client.close()
        if process is not None:
            await children.end(process)

    async def scrapes(self, job: str | None = None) -> int:
        """How often every target was scraped successfully, the least of them all."""
        return await self._asked().scrapes(self.targets_file, job)

    async def query(self, expression: str, at: float | None = None) -> dict[str, Any]:
        """The `data` of an instant query at a Unix time in seconds, by default now."""
        return await self._asked().query(expression, at)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _asked(self) -> Client:
        if self._client is None:
            raise Permanent("prometheus: is not running; start it first")
        return self._client

    def _prepare(self) -> IO[bytes]:
        self.directory.mkdir(parents=True, exist_ok=True)
        every = f"{max(1, round(self.scrape_interval_seconds * 1000))}ms"
        config = {
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": [
                {
                    "job_name": "lab",
                    "file_sd_configs": [
                        {"files": [str(self.targets_file)], "refresh_interval": "1s"}
                    ],
                }
            ],
        }
        # JSON is YAML, and has one way of quoting.
        (self.directory / "prometheus.yml").write_text(json.dumps(config, indent=2))
        return self.log.open("wb")

    def _command(self, program: str) -> list[str]:
        return [
            program,
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--storage.tsdb.retention.time={self.retention}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            # Otherwise a found target waits up to 5 s more for its first scrape.
            "--scrape.discovery-reload-interval=200ms",
        ]

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        self._client = Client(self.url)
        while not await self._client.ready():
            self._still_runs(process)
            await asyncio.sleep(POLL_SECONDS)

    def _still_runs(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            lines = self.log.read_text(errors="replace").splitlines() or ["no reason given"]
            # A refused flag comes first, before pages of help; anything else comes late.
            last = next((line for line in lines if REASON.search(line)), lines[-1])
            raise Permanent(f"prometheus: stopped at its start: {last}")
