"""A run as it happens, on a terminal: verdict, traffic, objectives, reward, trouble, log.

`watch` shows it whole; the demo shows it below its sentences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from crossfade.events import Event
from crossfade.telling import Known, headline, learn, tell, why
from crossfade.telling.numbers import brief, duration, number
from crossfade.telling.phases import phase
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED
from crossfade_cli.numbers import BAR, bar, colour, numbers
from crossfade_cli.trails import Trail, sparkline

__all__ = ["LiveView"]

LINES = 6
PROGRESS = 24
WIDE = 96  # columns from which the split's way has room beside its bars
BESIDE = 53  # columns of what stands beside a version's name and bar
TONES = {
    "promoted": "green",
    "kept": "green",
    "rolled-back": "red",
    "failed": "red",
    "aborted": "yellow",
    "inconclusive": "yellow",
    "no-data": "yellow",
}


@dataclass(slots=True)
class LiveView:
    """Folds the events of one run, and draws what is known at a moment."""

    known: Known | None = None
    trail: Trail = field(default_factory=Trail)
    said: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=LINES))
    """The latest sentences, with their times of day."""

    def take(self, event: Event, at: datetime) -> Known:
        """One more event, stored at an aware moment; what is known with it."""
        self.known = learn(self.known, event, at)
        self.trail.take(event, self.known)
        telling = tell(event, self.known)
        if telling is not None and telling.text not in {text for _, text in self.said}:
            self.said.append((at.astimezone().strftime("%H:%M:%S"), telling.text))
        return self.known

    def picture(self, now: datetime, *, log: bool = True) -> RenderableType:
        """The view at an aware moment; `log` adds the latest sentences."""
        return Picture(self, now, log)


@dataclass(frozen=True, slots=True)
class Picture:
    """What rich draws: as much as the terminal is wide enough for."""

    view: LiveView
    now: datetime
    log: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The parts, from top to bottom; on a low terminal older sentences give way."""
        if self.view.known is None:
            yield Text("waiting for the first event …")
            return
        state = Group(*self._state(self.view.known, options.max_width))
        yield state
        if self.log and self.view.said:
            *earlier, (at, text) = self.view.said
            newest = Group(Text(), _hanging(at, text))  # it is read to its end
            if console.is_terminal:
                both = console.render_lines(Group(state, newest), options, pad=False)
                room = max(console.height - len(both) - 1, 0)
                earlier = earlier[-room:] if room else []
            yield Text()
            yield from (_line(*one) for one in earlier)
            yield _hanging(at, text)

    def _state(self, known: Known, room: int) -> Iterator[RenderableType]:
        """How the run stands, without its story; `room` in columns."""
        yield _title(known)
        yield _verdict(known, self.now)
        if known.versions:
            yield Group(Text(), _traffic(known, self.view.trail, room))
            yield Group(Text(), numbers(known, self.view.trail, room))
        if known.troubles:
            told = (_hanging("!", text, "yellow") for text in known.troubles.values())
            yield Group(Text(), *told)


def _title(known: Known) -> RenderableType:
    parts = [known.pattern, f"on {known.target}" if known.target else ""]
    about = " ".join(part for part in parts if part)
    return Rule(
        Text.assemble((known.title, "bold"), f"  {about}  {known.policy}".rstrip()),
        align="left",
        style="dim",
    )


def _verdict(known: Known, now: datetime) -> Group:
    state = known.outcome if known.over else phase(known).replace("_", " ")
    first = Text.assemble(
        (headline(known), f"bold {_tone(known)}"), (f"   {state or ''}", "dim")
    )
    reason = why(known)
    return Group(first, *([Text(reason)] if reason else []), _progress(known, now))


def _tone(known: Known) -> str:
    if known.over:
        return TONES.get(known.outcome or "", "")
    if known.troubles or known.verdict == "no-data":
        return "yellow"
    return "green" if known.winner in known.candidates else ""


def _progress(known: Known, now: datetime) -> Text:
    if not known.of:
        return Text()
    done = bar(100 * known.iteration / known.of, "green", PROGRESS)
    return Text.assemble(
        done, f"  look {known.iteration} of {known.of}", (countdown(known, now), "bold")
    )


def countdown(known: Known, now: datetime) -> str:
    """How long until the next look; nothing where none is to come."""
    since = known.sampled_at or known.entered_at
    looking = known.stage == "Running" and known.reason not in (PAUSED, NEEDS_APPROVAL)
    if not looking or known.final or since is None:
        return ""
    left = known.interval_seconds - (now - since).total_seconds()
    return f"   next in {duration(round(left))}"


def _traffic(known: Known, trail: Trail, room: int) -> Table:
    """For each version: its weight in force, where it came from, and what is asked or measured."""
    table = Table.grid(padding=(0, 2))
    names = [brief(version, room // 5) for version in known.versions]
    width = min(BAR if room >= WIDE else BAR // 2, room - max(map(len, names)) - BESIDE)
    for at, version in enumerate(known.versions):
        share = known.split.get(version, 0)
        ahead = version == known.winner and not known.over
        cells = [
            Text(f"  {names[at]}", "bold" if ahead else ""),
            bar(share, colour(at), max(width, 1)),
            Text(f"{share} %", justify="right"),
        ]
        if room >= WIDE:
            cells.append(Text(sparkline(trail.weights(version), 15, 0, 100), colour(at)))
        table.add_row(*cells, Text(_beside(known, trail, version)), _ahead(ahead))
    return table


def _beside(known: Known, trail: Trail, version: str) -> str:
    """What differs from the weight in force: what was asked for, and what requests really do."""
    asked, share = known.asked.get(version), known.split.get(version, 0)
    moves = asked is not None and asked != share and not (known.over or known.fixed)
    parts = [f"asked {asked} %"] if moves else []
    measured = trail.measured.get(version)
    if measured is not None:
        of = f" at {known.in_force[version]} %" if version in known.in_force else ""
        parts.append(f"{number(round(measured, 1))} % of requests{of}")
    return ", ".join(parts)


def _ahead(ahead: bool) -> Text:
    return Text("◀ ahead" if ahead else "", "green")


def _hanging(mark: str, text: str, style: str = "") -> Table:
    """A sentence in as many lines as it needs, its mark beside the first."""
    table = Table.grid(padding=(0, 0))
    gap = " " * min(len(mark), 2)
    table.add_row(Text(f"  {mark}{gap}", style or "dim"), Text(text, style))
    return table


def _line(at: str, text: str) -> Text:
    return Text.assemble((f"  {at}  ", "dim"), text, no_wrap=True, overflow="ellipsis")
