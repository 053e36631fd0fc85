"""Takes the picture of the live page that README and tutorial show: `python docs/pictures/page.py`.

A real run in the lab (policy `assured`, so that evidence is seen), photographed midway. Needs
Chromium; writes `page.png` beside this file.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from crossfade_lab.crew import SERVICES
from crossfade_lab.examples import SINGLE
from crossfade_lab.installation import Installation
from crossfade_lab.page import CONSOLE
from crossfade_lab.world import World

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "peers"))

from browsing import Browser

HERE = Path(__file__).resolve().parent
LOOK, INTERVAL_SECONDS = 9, 2
SIZE = {"width": 1280, "height": 1036, "deviceScaleFactor": 1, "mobile": False}
READY = f"""document.querySelectorAll('.main-svg').length >= 4 &&
  document.getElementById('tiles').textContent.includes('{LOOK} / ')"""


async def main() -> None:
    """Run, wait for the look, take the picture."""
    world = World(SINGLE, interval_seconds=INTERVAL_SECONDS, corrected=True)
    names = (CONSOLE, *SERVICES)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with Installation(world, names=names) as installed, Browser(profile) as browser:
            assert installed.page is not None
            await world.scraped()
            experiment = SINGLE.experiment(
                world.promote.url,
                corrected=True,
                interval_seconds=INTERVAL_SECONDS,
                policy="assured",
            )
            await installed.start(experiment, SINGLE.metrics(corrected=True))
            await browser.call("Emulation.setDeviceMetricsOverride", **SIZE)
            await browser.go(installed.page.of("default", "quickstart-exp"))
            await browser.until(READY, seconds=60)
            await asyncio.sleep(0.4)  # the charts' last movement
            await browser.picture(HERE / "page.png")


if __name__ == "__main__":
    asyncio.run(main())
