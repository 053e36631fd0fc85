"""A weighted proxy of a hundred lines, for machines that have no Envoy."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Literal, Self

import aiohttp
from aiohttp import web

from crossfade_lab.router.port import USER, Applied
from crossfade_lab.router.tables import Backend, Route, Share, Table, check

__all__ = ["EmbeddedRouter"]

_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "host", "te"}
)


class EmbeddedRouter:
    """Forwards each request to a backend drawn by weight; the draw is even, not random."""

    kind: Literal["embedded"] = "embedded"

    def __init__(self) -> None:
        self._table = Table()
        self._backends: dict[str, Backend] = {}
        self._draws: dict[Route, Iterator[Share]] = {}
        self.applied: list[Applied] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
            timeout=_TIMEOUT,
            auto_decompress=False,
        )
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def apply(self, table: Table, version: str) -> None:
        """Put `table` in force at once; see `Router.apply`."""
        check(table)
        routes = {r for host in table.hosts for r in host.routes}
        self._draws = {r: self._draws.get(r) or _evenly(r.shares) for r in routes}
        self._backends = {b.name: b for b in table.backends}
        self._table = table
        self.applied.append(Applied(version, time.time(), time.monotonic()))

    async def applied_version(self) -> str:
        """The version of the table in force."""
        return self.applied[-1].version if self.applied else ""

    async def _forward(self, request: web.Request) -> web.Response:
        route = self._route(request)
        if route is None:
            return web.Response(status=404)
        share = self._draw(route, request.headers.get(USER))
        backend = self._backends[share.backend]
        path = request.raw_path
        if route.rewrite is not None:
            path = route.rewrite + path.removeprefix(route.prefix)
        try:
            return await self._ask(
                request, f"http://{backend.host}:{backend.port}{path}", share
            )
        except (TimeoutError, aiohttp.ClientError):
            return web.Response(status=503, text=f"{share.backend} does not answer")

    async def _ask(self, request: web.Request, url: str, share: Share) -> web.Response:
        async with self._session.request(
            request.method,
            url,
            data=await request.read(),
            headers=_end_to_end(request.headers.items()),
            allow_redirects=False,
        ) as answer:
            headers = _end_to_end(answer.headers.items()) | dict(share.headers)
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    def _route(self, request: web.Request) -> Route | None:
        name = request.host.partition(":")[0]
        exact = (h for h in self._table.hosts if name in h.domains)
        host = next(exact, None) or next(
            (h for h in self._table.hosts if "*" in h.domains), None
        )
        routes = host.routes if host else ()
        return next((r for r in routes if request.path.startswith(r.prefix)), None)

    def _draw(self, route: Route, user: str | None) -> Share:
        return next(self._draws[route]) if user is None else _of_user(route.shares, user)


def _of_user(shares: tuple[Share, ...], user: str) -> Share:
    point = zlib.crc32(user.encode()) % sum(s.weight for s in shares)
    for share in shares:
        point -= share.weight
        if point < 0:
            return share
    return shares[-1]


def _evenly(shares: tuple[Share, ...]) -> Iterator[Share]:
    # Smooth weighted round robin, as in nginx: 70/30 gives a a b a a b a a b a, not 7 × a, 3 × b.
    credit = [0] * len(shares)
    total = sum(s.weight for s in shares)
    while True:
        credit = [c + s.weight for c, s in zip(credit, shares, strict=True)]
        chosen = max(range(len(shares)), key=credit.__getitem__)
        credit[chosen] -= total
        yield shares[chosen]


def _end_to_end(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {k: v for k, v in headers if k.lower() not in _HOP_BY_HOP}
