"""Splits, limits and rewards of a run as tables, for `describe`, `watch` and the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from crossfade.telling import Known, Limit, ObjectiveState, objective_states
from crossfade.telling.numbers import brief, number, quantity, spoken, unit
from crossfade.telling.objectives import chances
from crossfade.telling.sentences import focus
from crossfade_cli.trails import Trail, sparkline

BAR = 40
SPARKS = (12, 8)
METER = 8
WORDY = 90  # columns from which labels may be sentences
VALUE, LAST = 15, 24  # columns of a value with its mark and gaps, and of the last column
COLOURS = ("cyan", "green", "magenta", "yellow")
MARKS = {
    "proved": ("✓", "green"),
    "held": ("✓", "green"),
    "not-yet": ("…", "yellow"),
    "missed": ("✗", "red"),
    "unknown": ("?", "dim"),
}


def colour(at: int) -> str:
    """The colour of the version at a place in the document."""
    return COLOURS[at % len(COLOURS)]


def bars(
    versions: Sequence[str], split: Mapping[str, int], notes: Mapping[str, str] | None = None
) -> Table:
    """A bar for each version's weight, with a note beside it."""
    table = Table.grid(padding=(0, 2))
    for at, version in enumerate(versions):
        share = split.get(version, 0)
        note = Text((notes or {}).get(version, ""), "green")
        row = (Text(f"  {version}"), bar(share, colour(at)), Text(f"{share} %".rjust(5)), note)
        table.add_row(*row)
    return table


def bar(share: float, style: str, width: int = BAR) -> Text:
    """A bar that is full at 100 %."""
    filled = min(max(round(width * share / 100), 0), width)
    return Text("█" * filled, style).append("░" * (width - filled), "dim")


def plain(value: float | None) -> str:
    """A number without an exponent: these change from look to look and are compared by eye."""
    if value is None or not 0 < abs(value) < 1e-3:
        return number(value)
    return f"{value:.6f}"


def numbers(known: Known, trail: Trail, room: int) -> Table:
    """Objectives and reward by version, with their way so far and what is proved.

    `room` is how many columns there are: the way goes first where they are too few.
    """
    label = max((len(_label(known, o)) for o in known.objectives), default=0)
    drawn = _drawn(room - label, len(known.versions))
    tight = room < label + LAST + len(known.versions) * VALUE
    table = Table.grid(padding=(0, 2))
    heads: list[Text] = []
    for version in known.versions:
        head = Text(brief(version, VALUE), "bold", justify="right")
        heads += [head, *([Text("")] if drawn else [])]
    table.add_row("", *heads, Text(_heading(known), "dim"))
    states = {(s.metric, s.version): s for s in objective_states(known)}
    for limit in known.objectives:
        cells = [states[limit.metric, version] for version in known.versions]
        judged = states[limit.metric, focus(known)]
        table.add_row(
            _label(known, limit), *_objective(cells, trail, drawn), _used(judged, tight)
        )
    if known.reward:
        table.add_row(
            _reward_label(known, room), *_reward(known, trail, drawn), _earned(known, tight)
        )
    return table


def _drawn(room: int, versions: int) -> int:
    """How long each value's way may be: the longest for which there is room, else nothing."""
    return next((s for s in SPARKS if room >= LAST + versions * (s + VALUE)), 0)


def _label(known: Known, limit: Limit) -> Text:
    stand_in = ObjectiveState(
        metric=limit.metric,
        version="",
        value=None,
        lower=limit.lower,
        upper=limit.upper,
        unit=unit(known.units.get(limit.metric)),
        standing="unknown",
    )
    return Text.assemble(f"  {spoken(limit.metric)}", (f" {stand_in.limit}", "dim"))


def _heading(known: Known) -> str:
    """What the last column is about."""
    told = any(state.progress or state.enough for state in objective_states(known))
    return "seen of needed" if told else "of the limit" if known.objectives else ""


def _objective(cells: Sequence[ObjectiveState], trail: Trail, drawn: int) -> Iterator[Text]:
    for state in cells:
        mark, style = MARKS[state.standing]
        yield Text.assemble(f"{_value(state)} ", (mark, style), justify="right")
        if drawn:
            yield Text(sparkline(trail.values(state.metric, state.version), drawn), "dim")


def _value(state: ObjectiveState) -> str:
    """Its number; of a time far below its unit with the unit in which it can be read."""
    said, suffix = quantity(state.value, state.unit.strip()), state.unit
    return plain(state.value) if not suffix or said.endswith(suffix) else said


def _used(state: ObjectiveState, tight: bool) -> Text:
    """How far the candidate's proof is, or how much of the limit it uses up; `tight`: no bar."""
    share, style, words = _usage(state)
    if share is None or tight:
        return Text(words.removesuffix(f" {state.per}"), style)
    return bar(share, style, METER).append(f" {words}", "default")


def _usage(state: ObjectiveState) -> tuple[float | None, str, str]:
    """In percent, in which colour, in words; None where there is nothing to fill."""
    if state.standing == "proved":
        return None, "green", "proved"
    if state.have is not None and state.need:
        return 100 * state.have / state.need, "yellow", state.progress
    if state.standing == "not-yet" and state.enough:
        return 100, "yellow", "enough is seen"
    if state.margin is None:
        return None, "", ""
    share = 100 * max(1 - state.margin, 0)
    return share, "red" if share > 100 else "green", f"{share:,.0f} %"


def _reward_label(known: Known, room: int) -> Text:
    """Which way is better: in words where there is room for them."""
    better, arrow = ("low", "↓") if known.reward_low else ("high", "↑")
    told = f"({better} is better)" if room >= WORDY else arrow
    return Text.assemble(f"  {spoken(known.reward)}", (f" {told}", "dim"))


def _reward(known: Known, trail: Trail, drawn: int) -> Iterator[Text]:
    for version in known.versions:
        star = ("★", "yellow") if version == known.winner else (" ", "")
        value = plain(known.value(known.reward, version))
        yield Text.assemble(f"{value} ", star, justify="right")
        if drawn:
            yield Text(sparkline(trail.values(known.reward, version), drawn), "dim")


def _earned(known: Known, tight: bool) -> Text:
    """The candidate's reward beside the baseline's, and the chance that it is the best."""
    who = focus(known)
    own, other = known.value(known.reward, who), known.value(known.reward, known.baseline)
    parts = [f"{own / other:.2f}×"] if own is not None and other else []
    best = None if tight else chances(known).get(who)
    return Text(", ".join([*parts, *([f"P(best) {best:.3f}"] if best is not None else [])]))
