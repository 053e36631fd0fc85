"""What a document lets one prove: with how many requests, in how long, and what is missing.

The numbers are the engine's own before a run (decision-engine §2.13): a flawless record where that
counts, 80 % power for an effect elsewhere. The rate of requests is asked for, never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade_analyzer.inference import Claim, Plan, prospects
from crossfade_analyzer.inference.distributions import ndtri
from crossfade_analyzer.inference.needs import clean_requests, lift_requests, share_requests
from crossfade_analyzer.inference.phrases import promise
from crossfade_analyzer.inference.prospects import FARTHEST, POWER, looks_until
from crossfade_analyzer.policies.mapping import Mapped, Mapping, map_document

LIFTS = (0.5, 0.2, 0.05)
ODDS = (0.0, 1 / 3, 0.5)
"""Failures as a share of what is allowed: none, a third, half."""
MEANS = ((0.1, "a tenth of"), (0.5, "half"))


@dataclass(frozen=True, slots=True)
class Need:
    """What one proof takes: `requests` of each candidate if `case` is the truth.

    `unit` is what is counted; `iterations` at the given rate, None where that is not known.
    """

    case: str
    requests: float
    unit: str = "requests"
    iterations: int | None = None
    within: bool | None = None

    def sentence(self, interval: float) -> str:
        """The need in words."""
        text = f"{self.requests:,.0f} {self.unit} {self.case}"
        if self.iterations is None:
            return text
        if self.iterations >= FARTHEST:
            return f"{text}: never at this rate"
        fits = "" if self.within else ", more than planned"
        looks, whole = self.iterations, "iteration" if self.iterations == 1 else "iterations"
        return f"{text}: {looks:,d} {whole}, {_duration(looks * interval)}{fits}"


@dataclass(frozen=True, slots=True)
class Explained:
    """One criterion: what it promises, how it is read, and what a proof takes or lacks.

    `shape`, `because` and `reads` are the row of the mapping's table that applied; `blocks` says
    that under policy `assured` nothing can be promoted because of it. `smallest` is the difference
    from the baseline, in the metric's unit, that has 4 chances in 5 in a run as planned.
    """

    claim: str
    metric: str
    role: str
    kind: str
    shape: str
    because: str
    reads: str
    provable: bool
    blocks: bool
    monitored: bool
    proves: str
    needs: tuple[Need, ...] = ()
    smallest: float | None = None
    field: str = ""
    why: str = ""


def explain(
    document: Document, rate: float | None = None, share: float = 0.1
) -> tuple[Explained, ...]:
    """Every criterion of a document, the reward first.

    `rate` is requests per second of all versions together; `share` the baseline's own share of
    successes, from which a reward's lift is counted.
    """
    mapping = map_document(document)
    smallest = _smallest(mapping.plan, rate, share)
    return tuple(
        _explained(mapping, mapped, rate, share, smallest.get(mapped.claim.name))
        for mapped in mapping.criteria
    )


def _smallest(plan: Plan | None, rate: float | None, share: float) -> dict[str, float | None]:
    """What each reward that is a share could show in a run as planned, by claim."""
    if plan is None or not rate:
        return {}
    shares = {
        c.name: share for c in plan.claims if c.kind == "bernoulli" and c.role == "reward"
    }
    found = prospects(plan, shares, rate * plan.interval)
    return {prospect.claim: prospect.smallest_effect for prospect in found}


def rate_of(document: Document, samples: Iterable[MetricSample]) -> float | None:
    """Requests per second of all versions, from the last sample that counts them; None without."""
    plan = map_document(document).plan
    key = (plan.traffic_key or "").partition("#")[0] if plan else None  # whatever was derived
    for sample in reversed(tuple(samples)):
        values = [sample.value(v.name, key) for v in document.versions] if key else []
        known = [value for value in values if value is not None]
        if plan is not None and len(known) == len(values) > 0 and sample.elapsed_seconds > 0:
            one = plan.traffic_window == "interval"
            return sum(known) / (plan.interval if one else sample.elapsed_seconds)
    return None


def _explained(
    mapping: Mapping,
    mapped: Mapped,
    rate: float | None,
    share: float,
    smallest: float | None,
) -> Explained:
    claim, plan = mapped.claim, mapping.plan
    needs: tuple[Need, ...] = ()
    if plan is not None:
        needs = tuple(_timed(plan, claim, n, rate) for n in _needs(plan, claim, share))
    return Explained(
        claim=claim.name,
        metric=mapped.ask.key,
        role=claim.role,
        kind=claim.kind,
        shape=mapped.shape.claim if mapped.provable else "descriptive only",
        because=mapped.shape.metric,
        reads=mapped.shape.reads,
        provable=mapped.provable,
        blocks=mapped.blocks,
        monitored=mapped.ask.monitored,
        proves=_proves(mapped),
        needs=needs,
        smallest=smallest,
        field=mapped.field,
        why=mapped.why,
    )


def _proves(mapped: Mapped) -> str:
    if not mapped.provable:
        watched = mapped.ask.monitored or not mapped.blocks
        return "watched only" if watched else "nothing: no candidate can be promoted"
    text = promise(mapped.claim)
    if mapped.claim.kind == "budget":
        return f"{text} is kept or exceeded; there is nothing to prove"
    if mapped.ask.monitored:
        return f"{text} is not violated"
    return text


def _needs(plan: Plan, claim: Claim, share: float) -> Iterator[Need]:
    """What proofs of a claim take, the cheapest first."""
    z = plan.z_level
    if claim.kind == "gauge":
        yield Need("at least, more the more they vary", 5.0, "intervals")
    elif claim.proportion:
        yield from _share_needs(claim, z)
    elif claim.paired:
        yield from _lift_needs(claim, z, share)
    elif claim.kind == "mean" and claim.upper is not None:
        for share, said in MEANS:
            yield Need(
                f"at most, if the mean is {said} its limit", _mean_requests(claim, z, share)
            )


def _lift_needs(claim: Claim, z: float, share: float) -> Iterator[Need]:
    """What comparisons with the baseline take; of means nobody knows before they were seen."""
    for lift in LIFTS:
        if claim.kind == "bernoulli" and claim.role == "reward":
            found = lift_requests(share, lift, z, POWER)
            if found is not None:
                yield Need(f"if it is {lift:+.0%} from {share:.3g}", found)
        elif claim.kind == "poisson":
            yield Need(f"of the baseline if it is {lift:+.0%}", _events(lift, z), "events")


def _share_needs(claim: Claim, z: float) -> Iterator[Need]:
    for odds in ODDS:
        p = claim.p0 * odds
        found = (
            clean_requests(claim.p0, z) if p == 0.0 else share_requests(claim.p0, p, z, POWER)
        )
        case = "without a failure" if p == 0.0 else f"if failures are {p:.2g}"
        if found is not None:
            yield Need(case, found)


def _events(lift: float, z: float) -> float:
    """Events of the baseline for a proof of a lift, at an equal split."""
    return math.ceil((z + ndtri(POWER)) ** 2 * (2.0 + lift) / lift**2)


def _mean_requests(claim: Claim, z: float, share: float) -> float:
    """Requests when nothing is known of the spread but its bound: μ(B − μ) for 0 ≤ x ≤ B."""
    spread = claim.limit * max(claim.ceiling - claim.limit, 0.0)
    return math.ceil((z + ndtri(POWER)) ** 2 * spread / (claim.limit * (1.0 - share)) ** 2)


def _timed(plan: Plan, claim: Claim, need: Need, rate: float | None) -> Need:
    """A need with the iterations it takes at a rate, weights growing as planned."""
    if need.unit == "intervals":
        looks = int(need.requests)
        return Need(need.case, need.requests, need.unit, looks, looks <= plan.iterations)
    if rate is None or rate <= 0.0 or need.unit != "requests":
        return need
    wanted = need.requests / 2.0 if claim.paired else need.requests
    looks = looks_until(plan, wanted, rate * plan.interval, claim.paired)
    return Need(need.case, need.requests, need.unit, looks, looks <= plan.deciding_look)


def _duration(seconds: float) -> str:
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"
