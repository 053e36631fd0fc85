"""Free ports for programs that must be told theirs before they start."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

__all__ = ["free_ports"]

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000
TRIES = 500


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 on which nobody listens now.

    They lie below those that the kernel gives to whoever connects, where there is room: else one
    may be gone before the program that is told of it has started.
    """
    found: list[int] = []
    with ExitStack() as held:  # all of them until each is known: none is given out twice
        for port in _candidates():
            if len(found) == count:
                break
            opened = held.enter_context(socket.socket())
            with suppress(OSError):
                opened.bind(("127.0.0.1", port))
                found.append(int(opened.getsockname()[1]))
    return found


def _candidates() -> Iterator[int]:
    """Ports to try: some at random, then whatever the kernel gives."""
    below = range(LOWEST, _lowest_given())
    yield from random.sample(below, min(TRIES, len(below)))
    while True:
        yield 0


def _lowest_given() -> int:
    """The first port that the kernel gives by itself; LOWEST where that is not known."""
    try:
        return int(RANGE.read_text().split()[0])
    except (OSError, ValueError, LookupError):
        return LOWEST
