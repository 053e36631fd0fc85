"""Health over HTTP: `/healthz` (the loop turns), `/readyz` (each service), `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from crossfade.errors import Permanent
from crossfade.settings import HealthSettings


@dataclass(slots=True)
class HealthServer:
    """One small server for all services of a process."""

    settings: HealthSettings
    troubles: Mapping[str, Callable[[], str | None]]
    notices: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    """What a ready service has to say beside; it makes nothing unready."""
    port: int = 0
    _runner: web.AppRunner | None = field(default=None, init=False)

    async def start(self) -> None:
        """Listen. Raises Permanent where the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.settings.host, self.settings.port).start()
        except OSError as error:
            raise Permanent(
                f"health.port: {self.settings.host}:{self.settings.port} is taken; "
                "set CROSSFADE_HEALTH__PORT to a free one, or 0"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, request: web.Request) -> web.Response:
        found = {name: trouble() for name, trouble in self.troubles.items()}
        lines = [
            f"{name}: {trouble or 'ready'}{self._notice(name)}"
            for name, trouble in found.items()
        ]
        status = 503 if any(found.values()) else 200
        return web.Response(text="\n".join(lines) + "\n", status=status)

    def _notice(self, name: str) -> str:
        told = self.notices[name]() if name in self.notices else None
        return f" ({told})" if told else ""

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
