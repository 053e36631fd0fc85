"""Slack's Socket Mode: presses come over a WebSocket that we open, so nothing listens.

`apps.connections.open` names an address, Slack says `hello` on it, sends `interactive` envelopes,
which are acknowledged by their id within three seconds, and asks now and then to be called again
(`disconnect`). slack_sdk's client carries one connection; when to open the next one is decided
here: the successor stands before its predecessor goes, and after failures we wait longer and
longer, five minutes at most. Source: Slack's Socket Mode pages.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from prometheus_client import Gauge
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from crossfade.errors import Retryable, Unreachable
from crossfade_notifier.channels.port import Later
from crossfade_notifier.channels.posting import TOO_MANY, pause_of
from crossfade_notifier.presses import Presses

log = logging.getLogger(__name__)
_silent = logging.getLogger("crossfade_notifier.slack_sdk")
_silent.setLevel(logging.CRITICAL + 1)  # it would log payloads, and every attempt as a failure

CONNECTED = Gauge("crossfade_slack_socket_connected", "Whether Slack can bring presses.")
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
STEADY_SECONDS = 30.0
LOOK_SECONDS = 1.0
PING_SECONDS = 5.0
GOODBYE_SECONDS = 1.0


class Connection(SocketModeClient):
    """One WebSocket, from `hello` until Slack asks to be called again or it breaks."""

    def __init__(self, token: str, api: AsyncWebClient, presses: Presses) -> None:
        super().__init__(
            app_token=token,
            web_client=api,
            logger=_silent,
            auto_reconnect_enabled=False,
            ping_interval=PING_SECONDS,
            on_message_listeners=[self._hear],
        )
        self.presses = presses
        self.hello = asyncio.Event()
        self.parting = asyncio.Event()

    async def open(self, seconds: float) -> None:
        """Connect and be greeted. Raises Unreachable, Later."""
        try:
            async with asyncio.timeout(seconds):
                self.wss_uri = await self._address()
                await self.connect()  # type: ignore[no-untyped-call]
                await self.hello.wait()
        except TimeoutError as error:
            raise Unreachable(f"no greeting within {seconds:g} s") from error

    async def last(self) -> None:
        """Wait until this connection is to be replaced, or gone."""
        while not self.parting.is_set() and await self.is_connected():
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.parting.wait()
            except TimeoutError:
                continue

    async def end(self) -> None:
        """Close; Slack may leave our goodbye unanswered."""
        tasks = (self.message_processor, self.current_session_monitor, self.message_receiver)
        self.closed = True
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(t for t in tasks if t is not None), return_exceptions=True)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.disconnect()  # type: ignore[no-untyped-call]
        except (TimeoutError, aiohttp.ClientError):
            log.debug("Slack did not say goodbye")
        await self.aiohttp_client_session.close()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Slack asks to be called again; whoever holds this connection does that."""
        self.parting.set()

    async def _address(self) -> str:
        try:
            answer = await self.web_client.apps_connections_open(app_token=self.app_token)
        except SlackApiError as error:
            data = error.response.data
            code = data.get("error", "") if isinstance(data, dict) else ""
            told = code or f"HTTP {error.response.status_code}"
            if error.response.status_code == TOO_MANY:
                raise Later(pause_of(error.response.headers), told) from error
            raise Unreachable(f"apps.connections.open: {told}") from error
        except (aiohttp.ClientError, SlackClientError, OSError) as error:
            raise Unreachable(f"apps.connections.open: no answer ({error!r})") from error
        return str(answer["url"])

    async def _hear(self, message: aiohttp.WSMessage) -> None:
        """Look at each message as it comes: acknowledge first, work afterwards."""
        try:
            envelope = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            return
        if envelope.get("type") == "hello":
            self.hello.set()
        elif "envelope_id" in envelope:
            await self.send_socket_mode_response({"envelope_id": envelope["envelope_id"]})
            self._take(envelope)

    def _take(self, envelope: dict[str, Any]) -> None:
        if envelope.get("type") != "interactive":
            return  # nothing else was subscribed to
        try:
            self.presses.take(envelope.get("payload") or {})
        except ValueError as error:
            log.warning("a press cannot be read", extra={"error": str(error)})


@dataclass(slots=True)
class SocketDoor:
    """Keeps one connection to Slack, and the next one ready before it goes."""

    presses: Presses
    token: SecretStr
    api: str = "https://slack.com/api/"
    timeout_seconds: float = 5.0
    first_pause_seconds: float = FIRST_PAUSE_SECONDS
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS
    clock: Callable[[], float] = time.monotonic
    opened: int = field(default=0, init=False)
    """How many connections there have been."""
    _trouble: str | None = field(default="not connected yet", init=False)
    _pause: float = field(default=0.0, init=False)

    async def serve(self) -> None:
        """Hold a connection until cancelled."""
        held: Connection | None = None
        self._pause = self.first_pause_seconds
        try:
            while True:
                held = await self._replace(held)
                if held is not None:
                    await self._hold(held)
        finally:
            self._say("closed")
            self.presses.stop()
            if held is not None:
                await held.end()

    def notice(self) -> str | None:
        """Why Slack cannot bring presses now, or None."""
        return f"Slack's socket for buttons: {self._trouble}" if self._trouble else None

    async def _replace(self, held: Connection | None) -> Connection | None:
        """A fresh connection in place of the one held; None after a failure and its pause."""
        fresh = Connection(self.token.get_secret_value(), self._web(), self.presses)
        error = await self._opened(fresh)
        if error is not None:
            if held is not None:
                await held.end()  # there may be too many of ours
            await self._stumble(str(error), getattr(error, "seconds", 0.0))
            return None
        self.opened += 1
        self._say(None)
        if held is not None:
            await held.end()
        return fresh

    async def _opened(self, fresh: Connection) -> Retryable | None:
        """Why a connection cannot be opened; it is closed then, as after a cancellation."""
        stands = False
        try:
            await fresh.open(self.timeout_seconds)
            stands = True
        except Retryable as error:
            return error
        finally:
            if not stands:
                await fresh.end()
        return None

    async def _hold(self, held: Connection) -> None:
        since = self.clock()
        await held.last()
        if self.clock() - since >= STEADY_SECONDS:
            self._pause = self.first_pause_seconds
        else:
            asked = held.parting.is_set()
            await self._stumble("Slack asked to be called again" if asked else "broken off")

    async def _stumble(self, reason: str, at_least: float = 0.0) -> None:
        """Wait, twice as long each time, with some chance in it: replicas fail together."""
        pause = max(self._pause * random.uniform(0.5, 1.0), at_least)  # noqa: S311
        self._pause = min(self._pause * 2, self.longest_pause_seconds)
        self._say(f"{reason}; next attempt in {pause:.3g} s")
        extra = {"reason": reason, "again_seconds": round(pause, 3)}
        log.warning("no socket for Slack's buttons", extra=extra)
        await asyncio.sleep(pause)

    def _say(self, trouble: str | None) -> None:
        self._trouble = trouble
        CONNECTED.set(0 if trouble else 1)

    def _web(self) -> AsyncWebClient:
        # Without retries of its own, and with its own short-lived session for the one call.
        return AsyncWebClient(
            base_url=self.api, timeout=max(1, int(self.timeout_seconds)), retry_handlers=[]
        )
