"""Who is told of a run, of what, and when not: by settings, and by the experiment's own wishes.

A route of the settings gives defaults for the annotations of the experiments that it fits; what
an experiment says itself goes before. The rule of quiet hours: progress waits for their end and
is told then as one digest; what is terminal, needs approval or is trouble goes at once and takes
along what waited. `CROSSFADE_NOTIFIER__QUIET_PASSES` changes what goes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from crossfade.errors import FieldError, Malformed
from crossfade.resources.annotations import (
    EVENTS,
    NOTIFY,
    QUIET_HOURS,
    SLACK_CHANNEL,
    QuietHours,
    misread,
    wishes,
)
from crossfade.settings import RouteSettings
from crossfade.telling import Known, Urgency
from crossfade_notifier.outbox import Told

ALWAYS = frozenset({Urgency.TERMINAL, Urgency.APPROVAL, Urgency.TROUBLE})


@dataclass(frozen=True, slots=True)
class Route:
    """Where the news of one run goes."""

    channels: frozenset[str] | None = None
    """None means every channel."""
    events: frozenset[str] | None = None
    slack_channel: str = ""
    quiet: tuple[QuietHours, ...] = ()
    warnings: tuple[str, ...] = ()
    """Wishes that cannot be met; people are told as without them."""

    def takes(self, channel: str, told: Told) -> bool:
        """Whether a channel of people tells this."""
        if self.channels is not None and channel not in self.channels:
            return False
        group = told.urgency.name.lower()
        return self.events is None or told.topic in self.events or group in self.events

    def quiet_until(self, at: datetime) -> tuple[datetime, str] | None:
        """When the quiet hours of an aware moment end, and how they are called."""
        for hours in self.quiet:
            if (end := hours.until(at)) is not None:
                return end, str(hours)
        return None


@dataclass(frozen=True, slots=True)
class Router:
    """Finds a run's route. Raises Malformed where the settings' own routes cannot be read."""

    routes: Sequence[RouteSettings] = ()
    passes: frozenset[Urgency] = ALWAYS
    """What goes in quiet hours too."""
    names: frozenset[str] = field(default=frozenset())
    """The channels that there are."""

    def __post_init__(self) -> None:
        for i, route in enumerate(self.routes):
            _, wrong = wishes(_as_annotations(route))
            unknown = self._unknown((route.notify or "").replace(",", " ").split())
            told = [*map(str, wrong), *([self._no_such(unknown)] if unknown else [])]
            if told:
                field_name = f"CROSSFADE_NOTIFIER__ROUTES[{i}]"
                raise Malformed([FieldError(field_name, "; ".join(told))])

    def route(self, known: Known) -> Route:
        """Where the news of a run goes, as far as its document is known."""
        asked, wrong = wishes(self._defaults(known) | known.annotations)
        warnings = [*map(str, wrong)]
        channels = asked.channels
        if channels and (unknown := self._unknown(channels)):
            given = known.annotations.get(NOTIFY, "")
            warnings.append(str(misread(NOTIFY, given, self._no_such(unknown))))
            channels = channels - unknown or None
        return Route(
            channels, asked.events, asked.slack_channel or "", asked.quiet, tuple(warnings)
        )

    def _defaults(self, known: Known) -> dict[str, str]:
        for route in self.routes:
            if fnmatchcase(known.namespace, route.namespace) and fnmatchcase(
                known.name, route.name
            ):
                return dict(_as_annotations(route))
        return {}

    def _unknown(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(names) - self.names - {"none"} if self.names else frozenset()

    def _no_such(self, unknown: Iterable[str]) -> str:
        there = ", ".join(sorted(self.names))
        return (
            f"no channel is called {', '.join(sorted(unknown))}; right would be some of {there}"
        )


def _as_annotations(route: RouteSettings) -> Mapping[str, str]:
    given = {
        NOTIFY: route.notify,
        EVENTS: route.events,
        SLACK_CHANNEL: route.slack_channel,
        QUIET_HOURS: route.quiet_hours,
    }
    return {key: value for key, value in given.items() if value is not None}


def digest(told: Sequence[Told], hours: str, held: int) -> list[Told]:
    """What waited through quiet hours as one sentence, then what is more than progress."""
    waited = [t for t in told if t.urgency is Urgency.PROGRESS]
    if len(waited) < 2:
        return list(told)
    last = waited[-1]
    turns = [t for t in waited[:-1] if t.topic not in ("progress", "weights")][-MOST_TURNS:]
    lines = [f"{max(held, len(waited))} sentences waited for the end of quiet hours ({hours})"]
    lines += [f"{t.at:%H:%M} UTC {t.text}" for t in turns]
    lines.append(f"by now: {last.text}")
    whole = last.model_copy(update={"text": "\n".join(lines)})
    rest = [t for t in told if t.urgency is not Urgency.PROGRESS]
    return sorted([*rest, whole], key=lambda t: t.n)


MOST_TURNS = 8
