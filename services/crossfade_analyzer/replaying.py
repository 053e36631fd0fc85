"""Replay: a recorded run under another policy, other limits or another α.

The readings are those of the traffic as it was, so a replay answers "when would it have stopped,
and saying what", not "what would other traffic have shown"; the split it would have asked for
stands beside the one in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade.events import Assessment, MetricSample
from crossfade.resources import Document
from crossfade_analyzer.policies.port import Policy
from crossfade_analyzer.service import assess


@dataclass(frozen=True, slots=True)
class Change:
    """What a replay alters: None and empty leave the document as it is.

    `limits` are limits by metric, as written in the criteria or by its bare name: the upper one,
    or the lower one of an objective that has no other. `min_effect` is the first reward's.
    """

    policy: str | None = None
    alpha: float | None = None
    limits: tuple[tuple[str, str], ...] = ()
    min_effect: str | None = None
    early_stop: bool | None = None

    def named(self, document: Document) -> str:
        """A name for a column."""
        parts = [self.policy or document.policy]
        if self.alpha is not None:
            parts.append(f"α {self.alpha:g}")
        parts += [
            f"{metric.rpartition('/')[2]} {_sign(document, metric)} {limit}"
            for metric, limit in self.limits
        ]
        if self.min_effect is not None:
            parts.append(f"effect ≥ {self.min_effect}")
        if self.early_stop is not None:
            parts.append("may stop early" if self.early_stop else "to the end")
        return ", ".join(parts)

    def applied(self, document: Document) -> Document:
        """The document with the change. Raises Malformed with the field that cannot be so."""
        body = document.to_json()
        spec = body["experiment"]["spec"]
        decision = dict(spec.get("decision") or {})
        decision["policy"] = self.policy or document.policy
        if self.alpha is not None:
            decision["alpha"] = self.alpha
        if self.early_stop is not None:
            decision["earlyStop"] = self.early_stop
        spec["decision"] = decision
        criteria = spec.get("criteria") or {}
        for metric, limit in self.limits:
            _limited(criteria.get("objectives") or [], metric, limit)
        if self.min_effect is not None:
            _effective(criteria.get("rewards") or [], self.min_effect)
        return Document.from_json(body)


def as_judged(change: Change, document: Document, said: Sequence[Assessment]) -> Change:
    """The change under the policy that judged the run, where it names none of its own.

    A document may leave the policy to the installation; only the assessments tell which it was.
    """
    if change.policy is not None:
        return change
    judged = next((found.policy for found in reversed(said) if found.policy), "")
    return replace(
        change, policy=document.decided_by("assured" if judged == "assured" else "iter8")
    )


def _effective(rewards: list[dict[str, Any]], effect: str) -> None:
    """Ask more or less of the reward."""
    if not rewards:
        raise Malformed([FieldError("minEffect", f"found {effect}; there is no reward")])
    rewards[0]["minEffect"] = effect


def _sign(document: Document, metric: str) -> str:
    """Which way a limit on a metric points."""
    bodies = [o.model_dump() for o in document.objectives if _means(metric, o.metric)]
    return "≥" if bodies and all(o["upper_limit"] is None for o in bodies) else "≤"


def _means(written: str, metric: str) -> bool:
    return written in (metric, metric.rpartition("/")[2])


def _limited(objectives: list[dict[str, Any]], metric: str, limit: str) -> None:
    """Give the objectives on a metric another limit."""
    meant = [o for o in objectives if _means(metric, o["metric"])]
    if not meant:
        known = ", ".join(o["metric"] for o in objectives) or "none"
        raise Malformed(
            [FieldError("limit", f"found {metric}; the objectives are on: {known}")]
        )
    for objective in meant:
        lower = "upperLimit" not in objective and "lowerLimit" in objective
        objective["lowerLimit" if lower else "upperLimit"] = limit


@dataclass(frozen=True, slots=True)
class Moment:
    """One iteration of a replay: shares of all candidates together, in percent.

    `chance` is the predictive probability of a proof, the least over the claims of the candidate
    that is furthest; None without evidence.
    """

    iteration: int
    in_force: int
    asked: int
    verdict: str
    chance: float | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A run as it would have gone: when it ends, what it says, what it cost.

    `exposure` is the mean share of the candidates until the end in percent, as the traffic was;
    `asked_exposure` as the policy itself asked for; `served` the requests that the candidates had
    served by then, where the experiment counts them.
    """

    name: str
    moments: tuple[Moment, ...]
    last: Assessment | None
    served: float | None = None

    @property
    def stopped_at(self) -> int | None:
        """The iteration at which it ended; None if the recording ended first."""
        return self.last.iteration if self.last is not None and self.last.final else None

    @property
    def verdict(self) -> str:
        """The last verdict."""
        return self.last.verdict if self.last is not None else "no-data"

    @property
    def winner(self) -> str | None:
        """The winner, if there is one."""
        return self.last.winner if self.last is not None else None

    @property
    def exposure(self) -> float:
        """Mean share of the candidates in force until the end, in percent."""
        return _mean([moment.in_force for moment in self.moments])

    @property
    def asked_exposure(self) -> float:
        """Mean share of the candidates that was asked for until the end, in percent."""
        return _mean([moment.asked for moment in self.moments])

    @property
    def reason(self) -> str:
        """The first sentence of the last verdict."""
        return self.last.reasons[0].text if self.last is not None and self.last.reasons else ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "stoppedAt": self.stopped_at,
            "verdict": self.verdict,
            "winner": self.winner,
            "exposure": round(self.exposure, 2),
            "askedExposure": round(self.asked_exposure, 2),
            "served": self.served,
            "reason": self.reason,
            "moments": [
                {
                    "iteration": m.iteration,
                    "inForce": m.in_force,
                    "asked": m.asked,
                    "verdict": m.verdict,
                    "chance": m.chance,
                }
                for m in self.moments
            ],
        }


