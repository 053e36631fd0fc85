"""The figures of a run in Slack's mrkdwn: traffic, looks, reward, objectives."""

from __future__ import annotations

from collections.abc import Sequence

from crossfade.telling import Known
from crossfade.telling.numbers import duration, number, quantity, spoken, unit
from crossfade.telling.objectives import ObjectiveState, chances
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED
from crossfade_notifier.channels.mrkdwn import FIELD, SECTION, escape, fitting

MARKS = {
    "proved": ":white_check_mark:",
    "held": ":white_check_mark:",
    "not-yet": ":hourglass_flowing_sand:",
    "missed": ":x:",
    "unknown": ":grey_question:",
}
WORST_FIRST = ("missed", "unknown", "not-yet", "held", "proved")
WIDTH = 10
MOST_OBJECTIVES = 12
MOST_VERSIONS = 5


def traffic(known: Known) -> str:
    """A bar for each version, and what was asked where it differs."""
    lines = ["*Traffic*"]
    for version, weight in known.split.items():
        asked = known.asked.get(version, weight)
        beside = f" (asked {asked} %)" if asked != weight else ""
        lines.append(f"`{_bar(weight)}` {escape(version)} {weight} %{beside}")
    return fitting(lines, FIELD) if known.split else ""


def _bar(weight: int) -> str:
    """Something is seen of the smallest share, and something is missing of the almost whole."""
    full = round(weight / 100 * WIDTH)
    if 0 < weight < 100:
        full = min(max(full, 1), WIDTH - 1)
    return "█" * full + "░" * (WIDTH - full)


def looks(known: Known) -> str:
    """How far the run is, for how long it has gone and will go, and on how many requests."""
    if not known.of:
        return ""
    lines = [f"*Look* {known.iteration} of {known.of}", *_times(known)]
    if known.requests:
        for version in known.versions:
            count = known.value(known.requests, version)
            if count is not None:
                lines.append(f"{escape(version)}: {number(count)} requests")
    return fitting(lines, FIELD)


def _times(known: Known) -> list[str]:
    end = known.ended_at or known.updated_at
    found = []
    if known.started_at is not None and end is not None and end > known.started_at:
        so_far = duration((end - known.started_at).total_seconds())
        found.append(f"took {so_far}" if known.over else f"{so_far} so far")
    left = (known.of - known.iteration) * known.interval_seconds
    waits = known.reason in (PAUSED, NEEDS_APPROVAL)
    if known.stage == "Running" and left > 0 and not waits:
        found.append(f"at most {duration(left)} to go")
    return found


def reward(known: Known) -> str:
    """What each version earns; of candidates also by how much more, and the chance to be best."""
    if not known.reward:
        return ""
    lines = [f"*{escape(spoken(known.reward).capitalize())}*"]
    suffix = unit(known.units.get(known.reward))
    for version in known.versions:
        value = known.value(known.reward, version)
        if value is not None:
            earned = f"{escape(version)} {number(value)}{suffix}"
            lines.append(f"{earned}{_beside(known, version, suffix)}")
    return fitting(lines, FIELD) if len(lines) > 1 else ""


def _beside(known: Known, version: str, suffix: str) -> str:
    """The interval of a candidate's advantage and its chance, where a policy gave them."""
    entries = [e for e in known.evidence if e.get("candidate") == version]
    told = ""
    for entry in entries:
        low, high = entry.get("low"), entry.get("high")
        if entry.get("role") == "reward" and low is not None and high is not None:
            baseline = escape(known.baseline)
            told += f" · {low:+.3g} to {high:+.3g}{suffix} beside {baseline}"
    best = chances(known).get(version)
    return told + (f" · P(best) {best:.3f}" if best is not None else "")


def objectives(known: Known, states: Sequence[ObjectiveState]) -> str:
    """One line for each objective: its mark, its limit, and where each version stands."""
    rows: dict[tuple[str, str], list[ObjectiveState]] = {}
    for state in states:
        rows.setdefault((state.metric, state.limit), []).append(state)
    order = sorted(rows.values(), key=lambda row: _worst(known, row))
    lines = [_objective(known, row) for row in order[:MOST_OBJECTIVES]]
    whole = fitting(["*Objectives*", *lines], SECTION - 40)
    rest = len(rows) - MOST_OBJECTIVES
    return whole + (f"\n_and {rest} more objectives_" if rest > 0 else "")


def _objective(known: Known, row: Sequence[ObjectiveState]) -> str:
    worst = WORST_FIRST[_worst(known, row)]
    several = len(row) > MOST_VERSIONS
    first = sorted(row, key=lambda s: WORST_FIRST.index(s.standing)) if several else row
    shown = [_standing(s, worst) for s in first[:MOST_VERSIONS]]
    shown += [f"and {len(row) - MOST_VERSIONS} more"] if several else []
    what = f"{escape(spoken(row[0].metric))} {escape(row[0].limit)}"
    return f"{MARKS[worst]} {what}: {' · '.join(shown)}"


def _worst(known: Known, row: Sequence[ObjectiveState]) -> int:
    """The place in WORST_FIRST of the candidates: the baseline's own standing decides nothing."""
    judged = [s for s in row if s.version in known.candidates] or list(row)
    return min(WORST_FIRST.index(s.standing) for s in judged)


def _standing(state: ObjectiveState, worst: str) -> str:
    own = f"{MARKS[state.standing]} " if state.standing != worst else ""
    if state.standing == "unknown":
        return (
            f"{own}{escape(state.version)} not known ({escape(state.detail or 'not read yet')})"
        )
    need = f" ({state.progress})" if state.progress and not state.enough else ""
    value = escape(quantity(state.value, state.unit.strip()))
    return f"{own}{escape(state.version)} {value}{need}"
