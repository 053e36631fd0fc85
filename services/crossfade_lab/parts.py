"""The parts of the small world: their names, what each needs, how they are noted and started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["PARTS", "Part", "PartName", "as_by_kubectl", "private", "together", "with_needs"]

PartName = Literal["broker", "cluster", "router", "models", "metrics", "promote", "load"]

NEEDS: dict[PartName, tuple[PartName, ...]] = {
    "broker": (),
    "cluster": (),
    "router": (),
    "promote": (),
    "metrics": (),
    "models": ("cluster", "router"),
    "load": ("models", "cluster", "router"),
}
"""The parts, and which others each cannot do without."""

PARTS = tuple(NEEDS)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that runs: whether it is the real thing, where it is, how long it took to start."""

    name: PartName
    kind: Literal["real", "embedded"]
    what: str
    address: str
    seconds: float
    pids: tuple[int, ...] = ()


def with_needs(parts: Collection[PartName]) -> set[PartName]:
    """These parts and those that they cannot do without."""
    return set(parts) | {need for part in parts for need in NEEDS[part]}


def as_by_kubectl(document: dict[str, Any]) -> dict[str, Any]:
    """With the note that `kubectl apply` leaves, and warns of when the next one misses it."""
    meta = document["metadata"]
    note = json.dumps(document, separators=(",", ":")) + "\n"
    notes = {**meta.get("annotations", {}), LAST_APPLIED: note}
    return {**document, "metadata": {**meta, "annotations": notes}}


def private(path: Path, text: str) -> Path:
    """`path`, written so that only its owner can read it."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


async def together(*starts: Awaitable[None]) -> None:
    """Wait for all; the first failure ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
