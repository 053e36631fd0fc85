"""The door that Slack knocks at when somebody presses a button.

Every request is checked by Slack's signature (v0, five minutes at most), every person by an
allow-list, every press by its own signature and the state that it was shown in. Slack is answered
at once, within its three seconds; how the command went is told to `response_url` afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
from aiohttp import web
from pydantic import SecretStr

from crossfade.errors import CrossfadeError, Forbidden, Permanent
from crossfade.events import subjects
from crossfade.runtime.service import Commander, Store
from crossfade.telling import Known
from crossfade_notifier.buttons import LABELS, Button, unseal
from crossfade_notifier.outbox import Outbox

log = logging.getLogger(__name__)

FRESH_SECONDS = 300
LARGEST_BODY = 256 * 1024
PATH = "/slack/interactivity"


@dataclass(slots=True)
class Door:
    """Listens for Slack's interactivity requests and turns presses into commands."""

    state: Store
    commander: Commander
    signing_secret: SecretStr
    users: frozenset[str]
    host: str = "127.0.0.1"
    port: int = 0
    answer_hosts: frozenset[str] = frozenset({"hooks.slack.com"})
    """Where a `response_url` may point; anything else is not answered."""
    timeout_seconds: float = 5.0
    clock: Callable[[], float] = time.time
    service: str = "notifier"
    bound: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _answering: set[asyncio.Task[None]] = field(default_factory=set, init=False)

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
            for task in self._answering:
                task.cancel()
            await runner.cleanup()

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
            payload = orjson.loads(parse_qs(body.decode())["payload"][0])
            presses = [a["value"] for a in payload.get("actions", ()) if "value" in a]
        except (KeyError, IndexError, TypeError, ValueError):
            return web.Response(status=400, text="payload: expected one JSON object\n")
        for value in presses:
            task = asyncio.create_task(self._press(value, payload))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return web.Response()

    async def _press(self, value: str, payload: Mapping[str, Any]) -> None:
        user = str(payload.get("user", {}).get("id", ""))
        try:
            told = await self._ask(value, user)
        except CrossfadeError as error:
            told = f":no_entry: Not done: {error}"
        await self._reply(str(payload.get("response_url", "")), told)

    async def _ask(self, value: str, user: str) -> str:
        """Send the command of a press. Raises Forbidden, Unreachable."""
        press = unseal(value, self._key)
        if user not in self.users:
            raise Forbidden(f"<@{user}> is not among those who may press this button")
        stale = press.stale(await self._known(press.uid))
        if stale:
            raise Forbidden(f"{stale}. Look at the message again")
        async with asyncio.timeout(self.timeout_seconds):
            answer = await self.commander.request(press.ask, _body(press, user))
        log.info("a button was pressed", extra={"ask": press.ask, "uid": press.uid, "by": user})
        if answer.get("accepted"):
            return f":white_check_mark: {LABELS[press.ask]}: asked for by <@{user}>"
        errors = "; ".join(e.get("message", "") for e in answer.get("errors", ()))
        return f":no_entry: Not accepted: {errors or 'no reason was given'}"

    async def _known(self, uid: str) -> Known | None:
        entry = await self.state.get(subjects.own_key(self.service, uid))
        return Outbox.read(entry.value).known if entry else None

    async def _reply(self, url: str, text: str) -> None:
        if urlsplit(url).hostname not in self.answer_hosts:
            return
        limit = aiohttp.ClientTimeout(total=self.timeout_seconds)
        body = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(url, json=body) as answer,
            ):
                await answer.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            log.warning("could not answer a press", extra={"error": repr(error)})

    def _genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        if not stamp.isdigit() or abs(self.clock() - int(stamp)) > FRESH_SECONDS:
            return False
        signed = hmac.new(self._key, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"v0={signed}", headers.get("X-Slack-Signature", ""))

    @property
    def _key(self) -> bytes:
        return self.signing_secret.get_secret_value().encode()


def _body(press: Button, user: str) -> dict[str, Any]:
    return {
        "namespace": press.namespace,
        "name": press.name,
        "uid": press.uid,
        "reason": f"{LABELS[press.ask]} pressed in Slack at look {press.iteration}",
        "requestedBy": f"slack:{user}",
    } | ({"epoch": press.epoch} if press.epoch else {})
