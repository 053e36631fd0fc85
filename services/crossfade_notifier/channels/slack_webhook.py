"""Slack by incoming webhook: the small form, one message for each thing worth telling.

A webhook returns no id, so nothing can be updated or threaded, and a lost answer cannot be looked
up: terminal news is then sent again, the rest is let go. Source: Slack's incoming webhooks and
rate limits (one message a second).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson
from pydantic import SecretStr

from crossfade.telling import Known, Topic, Urgency
from crossfade_notifier.channels.mrkdwn import escape, newest
from crossfade_notifier.channels.port import PEOPLE, Manners, Parcel
from crossfade_notifier.channels.posting import post
from crossfade_notifier.outbox import Told

LONGEST = 3500
QUIET: frozenset[Topic] = frozenset({"progress", "decided", "queued"})
ICONS: Mapping[Topic, str] = {
    "started": ":arrow_forward:",
    "weights": ":twisted_rightwards_arrows:",
    "winner": ":white_check_mark:",
    "rolled-back": ":rewind:",
    "failed": ":x:",
    "aborted": ":octagonal_sign:",
    "ended": ":checkered_flag:",
    "approval": ":raised_hand:",
    "order": ":pushpin:",
    "trouble": ":warning:",
    "recovered": ":ok:",
    "action": ":warning:",
    "stuck": ":rotating_light:",
    "unstuck": ":ok:",
}


@dataclass(slots=True)
class SlackWebhook:
    """Posts to one incoming webhook; the URL is a secret and is never shown."""

    url: SecretStr
    timeout_seconds: float = 5.0
    coalesce_seconds: float = 2.0
    name: str = "slack-webhook"
    per_second: float = 1.0
    manners: Manners = PEOPLE
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    def wants(self, known: Known, told: Told) -> bool:
        """Started, weights changed, the end and trouble; not every look."""
        return told.topic not in QUIET

    async def deliver(self, parcel: Parcel) -> None:
        """Post all of it as one message."""
        told = [t for t in parcel.told if _again(parcel, t)]
        if told:
            body = orjson.dumps({"text": message(parcel.known, told)})
            head = {"Content-Type": "application/json"}
            await post(
                self._open(), self.url.get_secret_value(), body, head, self.timeout_seconds
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session


def message(known: Known, told: list[Told]) -> str:
    """The text in Slack's mrkdwn, under its limit of 4,000 characters."""
    lines = [f"{ICONS.get(t.topic, '')} {escape(t.text)}".strip() for t in told]
    return f"*{escape(known.title or 'Crossfade')}*\n" + newest(lines, LONGEST)


def _again(parcel: Parcel, told: Told) -> bool:
    return not parcel.doubtful or told.urgency is not Urgency.PROGRESS
