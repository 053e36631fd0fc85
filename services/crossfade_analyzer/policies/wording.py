"""Reasons in plain words: one sentence with its numbers, and a code for machines."""

from __future__ import annotations

from crossfade.events import MetricSample, Reason
from crossfade.resources import Direction, Document, Objective
from crossfade_analyzer.inference.phrases import number as told
from crossfade_analyzer.policies.scores import Scores, failed


def reasons(document: Document, sample: MetricSample, scores: Scores) -> tuple[Reason, ...]:
    """Why a point comparison came out as it did, the winner's reason first."""
    found = [_winner(document, sample, scores)]
    names = [version.name for version in document.versions]
    found += [
        Reason(code="objective-missed", text=missed(name, objective, value))
        for name, objective, value in failed(document, sample, names)
    ]
    found += _unknown(sample)
    return tuple(found)


def missed(version: str, objective: Objective, value: float) -> str:
    """One objective that a version does not meet."""
    return f"{version} misses {limit(objective)}: it is at {number(value)}"


def limit(objective: Objective) -> str:
    """An objective as a person would write it: `error-rate ≤ 0.01`."""
    name = short(objective.metric)
    lower = f"{number(objective.lower)} ≤ " if objective.lower is not None else ""
    upper = f" ≤ {number(objective.upper)}" if objective.upper is not None else ""
    return f"{lower}{name}{upper}"


def short(metric: str) -> str:
    """A metric's name without its namespace."""
    return metric.rpartition("/")[2]


def number(value: float) -> str:
    """A number as short as it can be told apart."""
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e4 else told(value, 4)


def _winner(document: Document, sample: MetricSample, scores: Scores) -> Reason:
    if scores.winner is None:
        return _nobody(document, scores)
    if not document.rewards:
        text = f"{scores.winner} meets every objective"
        return Reason(code="objectives-met", text=text)
    rivals = [
        v.name for v in document.versions if v.name != scores.winner and scores.feasible(v.name)
    ]
    if document.objectives and not rivals:
        text = f"{scores.winner} alone meets every objective"
        return Reason(code="objectives-met", text=text)
    reward = document.rewards[0]
    name, key = short(reward.metric), document.key(reward.metric)
    own = sample.value(scores.winner, key)
    others = [
        f"{rival} {number(value)}"
        for rival in rivals
        if (value := sample.value(rival, key)) is not None
    ]
    word = "most" if reward.preferred_direction is Direction.HIGH else "least"
    against = f" ({number(own or 0.0)} against {', '.join(others)})" if others else ""
    held = " and meets every objective" if document.objectives else ""
    text = f"{scores.winner} has the {word} {name}{against}{held}"
    return Reason(code="best-reward", text=text)


def _nobody(document: Document, scores: Scores) -> Reason:
    if len(scores.best) > 1:
        text = f"{' and '.join(scores.best)} earn the same: nobody wins"
        return Reason(code="tie", text=text)
    if not any(scores.feasible(v.name) for v in document.versions):
        text = "no version is known to meet every objective"
        return Reason(code="nobody-meets-the-objectives", text=text)
    held = " of the versions that meet every objective" if document.objectives else ""
    return Reason(code="no-reward", text=f"the reward{held} is not known yet")


def _unknown(sample: MetricSample) -> list[Reason]:
    return [
        Reason(
            code=f"absent/{reading.absent}",
            text=f"{short(reading.metric)} of {reading.version} is unknown: "
            f"{reading.detail or reading.absent}",
        )
        for reading in sample.readings
        if reading.value is None
    ]
