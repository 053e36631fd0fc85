"""Free ports for servers that must know theirs before they listen, or keep it over a restart."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

__all__ = ["free_ports", "lowest_given"]

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000
TRIES = 500


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 on which nobody listens now.

    They lie below those that the kernel gives to whoever connects, where there is room: else one
    may be gone before the program that is told of it has started, or while it is down.
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
    below = range(LOWEST, lowest_given())
    chance = random.SystemRandom()  # tests seed the other one, in every clone alike
    yield from chance.sample(below, min(TRIES, len(below)))
    while True:
        yield 0


def lowest_given() -> int:
    """The first port that the kernel gives by itself; LOWEST where that is not known."""
    try:
        return int(RANGE.read_text().split()[0])
    except (OSError, ValueError, LookupError):
        return LOWEST
