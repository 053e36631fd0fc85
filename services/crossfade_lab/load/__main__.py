"""Users of two models: `python -m crossfade_lab.load http://iris-v1:9000 http://iris-v2:9000`.

Sends five predictions a second to the two in turn, and feedback to each, until SIGTERM or SIGINT;
then prints what became of them. A model that does not answer is asked again with the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from crossfade_lab.load.load import Load
from crossfade_lab.load.modes import Mode


def main(arguments: list[str] | None = None) -> int:
    """Send until told to stop; the exit code."""
    asked = _parser().parse_args(arguments)
    asyncio.run(_send(Load.even([asked.baseline, asked.candidate], mode=asked.mode)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossfade_lab.load", description=__doc__)
    parser.add_argument("baseline", help="its address: http://host:port")
    parser.add_argument("candidate", help="its address")
    parser.add_argument(
        "--mode",
        type=Mode,
        choices=[Mode.BETTER, Mode.WORSE, Mode.EQUAL],
        default=Mode.BETTER,
        help="whose answers are liked more (default: the candidate's)",
    )
    return parser


async def _send(load: Load) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with load:
        await ended.wait()
    counts = load.counts
    told = {"sent": counts.sent, "answered": counts.ok, "lost": counts.lost}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    sys.exit(main())
