"""One living message per experiment and channel: updated in place, with the story in its thread.

The message is the run as it is known; replies tell what happened. Only the end, an open gate and
being stuck are shown to the whole channel. What was posted is remembered by its `ts`; after a
crash between posting and recording the message is looked up by our metadata, not posted twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from crossfade.errors import NotFound, Permanent
from crossfade.telling import Known, Topic, Urgency
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.mrkdwn import escape, newest
from crossfade_notifier.channels.port import LIVING, Manners, Parcel
from crossfade_notifier.channels.slack.blocks import Block, blocks, fallback
from crossfade_notifier.channels.slack.calls import Slack, metadata, seal, told_of
from crossfade_notifier.channels.slack_webhook import ICONS
from crossfade_notifier.outbox import Told

log = logging.getLogger(__name__)

BROADCAST: frozenset[Topic] = frozenset(
    {"winner", "rolled-back", "failed", "approval", "stuck"}
)
LONGEST = 3900
ALONE = frozenset({Urgency.TERMINAL, Urgency.APPROVAL})
"""What a run tells by itself even in a crowded channel."""
CLOSED_TO_US = ("channel_not_found", "not_in_channel", "is_archived", "restricted_action")
SLACK_SLACK_SECONDS = 5.0


@dataclass(slots=True)
class LivingSlack:
    """Keeps the messages of all runs; what it must remember of one travels in its parcels."""

    token: SecretStr
    channel: str
    api: str = "https://slack.com/api/"
    button_key: bytes | None = None
    links: Links = field(default_factory=Links)
    timeout_seconds: float = 5.0
    coalesce_seconds: float = 5.0
    per_second: float = 1.0
    name: str = "slack"
    manners: Manners = LIVING
    crowded: frozenset[str] = frozenset()
    """Channels with so many runs that progress is shown in their summary alone."""
    slack: Slack = field(init=False)

    def __post_init__(self) -> None:
        self.slack = Slack(self.token, self.api, self.timeout_seconds)

    def wants(self, known: Known, told: Told) -> bool:
        """Everything about experiments; what services say of themselves is for the log."""
        return bool(known.name)

    async def deliver(self, parcel: Parcel) -> None:
        """Bring the message up to date, then tell the story in its thread."""
        if "ts" not in parcel.memory and self._summed_up(parcel):
            return
        try:
            await self._tell(parcel, parcel.memory)
        except NotFound:
            # Somebody deleted the message: a new one, with the story in its thread.
            parcel.memory.clear()
            await self._tell(parcel, parcel.memory)

    def _summed_up(self, parcel: Parcel) -> bool:
        """Whether the summary of its channel says all that there is to say."""
        place = parcel.memory.get("place") or parcel.place or self.channel
        return place in self.crowded and all(t.urgency not in ALONE for t in parcel.told)

    async def _tell(self, parcel: Parcel, memory: dict[str, str]) -> None:
        await self._show(parcel, memory)
        if parcel.told:
            await self._narrate(parcel, memory)

    async def close(self) -> None:
        """Close the connections."""
        await self.slack.close()

    async def _show(self, parcel: Parcel, memory: dict[str, str]) -> None:
        known = parcel.known
        if not parcel.told and "ts" not in memory:
            return  # quiet hours: what is not there yet waits for their end
        rendered = self._render(parcel, memory)
        now = seal(rendered[:-1])  # the last block is the clock: it alone is no news
        if memory.get("seal") == now:
            return
        if "ts" not in memory and parcel.doubtful:
            await self._find(parcel, memory)
        body = {
            "text": fallback(known, parcel.stuck),
            "blocks": rendered,
            "metadata": metadata(known.uid, "living"),
        }
        if "ts" in memory:
            await self.slack.call(
                "chat.update", channel=memory["channel"], ts=memory["ts"], **body
            )
        else:
            await self._post(parcel, memory, body)
        memory["seal"] = now

    def _render(self, parcel: Parcel, memory: Mapping[str, str]) -> list[Block]:
        """The message, with what is not as the experiment wishes it."""
        astray = [memory["astray"]] if "astray" in memory else []
        remarks = [*parcel.warnings, *astray]
        return blocks(parcel.known, self.links, self.button_key, remarks, parcel.stuck)

    async def _post(self, parcel: Parcel, memory: dict[str, str], body: dict[str, Any]) -> None:
        place = memory.get("place") or parcel.place or self.channel
        try:
            made = await self.slack.call(
                "chat.postMessage", channel=place, unfurl_links=False, **body
            )
        except Permanent as error:
            elsewhere = place != self.channel and str(error).endswith(CLOSED_TO_US)
            if not elsewhere:
                raise
            # The experiment's own channel is not there for us: better here than nowhere.
            told = {"channel": place, "error": str(error)}
            log.warning("an experiment's Slack channel refuses its message", extra=told)
            memory["place"] = self.channel
            memory["astray"] = (
                f"{place} refuses this message ({error}); it is told here instead"
            )
            body = body | {"blocks": self._render(parcel, memory)}
            await self._post(parcel, memory, body)
            return
        memory["channel"], memory["ts"] = str(made["channel"]), str(made["ts"])

    async def _narrate(self, parcel: Parcel, memory: dict[str, str]) -> None:
        """Reply with what happened: one message, or one for each that the channel must see."""
        done = int(memory.get("n", "0"))
        fresh = [t for t in parcel.told if t.n > done and t.topic != "started"]
        fresh = _unlike(fresh, memory.get("last", ""))
        if parcel.doubtful and fresh:
            found = await self._replies(memory, parcel.since)
            fresh = [t for t in fresh if str(t.n) not in found]
        for group in _groups(fresh):
            await self._reply(parcel.known, group, memory)
            memory["n"], memory["last"] = str(group[-1].n), group[-1].text
        memory["n"] = str(parcel.told[-1].n)

    async def _reply(
        self, known: Known, group: Sequence[Told], memory: Mapping[str, str]
    ) -> None:
        numbers = ",".join(str(t.n) for t in group)
        await self.slack.call(
            "chat.postMessage",
            channel=memory["channel"],
            thread_ts=memory["ts"],
            text=newest([_line(one) for one in group], LONGEST),
            reply_broadcast=group[-1].topic in BROADCAST,
            unfurl_links=False,
            metadata=metadata(known.uid, numbers),
        )

    async def _find(self, parcel: Parcel, memory: dict[str, str]) -> None:
        """Look for a message that an attempt without an answer may have posted."""
        channel = memory.get("place") or parcel.place or self.channel
        found = await self.slack.messages(
            "conversations.history", channel=channel, oldest=_oldest(parcel.since)
        )
        for message in found:
            if told_of(message, parcel.known.uid) == "living":
                memory["channel"], memory["ts"] = channel, str(message["ts"])
                return

    async def _replies(self, memory: Mapping[str, str], since: float) -> set[str]:
        found = await self.slack.messages(
            "conversations.replies",
            channel=memory["channel"],
            ts=memory["ts"],
            oldest=_oldest(since),
        )
        told: set[str] = set()
        for message in found:
            told.update(told_of(message).split(","))
        return told


def _unlike(told: Sequence[Told], last: str) -> list[Told]:
    """Without what says the same as the one before, as a last look and its split do."""
    kept: list[Told] = []
    for one in told:
        if one.text != (kept[-1].text if kept else last):
            kept.append(one)
    return kept


def _groups(told: Sequence[Told]) -> list[list[Told]]:
    """Consecutive progress in one reply; what the channel must see stands alone."""
    groups: list[list[Told]] = []
    for one in told:
        quiet = one.topic not in BROADCAST and one.urgency is Urgency.PROGRESS
        if quiet and groups and groups[-1][-1].urgency is Urgency.PROGRESS:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _line(told: Told) -> str:
    return f"{ICONS.get(told.topic, ':small_blue_diamond:')} {escape(told.text)}"


def _oldest(since: float) -> str:
    return f"{since - SLACK_SLACK_SECONDS:.6f}"