def replay(
    document: Document,
    samples: Iterable[MetricSample],
    policies: Mapping[str, Policy],
    change: Change | None = None,
) -> Replay:
    """A recorded run under a change, until it would have ended; older repeats are left out."""
    change = change or Change()
    altered = change.applied(document)
    memory: Mapping[str, Any] = {}
    moments: list[Moment] = []
    last: Assessment | None = None
    served: float | None = None
    for sample in samples:
        if sample.iteration <= (last.iteration if last else 0):
            continue
        last, memory = assess(policies, altered, memory, sample)
        moments.append(_moment(altered, sample, last))
        served = served_by(document, sample, served)
        if last.final:
            break
    return Replay(change.named(document), tuple(moments), last, served)


def as_it_ran(
    document: Document, samples: Iterable[MetricSample], assessments: Iterable[Assessment]
) -> Replay:
    """The run as it went, from its own assessments."""
    said = {assessment.iteration: assessment for assessment in assessments}
    moments: list[Moment] = []
    last: Assessment | None = None
    served: float | None = None
    for sample in samples:
        found = said.get(sample.iteration)
        if found is not None and found.iteration > (last.iteration if last else 0):
            last = found
            moments.append(_moment(document, sample, found))
            served = served_by(document, sample, served)
    return Replay("as it ran", tuple(moments), last, served)


def served_by(
    document: Document, sample: MetricSample, before: float | None = None
) -> float | None:
    """Requests that the candidates had served at a sample; `before` where it does not say."""
    count = document.criteria.request_count
    if count is None:
        return before
    key, names = document.key(count), {version.name for version in document.candidates}
    found = [
        reading.value
        for reading in sample.readings
        if reading.metric == key and reading.version in names and reading.value is not None
    ]
    return sum(found) if found else before


def _moment(document: Document, sample: MetricSample, said: Assessment) -> Moment:
    names = [version.name for version in document.candidates]
    return Moment(
        iteration=sample.iteration,
        in_force=sum(sample.split.get(name, 0) for name in names),
        asked=sum(said.split.get(name, 0) for name in names),
        verdict=said.verdict,
        chance=_chance(said),
    )


def _chance(said: Assessment) -> float | None:
    least: dict[str, float] = {}
    for entry in said.evidence:
        if entry.get("pp") is None or entry.get("monitored") or entry.get("waived"):
            continue
        name = str(entry["candidate"])
        least[name] = min(least.get(name, 1.0), float(entry["pp"]))
    return max(least.values()) if least else None


def _mean(shares: list[int]) -> float:
    return sum(shares) / len(shares) if shares else 0.0
