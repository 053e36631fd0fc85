"""Crowded Slack channels: hundreds of runs share one message instead of having one each.

A channel with more open runs than the settings allow is crowded until it has clearly fewer. There
only ends and open gates have messages of their own; what else happens is in the summary, which is
read from all outboxes, so that every replica and every restart comes to the same one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from crossfade.errors import Conflict, CrossfadeError, Malformed, NotFound
from crossfade.events import subjects
from crossfade.events.event import Body
from crossfade.runtime.service import Entry, Store
from crossfade.telling import Urgency
from crossfade_notifier.channels.port import Later
from crossfade_notifier.channels.slack.calls import metadata, seal, told_of
from crossfade_notifier.channels.slack.living import LivingSlack
from crossfade_notifier.channels.slack.summary import (
    dispersed,
    newly_stuck,
    standing,
    summary,
    title,
)
from crossfade_notifier.outbox import Outbox
from crossfade_notifier.pacing import Pace
from crossfade_notifier.routing import Router

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
CLAIM_SECONDS = 30.0
STILL = 0.8
"""A crowded channel stays so down to this share of the bound: it must not flicker."""
SUMMARY, OVER = "summary", "summary-over"
MOST_STUCK = 1000


class Sheet(Body):
    """The summary of one channel as it was last shown; `by` is at it until `until`."""

    ts: str = ""
    seal: str = ""
    stuck: tuple[str, ...] = ()
    by: str = ""
    until: float = 0.0

    def write(self) -> bytes:
        """The stored form."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def read(cls, entry: Entry | None) -> Self:
        """As stored; a new one where it cannot be read."""
        try:
            return cls.model_validate_json(entry.value) if entry else cls()
        except ValueError:
            return cls()


@dataclass(slots=True)
class Summaries:
    """Keeps one message for each crowded channel."""

    state: Store
    living: LivingSlack
    router: Router
    pace: Pace
    above: int
    every_seconds: float = EVERY_SECONDS
    clock: Callable[[], float] = time.time
    service: str = "notifier"
    me: str = field(default_factory=lambda: secrets.token_hex(8))

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Conflict:
                log.debug("another replica keeps the summary")
            except Later as error:
                self.pace.hold(error.seconds)
            except CrossfadeError as error:
                log.warning("a summary has to wait", extra={"error": str(error)})
            await asyncio.sleep(self.every_seconds)

    async def look(self) -> None:
        """Find the crowded channels, and bring their messages up to date."""
        runs = await self._places()
        shown = await self._shown()
        open_runs = {p: [r for r in found if not r.known.over] for p, found in runs.items()}
        crowded = {p for p, found in open_runs.items() if self._crowds(p, found)}
        self.living.crowded = frozenset(crowded)
        for place in sorted(crowded | shown):
            sheet = await self._claimed(place)
            if sheet is not None:
                ended = [r.known for r in runs.get(place, ()) if r.known.over]
                now = datetime.fromtimestamp(self.clock(), UTC)
                found = open_runs.get(place, [])
                made = summary(found, ended, self.living.links, now)
                if place in crowded:
                    await self._show(place, found, made, *sheet)
                else:
                    await self._disperse(place, found, *sheet)

    def _crowds(self, place: str, runs: Sequence[Outbox]) -> bool:
        bound = self.above * (STILL if place in self.living.crowded else 1)
        return len(runs) > bound

    async def _places(self) -> Mapping[str, list[Outbox]]:
        """Every run that Slack tells of, by the channel of its message."""
        found: dict[str, list[Outbox]] = {}
        for key in await self.state.keys(subjects.own_key(self.service, "*")):
            entry = await self.state.get(key)
            try:
                run = Outbox.read(entry.value) if entry else None
            except Malformed:
                continue  # whoever carries it says so
            if run is None or not run.known.name:
                continue
            route = self.router.route(run.known)
            if route.channels is None or self.living.name in route.channels:
                place = route.slack_channel or self.living.channel
                found.setdefault(place, []).append(run)
        return found

    async def _shown(self) -> set[str]:
        keys = await self.state.keys(self._key("*"))
        return {key.rpartition(".")[2] for key in keys}

    async def _claimed(self, place: str) -> tuple[Sheet, int] | None:
        """The channel's sheet and its revision, ours to write; None while it is another's."""
        entry = await self.state.get(self._key(place))
        sheet, now = Sheet.read(entry), self.clock()
        if sheet.by not in ("", self.me) and sheet.until > now:
            return None
        claimed = sheet.model_copy(update={"by": self.me, "until": now + CLAIM_SECONDS})
        before = entry.revision if entry else 0
        return claimed, await self.state.put(self._key(place), claimed.write(), before)

    async def _show(
        self,
        place: str,
        runs: Sequence[Outbox],
        made: list[dict[str, Any]],
        sheet: Sheet,
        revision: int,
    ) -> None:
        mark = seal(made[:-1])  # the clock alone is no news
        if mark != sheet.seal:
            sheet = await self._put(place, sheet, title(runs), made, SUMMARY)
        stuck = {r.known.uid: r for r in runs if standing(r) == "stuck" and not self._hushed(r)}
        fresh = [run for uid, run in stuck.items() if uid not in sheet.stuck]
        if fresh:
            await self._call(
                "chat.postMessage",
                channel=place,
                thread_ts=sheet.ts,
                text=newly_stuck(fresh),
                reply_broadcast=True,
                unfurl_links=False,
            )
        done = {"seal": mark, "stuck": tuple(stuck)[:MOST_STUCK], "until": 0.0}
        kept = sheet.model_copy(update=done)
        await self.state.put(self._key(place), kept.write(), revision)

    def _hushed(self, run: Outbox) -> bool:
        """Whether its quiet hours keep trouble too; it is told at their end."""
        if Urgency.TROUBLE in self.router.passes:
            return False
        now = datetime.fromtimestamp(self.clock(), UTC)
        return self.router.route(run.known).quiet_until(now) is not None

    async def _disperse(
        self, place: str, runs: Sequence[Outbox], sheet: Sheet, revision: int
    ) -> None:
        if sheet.ts:
            await self._put(place, sheet, title(runs), dispersed(runs), OVER)
        await self.state.delete(self._key(place))

    async def _put(
        self, place: str, sheet: Sheet, text: str, made: list[dict[str, Any]], told: str
    ) -> Sheet:
        """Change the message, or post it; one that a crash left unrecorded is found again."""
        body = {"text": text, "blocks": made, "metadata": metadata(place, told)}
        ts = sheet.ts or await self._found(place)
        try:
            if ts:
                await self._call("chat.update", channel=place, ts=ts, **body)
        except NotFound:
            ts = ""  # somebody deleted it
        if not ts:
            ts = str((await self._call("chat.postMessage", channel=place, **body))["ts"])
        return sheet.model_copy(update={"ts": ts})

    async def _found(self, place: str) -> str:
        messages = await self.living.slack.messages("conversations.history", channel=place)
        return next((str(m["ts"]) for m in messages if told_of(m, place) == SUMMARY), "")

    async def _call(self, method: str, **body: Any) -> dict[str, Any]:
        """A call at the pace that the courier of this channel keeps too."""
        await asyncio.sleep(self.pace.wait_seconds())
        self.pace.spend()
        return await self.living.slack.call(method, **body)

    def _key(self, place: str) -> str:
        return subjects.own_key(self.service, f"summary.{place}")
