"""Wrong tokens, counted by who sent them: whoever guesses waits, and nobody else does."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp import web

TRIES = 10
TRIES_SECONDS = 60.0
MOST_CLIENTS = 1000
IPV6_PREFIX = 64
"""What one client commands of IPv6: a whole subnet."""


@dataclass(slots=True)
class Guesses:
    """The wrong tokens of the last minute, of those who sent one most lately."""

    clock: Callable[[], float] = time.time
    _wrong: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict, init=False)

    def note(self, client: str) -> None:
        """Count a wrong token."""
        self._wrong.setdefault(client, deque(maxlen=TRIES)).append(self.clock())
        self._wrong.move_to_end(client)
        while len(self._wrong) > MOST_CLIENTS:
            self._wrong.popitem(last=False)

    def too_many(self, client: str) -> bool:
        """Whether a client has to wait."""
        wrong = self._wrong.get(client, deque())
        return len(wrong) >= TRIES and wrong[0] >= self.clock() - TRIES_SECONDS


def client_of(request: web.Request) -> str:
    """Who sends a request: the address at the other end, which behind a proxy is the proxy's."""
    remote = request.remote or ""
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return remote
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
