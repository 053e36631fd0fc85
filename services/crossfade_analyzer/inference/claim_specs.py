"""What is claimed of a candidate: the kind of quantity, where it is read, and what would be right.

The mapping from Metric documents to these values is decision-engine §2.2; a claim knows nothing
of documents. One claim has one limit: an objective with two limits is two claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from crossfade.errors import FieldError, Malformed

from .detectors import Odds, odds_of

Kind = Literal["bernoulli", "poisson", "mean", "quantile", "gauge", "budget", "descriptive"]

SLOW_TAIL = (1.5, 2.2, 4.0, 10.0)
ERRORS = (1.5, 2.5, 5.0, 15.0, 50.0)
COUNTED, MEASURED = (0.0, 1e15), (-1e30, 1e30)
"""What a reading can be: nothing is counted below zero, or so high that one more is not seen."""


@dataclass(frozen=True)
class Claim:
    """One claim about every candidate.

    `numerator` and `denominator` name readings: events and requests (`bernoulli`, `poisson`), sum
    and requests (`mean`), value (`gauge`, `budget`, `descriptive`). `buckets` are (upper edge,
    reading) of a cumulative histogram in the limit's unit. `as_ratio`: the numerator is read as
    numerator ÷ denominator (Iter8's `sampleSize`) and multiplied back. `min_effect` (reward) and
    `margin` (objective relative to the baseline) are absolute differences in the metric's unit.
    """

    name: str
    kind: Kind
    role: Literal["objective", "reward"] = "objective"
    numerator: str | None = None
    denominator: str | None = None
    sum_of_squares: str | None = None
    buckets: tuple[tuple[float, str], ...] = ()
    as_ratio: bool = False
    window: Literal["cumulative", "interval"] = "cumulative"
    exposure: Literal["requests", "time"] = "requests"
    upper: float | None = None
    lower: float | None = None
    quantile: float = 0.95
    direction: Literal["high", "low"] = "high"
    min_effect: float = 0.0
    margin: float = 0.0
    relative_to_baseline: bool = False
    burden: Literal["prove", "monitor"] = "prove"
    upper_bound: float | None = None
    min_samples: float = 0.0
    unit: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        mistakes = [
            FieldError(f"claims[{self.name}].{where}", what) for where, what in _faults(self)
        ]
        if mistakes:
            raise Malformed(mistakes)

    @cached_property
    def paired(self) -> bool:
        """Whether candidate and baseline are compared inside each interval."""
        return self.inferred and (self.role == "reward" or self.relative_to_baseline)

    @cached_property
    def inferred(self) -> bool:
        """Whether anything can be proved; a budget and a description are only looked at."""
        return self.kind not in ("budget", "descriptive")

    @cached_property
    def proportion(self) -> bool:
        """Whether it is a share of requests under an absolute limit: exact tests apply."""
        return self.kind in ("bernoulli", "quantile") and not self.paired

    @cached_property
    def lower_is_better(self) -> bool:
        """Whether smaller values of what is counted make the claim truer."""
        return self.upper is not None if self.role == "objective" else self.direction == "low"

    @cached_property
    def sign(self) -> float:
        """+1 when more of the quantity is better, −1 when less is."""
        return -1.0 if self.lower_is_better else 1.0

    @cached_property
    def limit(self) -> float:
        """The limit in force; 0 where there is none."""
        return next((x for x in (self.upper, self.lower) if x is not None), 0.0)

    @cached_property
    def complemented(self) -> bool:
        """Whether failures are counted as requests without the event (a lower limit)."""
        return self.proportion and not self.lower_is_better

    @cached_property
    def p0(self) -> float:
        """The largest allowed share of failures; of a quantile, the share beyond the limit."""
        share = 1.0 - self.quantile if self.kind == "quantile" else self.limit
        return 1.0 - share if self.complemented else share

    @cached_property
    def margin_of_proof(self) -> float:
        """δ: how much better than the baseline must be proved (negative: may be worse)."""
        return self.min_effect if self.role == "reward" else -self.margin

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """Finite bucket edges, ascending."""
        return tuple(sorted(edge for edge, _ in self.buckets if math.isfinite(edge)))

    @cached_property
    def proof_edge(self) -> float:
        """The largest bucket edge at or below the limit: what lies above may be beyond it."""
        return max(edge for edge in self.edges if edge <= self.limit)

    @cached_property
    def alarm_edge(self) -> float:
        """The smallest bucket edge at or above the limit: what lies above is surely beyond it."""
        return min((edge for edge in self.edges if edge >= self.limit), default=self.proof_edge)

    @cached_property
    def ceiling(self) -> float:
        """What a request not yet seen might cost: the client's timeout or the last edge (§2.2)."""
        if not self.lower_is_better:
            return 0.0
        return self.upper_bound if self.upper_bound is not None else self.edges[-1]

    @cached_property
    def alternatives(self) -> tuple[float, ...]:
        """Failure shares that the alarm looks for, decision-engine §2.2."""
        factors = SLOW_TAIL if self.kind == "quantile" else ERRORS
        shares = {min(self.p0 * factor, 0.9) for factor in factors}
        above = sorted(p for p in shares if p > self.p0 * 1.05)
        return tuple(above) or tuple(1.0 - (1.0 - self.p0) / factor for factor in (2.0, 10.0))

    @cached_property
    def odds(self) -> tuple[Odds, ...]:
        """What one request says for each alternative."""
        return odds_of(self.p0, self.alternatives)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The readings of one version that must be read together, in the order of a batch."""
        key_of = dict(self.buckets)
        if self.kind == "quantile":
            total = self.denominator or key_of[math.inf]
            return (total, key_of[self.proof_edge], key_of[self.alarm_edge])
        head = [key for key in (self.denominator, self.numerator) if key]
        if self.kind == "mean":
            square = [self.sum_of_squares] if self.sum_of_squares else []
            head += square or [key_of[edge] for edge in self.edges]
        return tuple(head)

    @cached_property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The least and the most that each of `keys` can be read as."""
        signed = self.kind in ("mean", "gauge", "budget", "descriptive")
        return tuple(
            MEASURED
            if signed and key == self.numerator
            else (0.0, MEASURED[1])
            if key == self.sum_of_squares
            else COUNTED
            for key in self.keys
        )

    @cached_property
    def firm(self) -> int:
        """How many members of a batch may not fall: a mean's buckets only measure its spread."""
        return 2 if self.kind == "mean" else len(self.keys) + (self.exposure == "time")


def _faults(claim: Claim) -> list[tuple[str, str]]:
    """Every mistake of a claim as (field, what is wrong and what would be right)."""
    found = _limit_faults(claim) + _reading_faults(claim)
    if claim.kind == "poisson" and claim.exposure == "requests" and not claim.denominator:
        found.append(("denominator", "absent; name the request count, or set exposure to time"))
    return found


def _limit_faults(claim: Claim) -> list[tuple[str, str]]:
    absolute = claim.role == "objective" and not claim.relative_to_baseline
    limits = sum(x is not None for x in (claim.upper, claim.lower))
    if claim.kind == "descriptive":
        return []
    if claim.role == "objective" and limits != 1 and (absolute or limits > 1):
        return [("upper", f"{limits} limits found; one claim has exactly one, upper or lower")]
    if claim.kind == "quantile" and claim.upper is None and claim.lower is None:
        return [("upper", "a quantile needs a limit; compare exceedances as bernoulli instead")]
    if absolute and claim.kind == "bernoulli" and not 0.0 < claim.limit < 1.0:
        return [("upper", f"{claim.limit:g} found; a share of requests lies between 0 and 1")]
    if absolute and claim.kind in ("poisson", "mean") and claim.limit <= 0.0:
        return [("upper", f"{claim.limit:g} found; a positive number is needed")]
    return []


def _reading_faults(claim: Claim) -> list[tuple[str, str]]:
    if claim.kind == "quantile":
        return _quantile_faults(claim)
    if not claim.numerator:
        return [("numerator", "absent; name the reading that is counted or summed")]
    if claim.kind in ("bernoulli", "mean") and not claim.denominator:
        return [("denominator", "absent; name the reading that counts requests")]
    if claim.kind == "mean" and not (claim.sum_of_squares or claim.edges):
        return [
            ("sum_of_squares", "absent; a mean needs it, or a histogram, to know its spread")
        ]
    if (
        claim.kind == "mean"
        and not claim.paired
        and claim.lower_is_better
        and not (claim.edges or claim.upper_bound is not None)
    ):
        return [("upper_bound", "absent; without a ceiling unseen slow requests prove nothing")]
    return []


def _quantile_faults(claim: Claim) -> list[tuple[str, str]]:
    if claim.paired:
        return [("relative_to_baseline", "a quantile is only tested against its own limit")]
    if not any(edge <= claim.limit for edge in claim.edges):
        return [("buckets", f"no edge at or below {claim.limit:g}; add a bucket at the limit")]
    if not claim.denominator and math.inf not in dict(claim.buckets):
        return [("denominator", "absent; name the request count or the +Inf bucket")]
    return []
