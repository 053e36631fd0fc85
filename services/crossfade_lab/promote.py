"""Serves the promote manifests on loopback, where the seed has them on the internet."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from aiohttp import web

from crossfade_lab.examples import deploy_folder

__all__ = ["PromoteServer"]


class PromoteServer:
    """`<url>/iris-single/promote-v2.yaml` and its kin, read anew at every request."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or deploy_folder() / "examples"
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(r"/{example:[\w-]+}/{file:promote-[\w-]+\.yaml}", self._manifest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _manifest(self, request: web.Request) -> web.Response:
        at = request.match_info
        file = self._folder / at["example"] / at["file"]
        if not file.is_file():
            raise web.HTTPNotFound(text=f"no {at['example']}/{at['file']} here\n")
        return web.Response(text=file.read_text(), content_type="application/yaml")
