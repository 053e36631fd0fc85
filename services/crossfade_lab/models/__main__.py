"""Serve one model: `python -m crossfade_lab.models --implementation SKLEARN_SERVER …`.

Listens on 127.0.0.1 unless told otherwise, writes `{"url": …, "pid": …}` to the ready file once
it answers, finishes what it is answering on SIGTERM, and exits 0. Bad arguments end in one line
and exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from crossfade.errors import Malformed
from crossfade_lab.models.catalogue import artefact_for
from crossfade_lab.models.faults import Faults
from crossfade_lab.models.server import ModelServer, Place

# Longer than any client or router keeps an idle connection: the side that sends closes first,
# so that no request meets a connection that is going away.
KEEPALIVE_SECONDS = 3600.0
# Below the three seconds between SIGTERM and SIGKILL.
DRAIN_SECONDS = 2.5


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        server = _server(asked)
    except Malformed as error:
        sys.stderr.write(f"crossfade_lab.models: {error}\n")
        return 2
    try:
        asyncio.run(_serve(server, asked.host, asked.port, asked.ready_file))
    except OSError as error:
        where = error.filename or f"{asked.host}:{asked.port}"
        sys.stderr.write(f"crossfade_lab.models: {where}: {error.strerror or error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crossfade_lab.models", description=__doc__)
    parser.add_argument(
        "--implementation", required=True, help="SKLEARN_SERVER, XGBOOST_SERVER"
    )
    parser.add_argument("--model-uri", help="what the predictor's graph names; checked")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--deployment", required=True)
    parser.add_argument("--predictor", required=True)
    parser.add_argument("--predictor-version", default="")
    parser.add_argument("--graph", default="classifier", help="name of the graph's only node")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 inside a container")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    parser.add_argument("--failures", type=float, default=0.0, help="share answered with 500")
    return parser


def _server(asked: argparse.Namespace) -> ModelServer:
    place = Place(
        namespace=asked.namespace,
        deployment=asked.deployment,
        predictor=asked.predictor,
        predictor_version=asked.predictor_version,
        graph=asked.graph,
    )
    artefact = artefact_for(asked.implementation, asked.model_uri)
    return ModelServer(artefact, place, Faults(asked.delay_seconds, asked.failures))


async def _serve(server: ModelServer, host: str, port: int, ready_file: Path | None) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        shutdown_timeout=DRAIN_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        _announce(runner.addresses[0][1], ready_file)
        await ended.wait()
    finally:
        await runner.cleanup()


def _announce(port: int, ready_file: Path | None) -> None:
    ready = json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid()})
    if ready_file is None:
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        return
    partial = ready_file.with_suffix(".tmp")
    partial.write_text(ready, encoding="utf-8")
    partial.replace(ready_file)


if __name__ == "__main__":
    sys.exit(main())
