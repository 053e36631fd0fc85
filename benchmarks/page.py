"""How fast the page is: its first paint, and an event's way onto it, beside a bare page's.

    python benchmarks/page.py [rounds]

A headless Chromium opens pages of one console (a run at its ninth look; a list of 1 and of 1,000
experiments) and, turn by turn, a page of two lines that the same process serves: what this
machine needs for any page. Then looks happen: from an event's being in the log until the words
of the page have changed. The floor is the same for one line pushed by server-sent events.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from crossfade.settings import ConsoleSettings
from crossfade.testing import MemoryLog
from crossfade.testing.runs import NAME, NAMESPACE, IrisRun
from crossfade_console.service import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "peers"))

from browsing import Browser

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FIRST = 10
# When an element has certain words; the page's clock is this process's, for it is one machine.
SHOWN = """new Promise((done) => {{
  const element = document.getElementById('{id}');
  const seen = (_, observer) => {{
    if (!element.textContent.includes('{words}')) return;
    observer.disconnect();
    done(performance.timeOrigin + performance.now());
  }};
  const all = {{childList: true, characterData: true, subtree: true}};
  new MutationObserver(seen).observe(element, all);
}})"""
BARE = (
    "<!doctype html><title>bare</title><p id=said>nothing yet</p><script src=/bare.js></script>"
)
SCRIPT = """new EventSource('/bare/events').onmessage = (m) => {
  document.getElementById('said').textContent = m.data; };"""


class Nobody:
    """A Commander whom nobody asks."""

    async def request(self, verb: str, body: Any) -> dict[str, Any]:
        """Nobody presses anything here."""
        raise AssertionError(verb)


class Bare:
    """The floor: a page of two lines, and one line pushed onto it."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    async def say(self, number: int) -> None:
        """Push a line onto the page that was opened last."""
        await self.lines.put(f"{number}")

    def routes(self) -> list[web.RouteDef]:
        """The page, its script, its stream."""

        async def page(request: web.Request) -> web.Response:
            return web.Response(text=BARE, content_type="text/html")

        async def script(request: web.Request) -> web.Response:
            return web.Response(text=SCRIPT, content_type="text/javascript")

        return [
            web.get("/", page),
            web.get("/bare.js", script),
            web.get("/bare/events", self._events),
        ]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        lines = self.lines = asyncio.Queue()
        while True:
            await response.write(f"data: {await lines.get()}\n\n".encode())


@asynccontextmanager
async def bare_site():
    bare, app = Bare(), web.Application()
    app.add_routes(bare.routes())
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield bare, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def a_console(*runs: IrisRun, upto: int = 9):
    log = MemoryLog()
    for run in runs:
        for at, event in run.events(upto=upto):
            await log.say_at(event, at)
    console = Console(log, Nobody(), ConsoleSettings(port=0))
    tasks = [asyncio.ensure_future(loop()) for loop in console.loops()]
    await asyncio.wait_for(console.ready.listening.wait(), 10)
    yield log, console
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def paints(browser: Browser, urls: dict[str, str], rounds: int) -> dict[str, float]:
    """The median first contentful paint of each page in milliseconds, taken in turn."""
    seen: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            await browser.go(url)
            await browser.until(f"{PAINTED} > 0")
            seen[name].append(await browser.value(PAINTED))
    return {name: statistics.median(times) for name, times in seen.items()}


async def updates(
    browser: Browser,
    element: str,
    words: Callable[[int], str],
    say: Callable[[int], Awaitable[None]],
    rounds: int,
) -> float:
    """The median time from saying until the element has the words, in milliseconds."""
    took = []
    for number in range(rounds):
        shown = SHOWN.format(id=element, words=words(number))
        change = asyncio.ensure_future(browser.value(shown))
        await asyncio.sleep(0.5)  # beyond what gathers events, and for the observer to stand
        said = time.time()
        await say(number)
        took.append(await change - 1000 * said)
    return statistics.median(took)


async def main(rounds: int) -> None:
    run = IrisRun(start=datetime.now(UTC) - timedelta(seconds=95), iterations=9 + rounds)
    many = [IrisRun(name=f"exp-{i:04d}", uid=f"uid-{i}") for i in range(1000)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with (
            Browser(Path(profile)) as browser,
            bare_site() as (bare, floor),
            a_console(run) as (log, one),
            a_console(*many, upto=2) as (_, crowd),
        ):
            page = f"{one.url}/experiments/{NAMESPACE}/{NAME}"
            painted = await paints(
                browser,
                {
                    "a bare page": floor,
                    "an experiment": page,
                    "the list of one": one.url,
                    "the list of a thousand": crowd.url,
                },
                rounds,
            )

            async def look(number: int) -> None:
                for at, event in run.look(FIRST + number):
                    await log.say_at(event, at or datetime.now(UTC))

            await browser.go(floor)
            pushed = await updates(browser, "said", str, bare.say, rounds)
            await browser.go(page)
            await browser.until("document.querySelectorAll('.main-svg').length >= 4")
            shown = await updates(browser, "tiles", lambda n: f"{FIRST + n} / ", look, rounds)
    table("first paint", painted)
    table("event to page", {"a bare line": pushed, "a look on the page": shown})


def table(title: str, medians: dict[str, float]) -> None:
    """Medians, and how often the first one, the floor, each takes."""
    floor = next(iter(medians.values()))
    for name, milliseconds in medians.items():
        print(f"{title:14} {name:24} {milliseconds:8.1f} ms  {milliseconds / floor:6.2f} ×")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
