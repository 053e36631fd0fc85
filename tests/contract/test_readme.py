"""The README's eight lines start an experiment: on a real broker, answered by the real actuator."""

import asyncio
import json
import re
import subprocess
import sys

from crossfade.runtime.bootstrap import bootstrap
from crossfade.settings import BusSettings, Settings
from crossfade_cli.run import a_bus


def eight_lines(root):
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    return blocks[0]


async def test_the_eight_lines_of_the_readme_start_an_experiment(root, broker):
    code = eight_lines(root)
    assert len(code.splitlines()) == 8
    bus_settings = BusSettings(url=broker.url)
    await bootstrap(bus_settings)
    actuator = a_bus("actuator", Settings(bus=bus_settings))
    await actuator.start()
    try:
        run = code.replace("nats://127.0.0.1:4222", broker.url)
        assert run != code
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", run],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["accepted"] is True, answer
        assert answer["uid"]
    finally:
        await actuator.stop()
