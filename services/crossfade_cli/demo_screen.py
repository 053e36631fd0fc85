"""What the demo shows while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from crossfade.runtime.logs import extras
from crossfade.telling import Known
from crossfade.telling.numbers import number
from crossfade_cli.numbers import numbers
from crossfade_lab.load import Load

__all__ = ["LiveScreen", "PlainScreen", "Screen", "a_screen", "announce", "linked"]

BAR = 40
COLOURS = ("cyan", "green", "magenta", "yellow")


class Screen(Protocol):
    """Where the demo says things."""

    console: Console

    def say(self, text: str | Text, style: str = "") -> None:
        """One line that stays."""

    def show(self, known: Known) -> None:
        """The run as it is now."""

    def watch(self, load: Load) -> None:
        """Show what becomes of the requests of this load from now on."""

    def close(self) -> None:
        """Leave what was said, take away what was live."""


class Aloud(logging.Handler):
    """Says the lab's warnings on the screen, so that they do not break into what is live."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """One line: the phrase and what belongs to it."""
        more = ", ".join(f"{key} {value}" for key, value in extras(record).items())
        self._screen.say(f"  {record.getMessage()}{': ' if more else ''}{more}", "yellow")


def a_screen(console: Console) -> Screen:
    """A live one on a terminal, a plain one elsewhere; the lab's warnings go to it."""
    screen = LiveScreen(console) if console.is_terminal else PlainScreen(console)
    logging.basicConfig(handlers=[Aloud(screen)], level=logging.WARNING, force=True)
    for quiet in ("nats", "faststream", "asyncio"):  # what they warn of mends itself
        logging.getLogger(quiet).setLevel(logging.CRITICAL)
    return screen


class PlainScreen:
    """Lines only, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str | Text, style: str = "") -> None:
        """Print it, whatever its width."""
        self.console.print(_styled(text, style), soft_wrap=True)

    def show(self, known: Known) -> None:
        """Nothing: the sentences say it."""

    def watch(self, load: Load) -> None:
        """Nothing: the figures at the end say it."""

    def close(self) -> None:
        """Nothing is live."""


class LiveScreen:
    """Sentences scroll by; below them split, limits, reward and requests as they change."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._known: Known | None = None
        self._load: Load | None = None
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=4,
            transient=True,
            vertical_overflow="crop",
        )

    def say(self, text: str | Text, style: str = "") -> None:
        """Print it above the live part, broken between words."""
        self.console.print(_styled(text, style))

    def show(self, known: Known) -> None:
        """Show it from the next refresh on."""
        self._known = known
        self._start()

    def watch(self, load: Load) -> None:
        """Show its counts from the next refresh on."""
        self._load = load
        self._start()

    def close(self) -> None:
        """Take the live part away; what was said stays."""
        if self._live.is_started:
            self._live.stop()

    def _start(self) -> None:
        if not self._live.is_started:
            self._live.start()

    def _render(self) -> RenderableType:
        known = self._known
        parts: list[RenderableType] = [Text()]
        if known is not None and known.versions:
            parts += [Rule(_title(known, datetime.now(UTC)), align="left", style="dim")]
            parts += [_splits(known), Text(), numbers(known, indent="", shown=_plain)]
        if self._load is not None:
            parts += [Text(), _requests(self._load)]
        return Group(*parts)


def _styled(text: str | Text, style: str) -> Text:
    return Text(text, style) if isinstance(text, str) else text


def _title(known: Known, now: datetime) -> Text:
    of = f" of {known.of}" if known.of else ""
    title = Text.assemble(
        (known.name, "bold"),
        f"  {known.pattern} on {known.target}   ",
        f"look {known.iteration}{of}",
    )
    wait = _next_look(known, now)
    return title.append(wait, "dim") if wait else title


def _next_look(known: Known, now: datetime) -> str:
    if known.stage != "Running":
        return f"   {known.stage.lower()}" if known.stage else ""
    since = known.sampled_at or known.entered_at or now
    left = known.interval_seconds - (now - since).total_seconds()
    return f"   next in {max(0, round(left))} s"


def _splits(known: Known) -> Table:
    table = Table.grid(padding=(0, 2))
    for version, colour in zip(known.versions, _colours(known.versions), strict=False):
        share = known.split.get(version, 0)
        filled = round(BAR * share / 100)
        bar = Text("█" * filled, colour).append("░" * (BAR - filled), "dim")
        ahead = version == known.winner
        table.add_row(
            Text(version, "bold" if ahead else ""),
            bar,
            Text(f"{share} %".rjust(5)),
            Text("◀ ahead" if ahead and not known.over else "", "green"),
        )
    return table


def _colours(versions: Sequence[str]) -> Iterator[str]:
    return (COLOURS[at % len(COLOURS)] for at, _ in enumerate(versions))


def _plain(value: float | None) -> str:
    """A number without an exponent: these change from look to look and are compared by eye."""
    if value is None or not 0 < abs(value) < 1e-3:
        return number(value)
    return f"{value:.6f}"


def _requests(load: Load) -> Text:
    counts = load.counts
    shares = [
        f"{model} {load.predictions.share_of_recent(model):.0%}"
        for model in sorted(set(load.predictions.recent))
    ]
    lost = (f"{counts.lost} lost", "bold red" if counts.lost else "green")
    answers = f"   last {len(load.predictions.recent)} answers: {', '.join(shares)}"
    return Text.assemble(f"{counts.sent:,} requests, ", lost, answers if shares else "")


def announce(name: str, kind: str, what: str, address: str, seconds: float) -> Text:
    """A part or service: real or embedded, what and where, and how fast it started."""
    return Text.assemble(
        f"  {name:<9} ",
        (f"{kind:<8} ", "green" if kind == "real" else "yellow"),
        f"{what:<27} {seconds:5.2f} s  ",
        (address, "dim"),
    )


def linked(before: str, url: str) -> Text:
    """Words, then an address that terminals make clickable."""
    return Text.assemble(before, (url, f"bold link {url}"))
