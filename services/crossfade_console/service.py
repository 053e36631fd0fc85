"""Console: folds the log into views and shows them to people, tools and Prometheus.

Consumes  all events   read from the log's start, without a durable of its own
Emits     nothing      its buttons send commands

It keeps nothing: after a restart it reads the log again, and answers 503 until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from crossfade.errors import Permanent
from crossfade.runtime.clock import Clock, utc_now
from crossfade.runtime.service import Commander, EventLog, Request, Subscription
from crossfade.settings import ConsoleSettings
from crossfade_console.api import Api
from crossfade_console.assets import Assets
from crossfade_console.documents import Documents
from crossfade_console.flows import Flows
from crossfade_console.metrics import ProjectedMetrics
from crossfade_console.oidc import Provider, require_library
from crossfade_console.projection import Projection
from crossfade_console.sessions import Sessions
from crossfade_console.signins import SignIns
from crossfade_console.site import Site, guard
from crossfade_console.whatifs import WhatIfs

log = logging.getLogger(__name__)

EMPTY_LOG_SECONDS = 2.0
YIELD_EVERY = 200
TIDY_SECONDS = 60.0


@dataclass(slots=True)
class Readiness:
    """Whether the log has been read up to the present, and where the console listens."""

    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0


@dataclass(frozen=True, slots=True)
class Console:
    """Shows what the log says; all that it knows is in `projection`."""

    log: EventLog
    commander: Commander
    settings: ConsoleSettings = field(default_factory=ConsoleSettings)
    clock: Clock = utc_now
    name: str = "console"
    projection: Projection = field(init=False)
    ready: Readiness = field(default_factory=Readiness, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "projection", Projection(self.settings.history))
        if self.settings.oidc_issuer:
            require_library()

    @property
    def port(self) -> int:
        """The port that it listens on, once it does."""
        return self.ready.port

    @property
    def url(self) -> str:
        """Where people find it, once it listens."""
        return f"http://{self.settings.host}:{self.ready.port}"

    def subscriptions(self) -> Sequence[Subscription]:
        """None: it reads the log by itself."""
        return ()

    def requests(self) -> Sequence[Request]:
        """It answers at no door of the bus."""
        return ()

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Follow the log, serve, tidy up."""
        return (self.follow, self.serve, self.tidy)

    async def close(self) -> None:
        """It holds nothing beyond its loops."""

    async def follow(self) -> None:
        """Fold the log, then what comes, until cancelled. Begins anew after trouble."""
        self.projection.clear()
        self.ready.caught_up.clear()
        waiting = asyncio.create_task(self._excuse_an_empty_log())
        try:
            if await self._nothing_yet():
                self.ready.caught_up.set()
            count, present = 0, 1
            async for logged in self.log.follow():
                self.projection.take(logged)
                count += 1
                if count == 1:
                    present += logged.pending
                if logged.pending == 0 or count >= present:
                    self.ready.caught_up.set()
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)  # a long log must not silence the health check
        finally:
            waiting.cancel()

    async def serve(self) -> None:
        """Listen until cancelled. Raises Permanent where the port is taken."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def tidy(self) -> None:
        """Forget runs that ended long ago, for ever."""
        keep = timedelta(days=self.settings.keep_days)
        while True:
            self.projection.forget(self.clock(), keep)
            await asyncio.sleep(TIDY_SECONDS)

    def app(self) -> web.Application:
        """The web application."""
        provider = Provider(self.settings) if self.settings.oidc_issuer else None
        sessions = Sessions(
            self.settings.token, provider is not None, self.settings.sealed_with
        )
        api = Api(self.projection, self.log, self.commander, sessions, self.clock)
        site = Site(self.projection, sessions, self.clock, self.settings.grafana_url)
        keep = timedelta(minutes=self.settings.metrics_minutes)
        metrics = ProjectedMetrics(self.projection, self.clock, keep)

        async def exposition(request: web.Request) -> web.Response:
            kind = "text/plain; version=0.0.4; charset=utf-8"
            return web.Response(body=await metrics.text(), headers={"Content-Type": kind})

        app = web.Application(middlewares=[guard, self._patience], client_max_size=65_536)
        whatifs = WhatIfs(self.projection, self.commander)
        flows = Flows(self.settings.sealed_with)
        signins = SignIns(sessions, flows, site.page, provider, self.settings.url)
        documents = Documents(self.projection, self.log)
        for part in (site, Assets(), signins, api, documents, whatifs):
            app.add_routes(part.routes())
        app.router.add_get("/metrics", exposition)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self.settings.host, self.settings.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Permanent(
                f"console.port: {host}:{port} is taken; set CROSSFADE_CONSOLE__PORT to a free "
                "one, or 0"
            ) from error
        self.ready.port = runner.addresses[0][1]
        self.ready.listening.set()
        log.info("the console listens", extra={"url": self.url})

    async def _nothing_yet(self) -> bool:
        async for _ in self.log.follow(live=False):
            return False
        return True

    async def _excuse_an_empty_log(self) -> None:
        await asyncio.sleep(EMPTY_LOG_SECONDS)
        if not self.projection.runs:
            self.ready.caught_up.set()

    @web.middleware
    async def _patience(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Show nothing before the log has been read: half a view would be a wrong one."""
        if not request.path.startswith(("/static/", "/readyz")):
            with suppress(TimeoutError):
                async with asyncio.timeout(EMPTY_LOG_SECONDS):
                    await self.ready.caught_up.wait()
            if not self.ready.caught_up.is_set():
                told = f"reading the log: {self.projection.version} events so far\n"
                raise web.HTTPServiceUnavailable(text=told, headers={"Retry-After": "1"})
        return await handler(request)

    async def _readyz(self, request: web.Request) -> web.Response:
        if self.ready.caught_up.is_set():
            return web.Response(text="ready\n")
        return web.Response(status=503, text="reading the log\n")
