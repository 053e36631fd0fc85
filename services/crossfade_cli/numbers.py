"""Splits, limits and rewards of a run as tables, for `describe` and `watch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from crossfade.telling import Known, ObjectiveState, objective_states
from crossfade.telling.numbers import number, spoken

BAR = 40
COLOURS = ("cyan", "green", "magenta", "yellow")
MARKS = {
    "proved": ("✓", "green"),
    "held": ("✓", "green"),
    "not-yet": ("…", "yellow"),
    "missed": ("✗", "red"),
    "unknown": ("?", "dim"),
}


def bars(
    versions: Sequence[str], split: Mapping[str, int], notes: Mapping[str, str] | None = None
) -> Table:
    """A bar for each version's weight, with a note beside it."""
    table = Table.grid(padding=(0, 2))
    for at, version in enumerate(versions):
        share = split.get(version, 0)
        filled = round(BAR * share / 100)
        bar = Text("█" * filled, COLOURS[at % len(COLOURS)]).append("░" * (BAR - filled), "dim")
        note = Text((notes or {}).get(version, ""), "green")
        table.add_row(Text(f"  {version}"), bar, Text(f"{share} %".rjust(5)), note)
    return table


def numbers(
    known: Known, *, indent: str = "  ", shown: Callable[[float | None], str] = number
) -> Table:
    """Objectives and reward by version, as of the latest sample; `shown` writes a value."""
    table = Table.grid(padding=(0, 3))
    states = {(s.metric, s.version): s for s in objective_states(known)}
    table.add_row("", *(Text(v, "bold", justify="right") for v in known.versions))
    for limit in known.objectives:
        cells = [states[limit.metric, version] for version in known.versions]
        label = Text.assemble(f"{indent}{spoken(limit.metric)}", (f" {cells[0].limit}", "dim"))
        table.add_row(label, *(_objective(cell, shown) for cell in cells))
    if known.reward:
        better = "low" if known.reward_low else "high"
        label = Text.assemble(
            f"{indent}{spoken(known.reward)}", (f" ({better} is better)", "dim")
        )
        table.add_row(label, *_rewards(known, shown))
    return table


def _objective(state: ObjectiveState, shown: Callable[[float | None], str]) -> Text:
    mark, colour = MARKS[state.standing]
    return Text.assemble(f"{shown(state.value)} ", (mark, colour), justify="right")


def _rewards(known: Known, shown: Callable[[float | None], str]) -> Iterator[Text]:
    for version in known.versions:
        value = known.value(known.reward, version)
        star = ("★", "yellow") if version == known.winner else (" ", "")
        yield Text.assemble(f"{shown(value)} ", star, justify="right")
