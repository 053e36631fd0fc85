"""Figures: memory of processes, and how long a tick takes to become a split at the router."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossfade_lab.router import Applied, effective_at

__all__ = ["Latency", "Memory", "latency", "memory_of"]

_KILOBYTES = re.compile(r"^(Pss|Rss):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes occupy, in bytes: `resident` counts shared pages fully, `share` by halves."""

    resident: int = 0
    share: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.resident + other.resident, self.share + other.share)


def memory_of(pids: Iterable[int]) -> Memory:
    """The memory of processes, added up; those that are gone count nothing."""
    total = Memory()
    for pid in pids:
        total += _memory(pid)
    return total


def _memory(pid: int) -> Memory:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # gone, or a system without /proc
        return Memory()
    found = {name: int(size) * 1024 for name, size in _KILOBYTES.findall(text)}
    return Memory(found.get("Rss", 0), found.get("Pss", 0))


@dataclass(frozen=True, slots=True)
class Latency:
    """From a tick's time in the stream to the version that the router applied, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float


def latency(
    struck: Sequence[tuple[datetime, str]], applied: Sequence[Applied], resource: str
) -> Latency | None:
    """Of each (tick, resourceVersion of `resource`) that came into force; None without one."""
    took = sorted(
        seen.wall_seconds - at.timestamp()
        for at, version in struck
        if (seen := effective_at(applied, resource, version)) is not None
    )
    if not took:
        return None
    return Latency(len(took), _quantile(took, 0.5), _quantile(took, 0.99), took[-1])


def _quantile(ordered: Sequence[float], q: float) -> float:
    """Between neighbours, in proportion."""
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
