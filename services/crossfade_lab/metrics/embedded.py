"""A Prometheus within this process, for machines without one: same targets, same questions."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from crossfade.errors import Permanent
from crossfade_lab.metrics.port import Client
from crossfade_lab.metrics.scraper import Scraper
from crossfade_lab.metrics.store import Store
from crossfade_lab.metrics.web import application
from crossfade_lab.ports import free_ports

__all__ = ["EmbeddedPrometheus"]


class EmbeddedPrometheus:
    """A store, a scraper and the HTTP API on loopback; the store lives as long as this object.

    New targets are found within a second. Nothing is written to `directory`; it is taken so that
    the two kinds are made alike.
    """

    kind = "embedded"

    def __init__(
        self, directory: Path, targets_file: Path, scrape_interval_seconds: float = 1.0
    ) -> None:
        self.directory = Path(directory).absolute()
        self.targets_file = Path(targets_file).absolute()
        self.scrape_interval_seconds = scrape_interval_seconds
        self.store = Store()
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._scraper: Scraper | None = None
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start, or start again on the same port with the same series."""
        if self._runner is not None:
            return
        self._runner = web.AppRunner(application(self.store), access_log=None)
        await self._runner.setup()
        self._port = self._port or free_ports(1)[0]
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._client = Client(self.url)
        self._scraper = Scraper(self.store, self.targets_file, self.scrape_interval_seconds)
        await self._scraper.start()

    async def stop(self) -> None:
        """End scraping and answering."""
        scraper, self._scraper = self._scraper, None
        client, self._client = self._client, None
        runner, self._runner = self._runner, None
        if scraper is not None:
            await scraper.stop()
        if client is not None:
            await client.close()
        if runner is not None:
            await runner.cleanup()

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
