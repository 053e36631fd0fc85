"""The doors that Slack brings presses to: this one is knocked at, over signed HTTP.

Every request is checked by Slack's signature (v0, five minutes at most). The other door is
`socket_mode`, which needs no address that Slack can reach.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qs

import orjson
from aiohttp import web
from pydantic import SecretStr

from crossfade.errors import Permanent
from crossfade_notifier.presses import Presses

log = logging.getLogger(__name__)

FRESH_SECONDS = 300
LARGEST_BODY = 256 * 1024
PATH = "/slack/interactivity"


class Door(Protocol):
    """Where presses come in."""

    async def serve(self) -> None:
        """Take presses until cancelled."""
        ...

    def notice(self) -> str | None:
        """What people who look at our health should know, or None."""
        ...


@dataclass(slots=True)
class SignedDoor:
    """Listens for Slack's interactivity requests."""

    presses: Presses
    signing_secret: SecretStr
    host: str = "127.0.0.1"
    port: int = 0
    clock: Callable[[], float] = time.time
    bound: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def serve(self) -> None:
        """Listen until cancelled. Raises Permanent where the port is taken."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post(PATH, self.knock)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.Event().wait()
        finally:
            self.bound.clear()
            self.presses.stop()
            await runner.cleanup()

    def notice(self) -> str | None:
        """Whether nobody listens yet."""
        return None if self.bound.is_set() else "Slack's door for buttons is not open"

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except OSError as error:
            raise Permanent(
                f"notifier.slack_port: {self.host}:{self.port} is taken; set "
                "CROSSFADE_NOTIFIER__SLACK_PORT to a free one, or 0"
            ) from error
        self.port = runner.addresses[0][1]
        self.bound.set()
        log.info("listening for buttons", extra={"port": self.port, "path": PATH})

    async def knock(self, request: web.Request) -> web.Response:
        """Answer one request of Slack; 401 to anybody else."""
        body = await request.read()
        if not self._genuine(request.headers, body):
            return web.Response(status=401, text="not signed by Slack\n")
        try:
            self.presses.take(orjson.loads(parse_qs(body.decode())["payload"][0]))
        except (KeyError, IndexError, ValueError):
            return web.Response(status=400, text="payload: expected one JSON object\n")
        return web.Response()

    def _genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        if not stamp.isdigit() or abs(self.clock() - int(stamp)) > FRESH_SECONDS:
            return False
        key = self.signing_secret.get_secret_value().encode()
        signed = hmac.new(key, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        given = headers.get("X-Slack-Signature", "")
        return hmac.compare_digest(f"v0={signed}".encode(), given.encode(errors="replace"))
