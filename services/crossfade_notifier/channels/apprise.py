"""Everything that Apprise reaches: Teams, Discord, e-mail, PagerDuty and a hundred more.

Apprise answers yes or no; why not is read from what its plug-in logs while it tries, in a thread of
its own and with its own timeouts. A refusal (HTTP 4xx, SMTP 5xx) is for good, a missing connection
is worth another try, and what stays unclear is tried some times and then set aside. Each address
remembers how far it was told, so that a repetition reaches only those that missed it.
Source: Apprise's documentation of URLs (`cto`, `rto`) and of development.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from crossfade.errors import (
    CrossfadeError,
    FieldError,
    Malformed,
    Missing,
    Permanent,
    Unreachable,
)
from crossfade.telling import Known, Topic, Urgency, headline
from crossfade.telling.numbers import within
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.mrkdwn import newest
from crossfade_notifier.channels.port import PEOPLE, Later, Manners, MaybeDone, Parcel
from crossfade_notifier.channels.posting import DEFAULT_PAUSE_SECONDS, TOO_MANY
from crossfade_notifier.channels.slack_webhook import QUIET
from crossfade_notifier.outbox import Told

MOST_ATTEMPTS = 20
BORN_AGAIN = frozenset({408, 425})
ROOM, LINKED, TITLE, LEAST = 16_000, 500, 250, 80
"""Characters: of a message at most, of one that has room for links, of a title, of the news."""
TYPES: dict[Topic, str] = {
    "winner": "success",
    "rolled-back": "failure",
    "failed": "failure",
    "trouble": "warning",
    "action": "warning",
    "approval": "warning",
    "recovered": "success",
    "stuck": "failure",
    "unstuck": "success",
}


class Unclear(Unreachable):
    """Not delivered, and nobody says why."""


@dataclass(slots=True)
class Target:
    """One address: its plug-in, and what the plug-in said when last it tried."""

    name: str
    key: str
    """What its progress is kept under; it does not tell the address."""
    plugin: Any
    sender: Any
    heard: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        """Characters that the service takes: 160 of a text message, 1,000 of Teams."""
        return min(int(self.plugin.body_maxlen), ROOM)

    def send(self, title: str, body: str, kind: str) -> bool:
        """Send, for as long as the plug-in takes; in a thread."""
        self.heard.clear()
        return bool(self.sender.notify(body=body, title=title, notify_type=kind))


@dataclass(slots=True)
class AppriseChannel:
    """Tells all addresses of one name. Raises Malformed where one is none, Missing."""

    name: str
    urls: Sequence[SecretStr]
    topics: tuple[str, ...] = ()
    """The topics that it takes; empty means all but single looks."""
    links: Links = field(default_factory=Links)
    timeout_seconds: float = 5.0
    coalesce_seconds: float = 5.0
    per_second: float = 1.0
    manners: Manners = PEOPLE
    most_attempts: int = MOST_ATTEMPTS
    """Of failures without a reason; with the courier's pauses about a quarter of an hour."""
    targets: list[Target] = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.targets = [_target(self.name, i, url) for i, url in enumerate(self.urls, 1)]
        for target in self.targets:
            plugin = target.plugin
            plugin.socket_connect_timeout = plugin.socket_read_timeout = self.timeout_seconds
            # Its pace becomes the courier's: a plug-in would sleep with a delivery in hand.
            slowest = 1 / max(float(plugin.request_rate_per_sec), 0.001)
            self.per_second = min(self.per_second, slowest)
            plugin.request_rate_per_sec = 0
        self._threads = ThreadPoolExecutor(max(len(self.urls), 1), f"{self.name}-")

    def wants(self, known: Known, told: Told) -> bool:
        """What its topics say; else started, weights changed, the end and trouble."""
        return told.topic in self.topics if self.topics else told.topic not in QUIET

    async def deliver(self, parcel: Parcel) -> None:
        """Tell every address what it has not been told yet, all of it as one message."""
        tried = await asyncio.gather(*(self._tell(parcel, t) for t in self.targets))
        failed = [error for error in tried if error is not None]
        for kind in (Later, MaybeDone, Unreachable, Permanent):
            for error in failed:
                if isinstance(error, kind):
                    raise error

    async def close(self) -> None:
        """Let the threads end; their plug-ins' timeouts bound that."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _tell(self, parcel: Parcel, target: Target) -> CrossfadeError | None:
        memory, done = parcel.memory, f"n.{target.key}"
        fresh = [t for t in parcel.told if t.n > int(memory.get(done, "0"))]
        told = [t for t in fresh if not parcel.doubtful or t.urgency is not Urgency.PROGRESS]
        if told:
            error = await self._send(parcel, target, told)
            if error is not None:
                return error
        memory[done] = str(parcel.told[-1].n)
        memory.pop(f"tries.{target.key}", None)
        return None

    async def _send(
        self, parcel: Parcel, target: Target, told: Sequence[Told]
    ) -> CrossfadeError | None:
        title, body, kind = message(parcel.known, told, self.links, target.room)
        loop = asyncio.get_running_loop()
        bound = 2 * self.timeout_seconds + 1.0  # to connect, and to answer
        try:
            async with asyncio.timeout(bound):
                sent = await loop.run_in_executor(self._threads, target.send, title, body, kind)
        except TimeoutError:
            return MaybeDone(f"{target.name}: no answer within {bound:g} s")
        return None if sent else self._why(parcel.memory, target)

    def _why(self, memory: dict[str, str], target: Target) -> CrossfadeError:
        """The reason of a failure; one without a reason is for good after some attempts."""
        tries = int(memory.get(f"tries.{target.key}", "0")) + 1
        memory[f"tries.{target.key}"] = str(tries)
        error = sorted_out(target.name, target.heard)
        if isinstance(error, Unclear) and tries >= self.most_attempts:
            return Permanent(f"{error}; given up after {tries} attempts")
        return error


def message(
    known: Known, told: Sequence[Told], links: Links, room: int = ROOM
) -> tuple[str, str, str]:
    """Title, body and Apprise's type of message, in plain text of `room` characters in all."""
    about = links.about(known) if room >= LINKED else []
    found = "".join(f"\n{name}: {url}" for name, url in about)
    worst = min(told, key=lambda t: (t.urgency, -t.n))
    said = f": {headline(known)}" if known.name else ""
    title = within(f"{known.title or 'Crossfade'}{said}", TITLE)
    left = max(room - len(title) - len(found) - 2, LEAST)
    body = newest([t.text for t in told], left) + found
    return title, body, TYPES.get(worst.topic, "info")


