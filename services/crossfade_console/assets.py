"""Files for the pages: compressed once, known by a fingerprint, sent again only when they changed.

plotly.js is 4.8 MB as it lies in its wheel and 1.5 MB as it travels. Its address carries its
fingerprint, so that a browser keeps it for good; the small modules are asked about each time, and
answered with 304, so that a page never runs with a module of another release.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from aiohttp import ETag, hdrs, web

PLOTLY = "plotly.min.js"
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
WORTH_IT = 1024
"""Bytes from which compressing saves more than it costs."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it travels: its gzip, and the fingerprint of what is in it."""

    kind: str
    packed: bytes
    mark: str


@dataclass(slots=True)
class Assets:
    """The route of the files; each is read and compressed when it is first asked for."""

    _known: dict[str, asyncio.Task[Asset]] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [web.get("/static/{name}", self.serve)]

    async def serve(self, request: web.Request) -> web.Response:
        """A file of ours, or plotly.js out of its wheel."""
        name = request.match_info["name"]
        asset = await self._asset(name)
        if asset is None:
            raise web.HTTPNotFound(text=f"no such file: {name}\n")
        named = request.query.get("v") == asset.mark
        headers = {"Cache-Control": FOR_GOOD if named else ASK_AGAIN, "Vary": "Accept-Encoding"}
        if asset.mark in {mark.value for mark in request.if_none_match or ()}:
            response = web.Response(status=304, headers=headers)
        else:
            if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
                headers["Content-Encoding"], body = "gzip", asset.packed
            else:  # hardly anybody: the plain form is not kept for them
                body = await asyncio.to_thread(gzip.decompress, asset.packed)
            response = web.Response(body=body, headers=headers | {"Content-Type": asset.kind})
        response.etag = ETag(asset.mark, is_weak=True)  # the same for both encodings
        return response

    async def _asset(self, name: str) -> Asset | None:
        """The file of a name, made by one thread however many ask; None where there is none."""
        path = _path(name)
        if path is None:
            return None
        if name not in self._known:
            self._known[name] = asyncio.ensure_future(asyncio.to_thread(_read, path))
        return await asyncio.shield(self._known[name])


def compressed(response: web.Response) -> web.Response:
    """The same answer, to be compressed on its way where that is worth it."""
    body = response.body
    if isinstance(body, bytes) and len(body) >= WORTH_IT:
        response.enable_compression()
    return response


def plotly_file() -> Path | None:
    """plotly.js inside the installed wheel, found without importing it; None without the extra."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "package_data" / PLOTLY
    return path if path.is_file() else None


@cache
def plotly_address() -> str:
    """Where pages find plotly.js; empty without the extra, which means no charts."""
    path = plotly_file()
    return f"/static/{PLOTLY}?v={_mark(path.read_bytes())}" if path else ""


def _path(name: str) -> Path | None:
    if name == PLOTLY:
        return plotly_file()
    path = Path(str(files("crossfade_console") / "static" / name))
    inside = "/" not in name and not name.startswith(".")
    return path if inside and path.is_file() else None


def _read(path: Path) -> Asset:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    plain = path.read_bytes()
    return Asset(kind, gzip.compress(plain, 6, mtime=0), _mark(plain))


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
