"""The pages: templates filled on this side, the live parts by small modules on the other.

The content security policy allows neither inline scripts nor inline styles; the page's first state
travels in a JSON block, which is data and no script.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from crossfade.runtime.clock import Clock
from crossfade_console.api import whole
from crossfade_console.assets import compressed, plotly_address
from crossfade_console.projection import Projection
from crossfade_console.sessions import Session, Sessions
from crossfade_console.views import row

# plotly.js begins with an empty style element and fills it by rules; this is the hash of nothing.
EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {EMPTY}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(slots=True)
class Site:
    """The routes for people."""

    projection: Projection
    sessions: Sessions
    clock: Clock
    grafana_url: str | None = None
    _pages: Environment = field(init=False)

    def __post_init__(self) -> None:
        self._pages = Environment(
            loader=PackageLoader("crossfade_console", "pages"),
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get("/", self.experiments),
            web.get("/experiments/{namespace}/{name}", self.experiment),
        ]

    async def experiments(self, request: web.Request) -> web.Response:
        """The list."""
        rows = [row(run) for run in self.projection.latest()]
        data = orjson.dumps({"experiments": rows, "cursor": self.projection.cursor})
        return self.page(request, "list.html", data=_block(data), count=len(rows))

    async def experiment(self, request: web.Request) -> web.Response:
        """One experiment."""
        named = request.match_info
        run = self.projection.find(
            named["namespace"], named["name"], request.query.get("uid", "")
        )
        if run is None:
            title = f"{named['namespace']}/{named['name']}"
            return self.page(request, "missing.html", 404, title=title)
        view = orjson.loads(whole(run, self.clock))["view"]
        return self.page(
            request,
            "run.html",
            data=_block(whole(run, self.clock)),
            view=view,
            plotly=plotly_address(),
        )

    def page(
        self, request: web.Request, name: str, status: int = 200, **values: Any
    ) -> web.Response:
        """A template filled, with what every page needs."""
        session: Session | None = self.sessions.of(request)
        text = self._pages.get_template(name).render(
            session=session,
            can_sign_in=self.sessions.possible,
            grafana=self.grafana_url,
            here=request.path,
            **values,
        )
        response = web.Response(
            text=text,
            status=status,
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )
        # A page with somebody's word in it is not compressed: its length would tell of the word.
        return response if session else compressed(response)


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every answer the headers that protect its reader."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


def _block(data: bytes) -> Markup:
    """JSON that may stand in a page: nothing in it can end its element."""
    safe = data.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    return Markup(safe.decode())  # noqa: S704  escaped just above
