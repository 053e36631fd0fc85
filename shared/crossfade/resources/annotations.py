"""What an experiment's annotations ask of whoever tells people: who, of what, and when not.

A wish that cannot be read is no reason to refuse an experiment, or to tell nobody: it is left out
with a warning, and people are told as without it. Source: `docs/how-to/notify.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from crossfade.errors import FieldError

PREFIX = "crossfade.io"
NOTIFY = f"{PREFIX}/notify"
EVENTS = f"{PREFIX}/notify-events"
SLACK_CHANNEL = f"{PREFIX}/slack-channel"
QUIET_HOURS = f"{PREFIX}/quiet-hours"
NONE = "none"

GROUPS = frozenset({"terminal", "approval", "trouble", "progress"})
Topic = Literal[
    "queued",
    "started",
    "progress",
    "weights",
    "decided",
    "winner",
    "rolled-back",
    "ended",
    "failed",
    "aborted",
    "approval",
    "order",
    "trouble",
    "recovered",
    "action",
    "stuck",
    "unstuck",
]
TOPICS: frozenset[str] = frozenset(get_args(Topic))

_WINDOW = re.compile(r"(\d\d):(\d\d)\s*[-–]\s*(\d\d):(\d\d)\s+(\S+)")
_SLACK_ID = re.compile(r"[CGD][A-Z0-9]{2,}")
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A span of every day, by the clocks of one time zone; it may pass midnight."""

    begin: time
    end: time
    zone: ZoneInfo

    def until(self, at: datetime) -> datetime | None:
        """When the span that an aware moment lies in ends, in UTC; None outside of it."""
        local = at.astimezone(self.zone)
        now = local.time()
        early, late = now < self.end, now >= self.begin
        if not (early and late if self.begin < self.end else early or late):
            return None
        day = local.date() + timedelta(days=0 if early else 1)
        end = datetime.combine(day, self.end, tzinfo=self.zone)
        # Where clocks go back the same time comes twice; the first may be over already.
        ends = (end.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        return next((moment for moment in ends if moment > at), None)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}–{self.end:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """None means: as the installation does it."""

    channels: frozenset[str] | None = None
    """The names of the channels that tell; empty for none."""
    events: frozenset[str] | None = None
    """Topics, and groups of them by urgency."""
    slack_channel: str | None = None
    quiet: tuple[QuietHours, ...] = field(default=())


def wishes(annotations: Mapping[str, str] | None) -> tuple[Wishes, tuple[FieldError, ...]]:
    """What annotations ask for, and what of them cannot be read."""
    given = {k: v.strip() for k, v in (annotations or {}).items() if k.startswith(f"{PREFIX}/")}
    wrong: list[FieldError] = []
    found = Wishes(
        channels=_names(given, wrong),
        events=_events(given, wrong),
        slack_channel=_slack_channel(given, wrong),
        quiet=tuple(_quiet(given, wrong)),
    )
    return found, tuple(wrong)


def misread(key: str, value: str, right: str) -> FieldError:
    """A warning about one annotation."""
    shown = value if len(value) <= 80 else f"{value[:77]}…"
    return FieldError(f"metadata.annotations[{key}]", f"found {shown!r}; {right}")


def _list(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def _names(given: Mapping[str, str], wrong: list[FieldError]) -> frozenset[str] | None:
    if NOTIFY not in given:
        return None
    names = _list(given[NOTIFY])
    if names == [NONE]:
        return frozenset()
    good = [name for name in names if _CHANNEL.fullmatch(name) and name != NONE]
    if len(good) < len(names) or not names:
        right = (
            "right would be names of channels with commas between them, such as slack, or none"
        )
        wrong.append(misread(NOTIFY, given[NOTIFY], right))
    return frozenset(good) or None


def _events(given: Mapping[str, str], wrong: list[FieldError]) -> frozenset[str] | None:
    if EVENTS not in given:
        return None
    names = _list(given[EVENTS])
    good = [name for name in names if name in TOPICS or name in GROUPS]
    if len(good) < len(names) or not names:
        right = f"right would be some of {', '.join(sorted(TOPICS | GROUPS))}"
        wrong.append(misread(EVENTS, given[EVENTS], right))
    return frozenset(good) or None


def _slack_channel(given: Mapping[str, str], wrong: list[FieldError]) -> str | None:
    text = given.get(SLACK_CHANNEL)
    if text is None or _SLACK_ID.fullmatch(text):
        return text
    right = "right would be a channel's id such as C0123456789 (at the foot of its details)"
    wrong.append(misread(SLACK_CHANNEL, text, right))
    return None


def _quiet(given: Mapping[str, str], wrong: list[FieldError]) -> Iterator[QuietHours]:
    text = given.get(QUIET_HOURS)
    if text is None or text == NONE:
        return
    for part in text.split(";"):
        window = _window(part.strip())
        if window is None:
            right = (
                'right would be such as "22:00-07:00 Europe/Berlin", several after semicolons'
            )
            wrong.append(misread(QUIET_HOURS, part.strip(), right))
        else:
            yield window


def _window(text: str) -> QuietHours | None:
    match = _WINDOW.fullmatch(text)
    if match is None:
        return None
    numbers = [int(n) for n in match.groups()[:4]]
    if numbers[2:] == [24, 0]:
        numbers[2] = 0
    try:
        begin, end = time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
        zone = ZoneInfo(match[5])
    except (ValueError, KeyError, OSError):  # no time of day, no zone, a zone that is a folder
        return None
    return QuietHours(begin, end, zone) if begin != end else None
