"""The live page of the lab: the console's address, and how it is shown to whoever watches."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from crossfade.errors import Unreachable
from crossfade_lab.ports import free_ports

__all__ = ["CONSOLE", "Page", "can_open", "open_in_browser"]

CONSOLE = "console"
UP_SECONDS = 20.0
POLL_SECONDS = 0.05
LAUNCH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """Where the console is: known before it starts, the same after it was started again."""

    port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def url(self) -> str:
        """The list of experiments."""
        return f"http://127.0.0.1:{self.port}"

    def of(self, namespace: str, name: str) -> str:
        """The page of one experiment, which waits for its first event."""
        return f"{self.url}/experiments/{namespace}/{name}"

    def settings(self) -> dict[str, str]:
        """The CROSSFADE_ variables of the console and of those who link to it."""
        return {"CROSSFADE_CONSOLE__PORT": str(self.port), **self.links()}

    def links(self) -> dict[str, str]:
        """The CROSSFADE_ variables of those who link to it."""
        return {"CROSSFADE_NOTIFIER__PAGE_URL": self.url}

    async def up(self) -> None:
        """Wait until it answers; Unreachable after 20 s."""
        try:
            async with asyncio.timeout(UP_SECONDS), aiohttp.ClientSession() as session:
                while not await _answers(session, f"{self.url}/readyz"):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as late:
            raise Unreachable(f"{self.url}: no answer within {UP_SECONDS:g} s") from late


def can_open(
    environment: Mapping[str, str] | None = None, platform: str = sys.platform
) -> bool:
    """Whether there is a screen that a browser could open on; never in CI."""
    known = os.environ if environment is None else environment
    display = known.get("DISPLAY") or known.get("WAYLAND_DISPLAY")
    return not known.get("CI") and bool(display or platform == "darwin")


async def open_in_browser(url: str) -> None:
    """Show a page in the user's browser, silently; where there is none, nothing happens."""
    # A process of its own: browsers write into the terminal, and text browsers take it over.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webbrowser", url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await asyncio.wait_for(process.wait(), LAUNCH_SECONDS)
    except TimeoutError:
        return  # it is a browser by now, and the user's


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
