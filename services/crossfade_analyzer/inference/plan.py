"""What was decided before the first request: the plan of a run, and one look at it.

Levels are those of decision-engine §2.6: 5 % of α watches the baseline, the rest is divided by
the number of candidates, never by the number of claims (intersection–union, Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from crossfade.errors import FieldError, Malformed

from .claim_specs import Claim
from .distributions import ndtri

FUTILITY_ASKED = 15
"""How often futility is asked in a run, at most; a run of fewer looks asks at every one.

Each time it is asked it may stop a good candidate (explanation/decisions, world Lb).
"""


@dataclass(frozen=True)
class Plan:
    """A run as planned; `iterations` may grow at any time before the deciding look.

    `requests_per_interval` is the pre-flight forecast of all versions' requests, if known.
    `soak` (seconds) moves the deciding look before the end: the proof must then outlive it.
    """

    iterations: int
    interval: float
    baseline: str
    candidates: tuple[str, ...]
    claims: tuple[Claim, ...]
    alpha: float = 0.05
    rollback_alpha: float = 0.05
    futility: float = 0.02
    max_candidate_weight_increment: int = 10
    max_candidate_weight: int = 100
    soak: float = 0.0
    early_stop: bool = False
    requests_per_interval: float | None = None

    def __post_init__(self) -> None:
        mistakes = [FieldError(where, what) for where, what in _faults(self)]
        if mistakes:
            raise Malformed(mistakes)

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """All versions, the baseline first."""
        return (self.baseline, *self.candidates)

    @cached_property
    def deciding_look(self) -> int:
        """The look at which the last of the evidence is spent; what follows is soak."""
        return max(1, self.iterations - math.ceil(self.soak / self.interval))

    @cached_property
    def last_third(self) -> int:
        """Looks after this one are the recent ones that may not contradict (§2.3)."""
        return self.iterations - max(1, self.iterations // 3)

    def recent(self, iteration: int) -> int:
        """Whether a look lies in the last third (2), the second half (1) or before (0)."""
        if iteration > self.last_third:
            return 2
        return 1 if iteration > self.iterations // 2 else 0

    def asks_futility(self, iteration: int) -> bool:
        """Whether a look is one of those, evenly spread, at which a candidate may be futile."""
        asked = min(FUTILITY_ASKED, self.deciding_look)
        return (
            iteration * asked // self.deciding_look
            > (iteration - 1) * asked // self.deciding_look
        )

    @cached_property
    def level(self) -> float:
        """The level of one claim of one candidate: 0.95 α / C."""
        return 0.95 * self.alpha / len(self.candidates)

    @cached_property
    def z_level(self) -> float:
        """The normal quantile of `level`."""
        return ndtri(1.0 - self.level)

    @cached_property
    def z_curtailed(self) -> float:
        """The same for a curtailed test, level 0.95 of it (§2.9)."""
        return ndtri(1.0 - 0.95 * self.level)

    @cached_property
    def proportions(self) -> int:
        """How many claims carry an alarm."""
        return sum(claim.proportion for claim in self.claims)

    @cached_property
    def log_alarm(self) -> float:
        """Log e-value at which a candidate is rejected: level rollback_alpha / (alarms · C)."""
        return math.log(max(self.proportions, 1) * len(self.candidates) / self.rollback_alpha)

    @cached_property
    def log_baseline_alarm(self) -> float:
        """Log e-value at which the baseline is held to violate: level 0.05 α / alarms."""
        return math.log(max(self.proportions, 1) / (0.05 * self.alpha))

    @cached_property
    def traffic_key(self) -> str | None:
        """The reading that counts requests."""
        keys = (c.keys[0] for c in self.claims if c.denominator or c.kind == "quantile")
        return next(keys, None)

    @cached_property
    def traffic_window(self) -> str:
        """Whether that reading is cumulative or of one interval."""
        found = (c.window for c in self.claims if self.traffic_key in c.keys)
        return next(found, "cumulative")

    @cached_property
    def slots(self) -> tuple[tuple[int, int], ...]:
        """(claim, version) of every line of evidence, claim by claim, the baseline first."""
        return tuple(
            (j, v)
            for j, claim in enumerate(self.claims)
            for v in range(1 if claim.paired else 0, len(self.versions))
        )

    @cached_property
    def comparisons(self) -> tuple[tuple[int, ...], ...]:
        """Candidates' lines that share a dispersion: a pair's all together, others each alone."""
        found: list[tuple[int, ...]] = []
        for j, claim in enumerate(self.claims):
            mine = [i for i, (k, v) in enumerate(self.slots) if k == j and v > 0]
            found += [tuple(mine)] if claim.paired else [(i,) for i in mine]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Look:
    """What was read at one instant: `readings[version][key]`, None where there is no value.

    `elapsed` is in seconds since the start, `split` the integer weights in force when it was read.
    A candidate named in `not_ready` is not raised.
    """

    iteration: int
    elapsed: float
    split: Mapping[str, int]
    readings: Mapping[str, Mapping[str, float | None]]
    not_ready: frozenset[str] = field(default_factory=frozenset)


def _faults(plan: Plan) -> list[tuple[str, str]]:
    """Every mistake of a plan as (field, what is wrong and what would be right)."""
    checks = [
        ("iterations", plan.iterations, plan.iterations >= 1, "at least 1"),
        ("interval", plan.interval, plan.interval > 0, "a positive number of seconds"),
        ("candidates", plan.versions, _distinct(plan), "distinct names, at least one"),
        ("alpha", plan.alpha, 0.0 < plan.alpha <= 0.5, "a level in (0, 0.5]"),
        ("futility", plan.futility, 0.0 <= plan.futility < 1.0, "a probability below 1"),
        ("soak", plan.soak, plan.soak >= 0.0, "seconds, 0 or more"),
    ]
    risk, weight = plan.rollback_alpha, plan.max_candidate_weight
    increment = plan.max_candidate_weight_increment
    checks += [
        ("rollback_alpha", risk, 0.0 < risk <= 0.5, "a level in (0, 0.5]"),
        ("max_candidate_weight", weight, 0 <= weight <= 100, "a percentage"),
        ("max_candidate_weight_increment", increment, 0 <= increment <= 100, "a percentage"),
    ]
    return [(where, f"{found} found; {right}") for where, found, ok, right in checks if not ok]


def _distinct(plan: Plan) -> bool:
    return bool(plan.candidates) and len(set(plan.versions)) == len(plan.versions)