def sorted_out(name: str, heard: Sequence[str]) -> CrossfadeError:
    """What a plug-in's words mean; they are not repeated, since they may tell an address."""
    text = "\n".join(heard)
    found = re.search(r"error=(\d{3})\b", text)
    status = int(found[1]) if found else 0
    if status == TOO_MANY:
        return Later(DEFAULT_PAUSE_SECONDS, f"{name}: HTTP {status}")
    if 400 <= status < 500 and status not in BORN_AGAIN:
        return Permanent(f"{name}: HTTP {status}")
    if status:
        return MaybeDone(f"{name}: HTTP {status}")
    if re.search(r"\(5\d\d, b['\"]", text):
        return Permanent(f"{name}: the mail server refuses it")
    if re.search(r"[Rr]ead timed out|Connection aborted|RemoteDisconnected", text):
        return MaybeDone(f"{name}: no answer")
    if re.search(r"[Cc]onnection [Ee]rror|[Ss]ocket [Ee]xception", text):
        return Unreachable(f"{name}: no connection, or refused")
    return Unclear(f"{name}: not delivered, Apprise does not say why")


def read_urls(path: Path, field_name: str) -> list[SecretStr]:
    """The addresses of a file, one a line; `#` begins a comment. Raises Malformed."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = f"found {path}, which cannot be read ({error}); right would be a file of URLs"
        raise Malformed([FieldError(field_name, told)]) from error
    kept = (line.strip() for line in lines)
    return [SecretStr(line) for line in kept if line and not line.startswith("#")]


def _target(name: str, number: int, url: SecretStr) -> Target:
    try:
        import apprise
    except ImportError as error:
        raise Missing("Apprise is not installed: pip install 'crossfade[apprise]'") from error
    asset = apprise.AppriseAsset(app_id="Crossfade", app_desc="Crossfade", async_mode=False)
    plugin = apprise.Apprise.instantiate(url.get_secret_value(), asset=asset)
    if plugin is None:
        scheme = url.get_secret_value().partition("://")[0]
        told = (
            f"found no address of Apprise at URL {number} of {name} (it begins with "
            f"{scheme[:20]!r}); right would be such as mailtos://… or discord://…"
        )
        raise Malformed([FieldError("CROSSFADE_NOTIFIER__APPRISE", told)])
    plugin.overflow_mode = apprise.OverflowMode.TRUNCATE  # better cut short than refused
    sender = apprise.Apprise(asset=asset)
    sender.add(plugin)
    key = hashlib.sha256(url.get_secret_value().encode()).hexdigest()[:8]
    target = Target(f"{plugin.service_name} (URL {number})", key, plugin, sender)
    plugin.logger = _listener(target.heard)
    return target


def _listener(heard: list[str]) -> logging.Logger:
    """A logger that nobody else sees: what a plug-in says may contain its secrets."""

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage()[:2000])

    made = logging.Logger("apprise-plugin", logging.DEBUG)
    made.addHandler(Keeps())
    made.propagate = False
    made.trace = made.debug  # type: ignore[attr-defined]
    made.deprecate = made.debug  # type: ignore[attr-defined]
    return made
