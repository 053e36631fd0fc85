"""What the demo shows while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from crossfade.runtime.logs import extras
from crossfade_cli.live_view import LiveView
from crossfade_lab.load import Load

__all__ = ["LiveScreen", "PlainScreen", "Screen", "a_screen", "announce", "linked"]


class Screen(Protocol):
    """Where the demo says things."""

    console: Console

    def say(self, text: str | Text, style: str = "") -> None:
        """One line that stays."""

    def show(self, view: LiveView) -> None:
        """A run, as it is at each moment from now on."""

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

    def show(self, view: LiveView) -> None:
        """Nothing: the sentences say it."""

    def watch(self, load: Load) -> None:
        """Nothing: the figures at the end say it."""

    def close(self) -> None:
        """Nothing is live."""


class LiveScreen:
    """Sentences scroll by; below them split, limits, reward and requests as they change."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._view: LiveView | None = None
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

    def show(self, view: LiveView) -> None:
        """Show it from the next refresh on."""
        self._view = view
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
        parts: list[RenderableType] = [Text()]
        if self._view is not None:
            parts.append(self._view.picture(datetime.now(UTC), log=False))
        if self._load is not None:
            parts += [Text(), _requests(self._load)]
        return Group(*parts)


def _styled(text: str | Text, style: str) -> Text:
    return Text(text, style) if isinstance(text, str) else text


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
