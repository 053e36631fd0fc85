"""Point comparisons: which versions meet their objectives, and which earns the most.

Source: v2alpha2 §4.2 and §4.3. Limits are inclusive; an unknown value meets no objective; only
the first reward counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crossfade.events import MetricSample
from crossfade.resources import Direction, Document, Objective, TestingPattern


@dataclass(frozen=True, slots=True)
class Told:
    """A block's message in its three parts."""

    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def __str__(self) -> str:
        errors, warnings, infos = map(", ".join, (self.errors, self.warnings, self.infos))
        return f"Error: {errors}; Warning: {warnings}; Info: {infos}"


@dataclass(frozen=True, slots=True)
class Scores:
    """By version: one answer an objective; the best versions; the winner, if there is one."""

    met: dict[str, tuple[bool, ...]]
    best: tuple[str, ...] = ()
    winner: str | None = None
    warnings: tuple[str, ...] = ()
    told: Told | None = field(default_factory=Told)

    def feasible(self, version: str) -> bool:
        """Whether a version meets all objectives; without objectives every version does."""
        return all(self.met.get(version, ()))


def meets(value: float | None, objective: Objective) -> bool:
    """Whether a known value lies within both limits, the limits included."""
    if value is None:
        return False
    upper, lower = objective.upper, objective.lower
    return (upper is None or value <= upper) and (lower is None or value >= lower)


def score(document: Document, sample: MetricSample) -> Scores:
    """Objectives, best versions and winner of one sample."""
    names = [version.name for version in document.versions]
    met: dict[str, tuple[bool, ...]] = {}
    warnings: list[str] = []
    read, judged = sample.values_read, document.judged
    if document.criteria.objectives is not None:
        for name in names:
            met[name] = tuple([meets(read.get((name, key)), one) for one, key in judged])
        warnings += [
            f"Value for {objective.metric} metric and {name} version is None."
            for objective, key in judged
            for name in names
            if read.get((name, key)) is None
        ]
    scores = Scores(met, warnings=tuple(warnings))
    feasible = [name for name in names if scores.feasible(name)]
    best, winner, told = _winner(document, sample, names, feasible)
    return Scores(met, best, winner, tuple(warnings), told)


Verdict = tuple[tuple[str, ...], str | None, Told | None]


def _winner(
    document: Document, sample: MetricSample, names: Sequence[str], feasible: Sequence[str]
) -> Verdict:
    if document.pattern in (TestingPattern.A_B, TestingPattern.A_B_N):
        return _by_reward(document, sample, feasible)
    if document.pattern is TestingPattern.CONFORMANCE:
        said = "baseline satisfies all objectives"
    elif names[1] in feasible:
        return (names[1],), names[1], Told(infos=("candidate satisfies all objectives",))
    else:
        said = "baseline satisfies all objectives; candidate does not"
    if names[0] in feasible:
        return (names[0],), names[0], Told(infos=(said,))
    return (), None, None


def _by_reward(document: Document, sample: MetricSample, feasible: Sequence[str]) -> Verdict:
    if not document.rewards:
        missing = (
            "No reward metric in experiment. Winner assessment cannot be computed "
            "for ab or abn experiments without reward metric."
        )
        return (), None, Told(warnings=(missing,))
    reward = document.rewards[0]
    key = document.key(reward.metric)
    values = {name: sample.value(name, key) for name in feasible}
    unknown = tuple(
        f"reward value for feasible version {name} is not available"
        for name, value in values.items()
        if value is None
    )
    best = _best(values, reward.preferred_direction is Direction.HIGH)
    if len(best) == 1:
        return best, best[0], Told(unknown, ("found unique winner",))
    if best:
        tie = "no unique winner; two or more feasible versions with same reward value"
        return best, None, Told(unknown, (tie,))
    nobody = () if feasible else ("no version satisfies all objectives",)
    return (), None, Told(unknown, nobody)


def _best(values: dict[str, float | None], highest: bool) -> tuple[str, ...]:
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return ()
    top = (max if highest else min)(known.values())
    return tuple(name for name, value in known.items() if value == top)


def failed(
    document: Document, sample: MetricSample, versions: Iterable[str]
) -> list[tuple[str, Objective, float]]:
    """Known values outside their limits: (version, objective, value). Unknown is not failed."""
    found = []
    for name in versions:
        for objective, key in document.judged:
            value = sample.value(name, key)
            if value is not None and not meets(value, objective):
                found.append((name, objective, value))
    return found
