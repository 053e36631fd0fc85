"""The table: which Metric becomes which kind of claim, and what is missing where it cannot.

The first row that applies decides. Source: decision-engine §2.2 and §2.10 bis; what a document
does not say is never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crossfade.resources.fields import number
from crossfade_analyzer.inference import Claim
from crossfade_analyzer.policies.mapping_asks import Ask
from crossfade_analyzer.policies.mapping_readings import (
    BoundOnSquares,
    Derived,
    SomeRequests,
    SquaresOf,
)


class Lacking(Exception):
    """What keeps a criterion from being proved: a field, and what it would have to say."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.field = where
        self.why = why


@dataclass(frozen=True, slots=True)
class Made:
    """A claim, and the readings that it needs beyond those of the back-ends."""

    claim: Claim
    derived: tuple[Derived, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """One row: what a Metric looks like, what its claim is called and reads, how it is made."""

    metric: str
    claim: str
    reads: str
    applies: Callable[[Ask], bool] = field(compare=False)
    make: Callable[[Ask], Made] = field(compare=False)


def _is_budget(ask: Ask) -> bool:
    """A count under a limit of its own; a share of requests below 1 is no budget."""
    if ask.limit is None or not (ask.counter or ask.by_time) or ask.refer("numerator"):
        return False
    return not (ask.distribution == "bernoulli" and 0.0 < ask.limit < 1.0)


def _is_gauge(ask: Ask) -> bool:
    if not ask.interval or ask.counter:
        return False
    spec = ask.metric.spec
    spread = spec.sum_of_squares or spec.upper_bound is not None
    return ask.distribution is None or (ask.distribution == "mean" and not spread)


def _budget(ask: Ask) -> Made:
    return Made(Claim(kind="budget", numerator=ask.key, **ask.common()))


def _gauge(ask: Ask) -> Made:
    """Weighted by its requests where they are counted over the same interval."""
    n = ask.requests
    if n is None or ask.document.metric(n).spec.window != "interval":
        return Made(Claim(kind="gauge", numerator=ask.key, **ask.common()))
    some = SomeRequests(f"{n}#some", n)
    claim = Claim(kind="gauge", numerator=ask.key, denominator=some.key, **ask.common())
    return Made(claim, (some,))


def _counts(ask: Ask) -> dict[str, Any]:
    """Which readings are the events and the requests; a ratio is multiplied back by its n."""
    n = ask.requests
    if n is None:
        where = "denominator" if ask.counter or ask.refer("numerator") else "sampleSize"
        raise Lacking(where, "name the Metric that counts the requests it is taken over")
    _check_windows(ask, n)
    if numerator := ask.refer("numerator"):
        _check_windows(ask, numerator)
        return {"numerator": numerator, "denominator": n}
    return {"numerator": ask.key, "denominator": n, "as_ratio": not ask.counter}


def _check_windows(ask: Ask, ref: str) -> None:
    other = ask.document.metric(ref)
    if (other.spec.window == "interval") != ask.interval:
        right = "interval" if ask.interval else "cumulative"
        raise Lacking(
            f"{other.key} spec.window", f"right would be {right}, as {ask.key} has it"
        )


def _bernoulli(ask: Ask) -> Made:
    if ask.limit is not None and not 0.0 < ask.limit < 1.0:
        where = f"{ask.side}Limit"
        raise Lacking(where, f"found {ask.limit:g}; a share of requests lies between 0 and 1")
    return Made(Claim(kind="bernoulli", **_counts(ask), **ask.common()))


def _per_time(ask: Ask) -> Made:
    numerator = ask.refer("numerator") or ask.key
    return Made(Claim(kind="poisson", numerator=numerator, exposure="time", **ask.common()))


def _poisson(ask: Ask) -> Made:
    try:
        counts = _counts(ask)
    except Lacking as lacking:
        if ask.relative and lacking.field in ("denominator", "sampleSize"):
            why = "name the Metric that counts requests, or set exposure to time"
            raise Lacking(lacking.field, why) from lacking
        raise
    return Made(Claim(kind="poisson", **counts, **ask.common()))


def _mean(ask: Ask) -> Made:
    counts, spec = _counts(ask), ask.metric.spec
    most = number(spec.upper_bound)
    if most is None and not ask.reward and not ask.relative and ask.side == "upper":
        raise Lacking("upperBound", "name the largest value possible, such as the timeout")
    squares = ask.refer("sum_of_squares")
    if squares is None and most is None:
        raise Lacking("sumOfSquares", "name it, or the largest value possible (upperBound)")
    derived = _squares(ask, counts, squares, most)
    key = derived.key if derived else squares
    claim = Claim(kind="mean", sum_of_squares=key, upper_bound=most, **counts, **ask.common())
    return Made(claim, (derived,) if derived else ())


def _squares(
    ask: Ask, counts: dict[str, Any], squares: str | None, most: float | None
) -> Derived | None:
    """How Σx² comes about where it is not read as such."""
    n = str(counts["denominator"])
    if squares is not None:
        found = ask.document.metric(squares)
        own = found.kind_of_value == "Gauge" and found.spec.sample_size
        return SquaresOf(f"{squares}#sum", squares, n) if own else None
    assert most is not None
    return BoundOnSquares(
        key=f"{ask.key}#squares",
        total=str(counts["numerator"]),
        requests=n,
        most=most,
        as_mean=bool(counts.get("as_ratio")),
        within=ask.refer("histogram"),
        limit=ask.limit if ask.side == "upper" else None,
    )


def _quantile(ask: Ask) -> Made:
    within, n, share = ask.refer("histogram"), ask.requests, ask.quantile
    if ask.relative or ask.limit is None:
        why = "a quantile is proved against a limit; compare the share beyond it as bernoulli"
        raise Lacking("distribution", why)
    if within is None:
        raise Lacking("histogram", "name a Metric that counts the requests within the limit")
    if n is None:
        raise Lacking("sampleSize", "name the Metric that counts all requests")
    if share is None:
        raise Lacking("params", "say which: histogram_quantile(0.95, …) or p95 in its name")
    _check_windows(ask, within)
    _check_windows(ask, n)
    claim = Claim(
        kind="quantile",
        denominator=n,
        buckets=((ask.limit, within),),
        quantile=share,
        **ask.common(),
    )
    return Made(claim)


def _unsaid(ask: Ask) -> Made:
    if ask.counter or "count" in ask.metric.name:
        why = "bernoulli for part of the requests, poisson for events that may exceed them"
    else:
        why = "bernoulli for a share, mean, quantile, or poisson for a count of events"
    if ask.reward:
        why += "; with exposure: time if events do not follow the split"
    raise Lacking("distribution", f"say what kind of number it is: {why}")


def _says(kind: str) -> Callable[[Ask], bool]:
    return lambda ask: ask.distribution == kind


def _no_limit(ask: Ask) -> Made:
    raise Lacking("upperLimit", "it has no limit and promises nothing")


TABLE: tuple[Shape, ...] = (
    Shape(
        "objective without a limit",
        "descriptive only",
        "the value",
        lambda ask: not ask.relative and ask.limit is None,
        _no_limit,
    ),
    Shape("Counter with an absolute limit", "budget", "the value", _is_budget, _budget),
    Shape(
        "window: interval, kind not said, or a mean without spread",
        "gauge",
        "one value an interval, weighted by sampleSize",
        _is_gauge,
        _gauge,
    ),
    Shape(
        "distribution: bernoulli",
        "bernoulli",
        "numerator ÷ denominator; a count ÷ sampleSize; a ratio × sampleSize",
        _says("bernoulli"),
        _bernoulli,
    ),
    Shape(
        "distribution: poisson, exposure: time",
        "poisson per second",
        "the count ÷ elapsed seconds, split or no split",
        lambda ask: ask.by_time,
        _per_time,
    ),
    Shape(
        "distribution: poisson",
        "poisson per request",
        "as bernoulli, but one request may have several events",
        _says("poisson"),
        _poisson,
    ),
    Shape(
        "distribution: mean",
        "mean",
        "sum ÷ sampleSize with sumOfSquares, or bounded by upperBound and histogram",
        _says("mean"),
        _mean,
    ),
    Shape(
        "distribution: quantile",
        "quantile",
        "1 − histogram ÷ sampleSize: the share beyond the limit",
        _says("quantile"),
        _quantile,
    ),
    Shape("anything else", "descriptive only", "the value", lambda _: True, _unsaid),
)
"""The first row that applies to a criterion decides."""
