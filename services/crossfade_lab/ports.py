"""Free ports for programs that must be told theirs before they start."""

from __future__ import annotations

import socket
from contextlib import ExitStack

__all__ = ["free_ports"]


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 on which nobody listens now."""
    with ExitStack() as held:  # all of them until each is known: none is given out twice
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in sockets]
