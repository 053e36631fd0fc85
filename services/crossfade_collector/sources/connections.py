"""Connections to back-ends: names mapped to addresses, certificates checked, all kept open."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from crossfade.errors import FieldError, Malformed
from crossfade_collector.sources.port import NoValue, Request


class ConnectTo(AbstractResolver):
    """Resolves names as curl's `--connect-to` does: `host` or `host:port` to `address:port`.

    Only the connection goes elsewhere; the Host header and the name in TLS stay as written.
    Raises Malformed for a target without a port.
    """

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._targets = {name.lower(): _target(name, to) for name, to in targets.items()}
        self._names = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError where it has none."""
        known = self._targets.get(f"{host}:{port}".lower()) or self._targets.get(host.lower())
        to_host, to_port = known or (host, port)
        found = await self._names.resolve(to_host, to_port, family)
        return [ResolveResult(**{**entry, "hostname": host}) for entry in found]

    async def close(self) -> None:
        """Give back what the system's resolver holds."""
        await self._names.close()


def open_session(
    connect_to: Mapping[str, str], timeout_seconds: float
) -> aiohttp.ClientSession:
    """A session for all back-ends; answers are bounded by the timeout, cookies are not kept."""
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    connector = aiohttp.TCPConnector(
        resolver=ConnectTo(connect_to), limit=0, ttl_dns_cache=10, keepalive_timeout=75
    )
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    )


def tls(request: Request) -> Any:
    """What aiohttp's `ssl` takes: True (verify), False (the author opted out), or a context."""
    if request.insecure:
        return False
    return _trusting(request.authority) if request.authority else True


@lru_cache(maxsize=64)
def _trusting(pem: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        reason = f"spec.tls.caSecret: ca.crt holds no certificate ({error})"
        raise NoValue("unauthorized", reason) from error


def _target(name: str, to: str) -> tuple[str, int]:
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit():
        where = f"CROSSFADE_COLLECTOR__CONNECT_TO[{name}]"
        right = "right would be address:port, such as 127.0.0.1:9090"
        raise Malformed([FieldError(where, f"found {to!r}; {right}")])
    return host.strip("[]"), int(port)
