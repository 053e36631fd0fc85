"""The best router that this machine can run."""

from __future__ import annotations

from pathlib import Path

from crossfade_lab.router.embedded import EmbeddedRouter
from crossfade_lab.router.envoy import Envoy, find_envoy

__all__ = ["best_router"]


def best_router(directory: Path) -> Envoy | EmbeddedRouter:
    """Envoy where there is one, its files in `directory`; else the embedded proxy. Not started."""
    program = find_envoy()
    return Envoy(directory, program) if program else EmbeddedRouter()
