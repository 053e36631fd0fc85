"""Serving: several services in one process, one signal handler, one health server.

Never `FastStream.run()`: with four of them on one loop a SIGTERM stops only one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossfade.runtime.bus import Bus
from crossfade.runtime.health import HealthServer
from crossfade.runtime.service import Noticing
from crossfade.settings import HealthSettings

log = logging.getLogger(__name__)

STOP_SECONDS = 4.5
"""SIGTERM to exit; Kubernetes grants 30."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Buses in the order of the flow; they stop in reverse, so that nothing is left unsaid."""

    buses: Sequence[Bus]
    health: HealthSettings

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        server = HealthServer(self.health, self._troubles(), self._notices())
        await server.start()
        log.info("listening", extra={"health": f"http://{self.health.host}:{server.port}"})
        starting = asyncio.ensure_future(self._start())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                starting.result()
            await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await self._stop()
            await server.stop()

    def _troubles(self) -> Mapping[str, Callable[[], str | None]]:
        return {bus.service.name: bus.trouble for bus in self.buses}

    def _notices(self) -> Mapping[str, Callable[[], str | None]]:
        services = [bus.service for bus in self.buses]
        return {s.name: s.notice for s in services if isinstance(s, Noticing)}

    async def _start(self) -> None:
        await asyncio.gather(*(bus.start() for bus in self.buses))

    async def _stop(self) -> None:
        for bus in reversed(self.buses):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bus.stop(), STOP_SECONDS)
        log.info("stopped")


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
        return
    uvloop.run(main)
