"""An Experiment in the words and tables of iter8ctl (v0.1.4 to v0.1.6), to the byte.

Mended, as the quirk register asks: the star marks the best version (Q22), and a failed experiment
ends with a section that says why (Q29). Source: iter8-v2alpha2 §6.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from crossfade.domain import quantities
from crossfade_cli.tables import table

UNKNOWN = "unavailable"
EXPLAINED = {
    "Canary": (
        "> If the candidate version satisfies the experiment objectives, then it is the winner.",
        "> Otherwise, if the baseline version satisfies the experiment objectives, "
        "it is the winner.",
        "> Otherwise, there is no winner.",
    ),
    "Conformance": (
        "> If the version being validated; i.e., the baseline version, satisfies the "
        "experiment objectives, it is the winner.",
        "> Otherwise, there is no winner.",
    ),
}
OBJECTIVES = (
    "> Identifies whether or not the experiment objectives are satisfied by the most recently "
    "observed metrics values for each version."
)
REWARDS = (
    "> Identifies values of reward metrics for each version. "
    "The best version is marked with a '*'."
)
METRICS = "> Most recently read values of experiment metrics for each version."

Json = Mapping[str, Any]


def describe(experiment: Json) -> str:
    """The description of a resource with its status; begins with an empty line, as upstream."""
    sections = [section for make in _SECTIONS if (section := "\n".join(make(experiment)))]
    return "\n" + "\n\n".join(sections) + "\n"


def _overview(experiment: Json) -> Iterator[str]:
    metadata, spec = experiment.get("metadata") or {}, experiment.get("spec") or {}
    strategy = spec.get("strategy") or {}
    yield "****** Overview ******"
    yield f"Experiment name: {metadata.get('name', '')}"
    yield f"Experiment namespace: {metadata.get('namespace') or 'default'}"
    yield f"Target: {spec.get('target', '')}"
    yield f"Testing pattern: {pattern(experiment)}"
    yield f"Deployment pattern: {strategy.get('deploymentPattern') or 'Progressive'}"


def _progress(experiment: Json) -> Iterator[str]:
    status = experiment.get("status") or {}
    yield "****** Progress Summary ******"
    if status.get("stage"):
        yield f"Experiment stage: {status['stage']}"
    yield f"Number of completed iterations: {status.get('completedIterations') or 0}"


def _winner(experiment: Json) -> Iterator[str]:
    winner = _block(experiment, "winnerAssessment")
    if winner is None:
        return
    conformance = pattern(experiment) == "Conformance"
    yield "****** Winner Assessment ******"
    yield from EXPLAINED.get(pattern(experiment), ())
    if not conformance and versions(experiment):
        yield f"App versions in this experiment: [{' '.join(versions(experiment))}]"
    found = winner.get("winner") if winner.get("winnerFound") else None
    yield f"Winning version: {found or 'not found'}"
    recommended = (experiment.get("status") or {}).get("versionRecommendedForPromotion")
    if not conformance and recommended is not None:
        yield f"Version recommended for promotion: {recommended}"


def _rewards(experiment: Json) -> Iterator[str]:
    rewards = _criteria(experiment).get("rewards") or ()
    if not rewards or _block(experiment, "versionAssessments") is None:
        return
    yield "****** Reward Assessment ******"
    yield REWARDS
    yield table(
        ["Reward", *versions(experiment)],
        [[_reward_label(reward), *_reward_cells(experiment, reward)] for reward in rewards],
    )


def _reward_label(reward: Json) -> str:
    better = "lower" if reward.get("preferredDirection") == "Low" else "higher"
    return f"{reward['metric']} ({better} better)"


def _reward_cells(experiment: Json, reward: Json) -> Iterator[str]:
    values = [value(experiment, reward["metric"], v) for v in versions(experiment)]
    known = [v for v in values if v is not None]
    low = reward.get("preferredDirection") == "Low"
    best = (min if low else max)(known, default=None)
    for found in values:
        star = " *" if found is not None and found == best else ""
        yield f"{_shown(found)}{star}"


def _objectives(experiment: Json) -> Iterator[str]:
    objectives = _criteria(experiment).get("objectives") or ()
    met = _block(experiment, "versionAssessments")
    if not objectives or met is None:
        return
    yield "****** Objective Assessment ******"
    yield OBJECTIVES
    yield table(
        ["Objective", *versions(experiment)],
        [
            [_limits(objective), *(_met(met, v, at) for v in versions(experiment))]
            for at, objective in enumerate(objectives)
        ],
    )


def _limits(objective: Json) -> str:
    lower, upper = objective.get("lowerLimit"), objective.get("upperLimit")
    below = f"{_shown(quantities.parse(lower))} <= " if lower is not None else ""
    above = f" <= {_shown(quantities.parse(upper))}" if upper is not None else ""
    return f"{below}{objective['metric']}{above}"


def _met(met: Json, version: str, at: int) -> str:
    answers: Sequence[bool] = met.get(version) or ()
    return str(answers[at]).lower() if at < len(answers) else UNKNOWN


def _metrics(experiment: Json) -> Iterator[str]:
    read = _block(experiment, "aggregatedMetrics")
    if read is None:
        return
    # Without its copies of the Metrics upstream draws the heading alone.
    listed = (experiment.get("status") or {}).get("metrics") or ()
    yield "****** Metrics Assessment ******"
    yield METRICS
    yield table(
        ["Metric", *versions(experiment)],
        [
            [
                _metric_label(metric),
                *(_shown(value(experiment, metric["name"], v)) for v in versions(experiment)),
            ]
            for metric in listed
        ],
    )


def _metric_label(metric: Json) -> str:
    units = ((metric.get("metricObj") or {}).get("spec") or {}).get("units")
    return f"{metric['name']} ({units})" if units else str(metric["name"])


def _failure(experiment: Json) -> Iterator[str]:
    failed = condition(experiment, "Failed")
    if failed.get("status") != "True":
        return
    yield "****** Failure ******"
    yield f"Reason: {failed.get('reason', '')}"
    if failed.get("message"):
        yield f"Message: {failed['message']}"


_SECTIONS = (_overview, _progress, _winner, _rewards, _objectives, _metrics, _failure)


def pattern(experiment: Json) -> str:
    """The testing pattern."""
    strategy = (experiment.get("spec") or {}).get("strategy") or {}
    return str(strategy.get("testingPattern", ""))


def versions(experiment: Json) -> list[str]:
    """The names of the versions, baseline first."""
    info = (experiment.get("spec") or {}).get("versionInfo") or {}
    named = [info.get("baseline"), *(info.get("candidates") or ())]
    return [str(version["name"]) for version in named if version]


def condition(experiment: Json, kind: str) -> Json:
    """The condition of a type; empty where there is none."""
    listed = (experiment.get("status") or {}).get("conditions") or ()
    return next((c for c in listed if c.get("type") == kind), {})


def value(experiment: Json, metric: str, version: str) -> Fraction | None:
    """The last value of a metric, under the key as written or as `namespace/name` (Q1)."""
    read = _block(experiment, "aggregatedMetrics") or {}
    namespace = (experiment.get("metadata") or {}).get("namespace") or "default"
    keys = (metric, f"{namespace}/{metric}", metric.removeprefix(f"{namespace}/"))
    found = next((read[key] for key in keys if key in read), None) or {}
    written = ((found.get("data") or {}).get(version) or {}).get("value")
    return None if written is None else quantities.parse(written)


def _criteria(experiment: Json) -> Json:
    found: Json = (experiment.get("spec") or {}).get("criteria") or {}
    return found


def _block(experiment: Json, name: str) -> Json | None:
    """A block's data, once an iteration was completed and where it is there."""
    status = experiment.get("status") or {}
    block = (status.get("analysis") or {}).get(name)
    return (block.get("data") or {}) if block and status.get("completedIterations") else None


def _shown(number: Fraction | None) -> str:
    return UNKNOWN if number is None else quantities.ceil_3(number)
