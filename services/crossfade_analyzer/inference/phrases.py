"""A claim's numbers in words: what it promises, what was seen, what a proof still lacks.

What is counted over requests is told in requests, what is counted over time in time, a gauge in
intervals. An effect is only said to point the wrong way where the printed number shows it.
"""

from __future__ import annotations

import math

from .claim_specs import Claim
from .findings import ClaimFinding
from .gauges import LEAST_INTERVALS
from .needs import clean_requests
from .plan import Plan

NOTHING = 0.0005
"""A relative effect below this prints as 0.0 %."""
APART = 0.01
"""How far pooled numbers may be from the effect inside intervals before that is said."""
UNREAD, UNUSED = "no complete reading yet", "no request yet"
SMALL = 0.01
"""Of a unit of time: below it, people read a smaller unit more easily."""
_SMALLER = {"s": "ms", "ms": "µs", "µs": "ns"}


def promise(claim: Claim) -> str:
    """What the claim promises: "error-rate ≤ 0.01", "conversion above the baseline"."""
    if not claim.paired:
        side, limit = ("≤", claim.upper) if claim.upper is not None else ("≥", claim.lower)
        rate = " a second" if claim.kind == "poisson" and claim.exposure == "time" else ""
        return (
            claim.name
            if limit is None
            else f"{claim.name} {side} {measured(limit, claim.unit)}{rate}"
        )
    better, worse = ("below", "above") if claim.lower_is_better else ("above", "below")
    if claim.margin_of_proof < 0.0:
        allowed = measured(-claim.margin_of_proof, claim.unit)
        return f"{claim.name} at most {allowed} {worse} the baseline"
    asked = claim.margin_of_proof
    by = f" by {measured(asked, claim.unit)}" if asked > 0.0 else ""
    return f"{claim.name} {better} the baseline{by}"


def seen(claim: Claim, f: ClaimFinding) -> str:
    """What was seen, in numbers."""
    if f.estimate is None:
        return unseen(claim, f)
    return _compared(claim, f, f.estimate) if claim.paired else _alone(claim, f, f.estimate)


def unseen(claim: Claim, f: ClaimFinding) -> str:
    """Why there is no estimate: nothing was read, or nobody asked for anything."""
    asked_for_nothing = f.stale == 0 and claim.exposure == "requests"
    return UNUSED if asked_for_nothing and claim.inferred else UNREAD


def lacking(claim: Claim, plan: Plan, f: ClaimFinding) -> str:
    """What a proof still lacks, with a comma before it; empty where nobody can say."""
    if f.estimate is None:
        return ""
    if 0.0 < f.n < claim.min_samples:
        return f", {claim.min_samples:,.0f} requests are asked for"
    if claim.proportion and f.events <= 0.0 and f.n_more:
        return f", {clean_requests(claim.p0, plan.z_level):,.0f} clean ones needed"
    if f.n_more is not None:
        return f", about {_more(claim, f.n_more)} needed" if f.n_more >= 1.0 else ""
    if claim.kind == "gauge" and f.n < LEAST_INTERVALS:
        return f", at least {LEAST_INTERVALS} intervals needed"
    return _direction(claim, f, f.estimate)


def amount(claim: Claim, n: float) -> str:
    """So many requests, so long, or so many intervals."""
    if claim.kind == "gauge":
        return _plural(n, "interval")
    return duration(n) if claim.exposure == "time" else _plural(n, "request")


def _more(claim: Claim, n: float) -> str:
    """So many more, to two digits: it is an estimate."""
    about = round(n, 1 - math.floor(math.log10(n)))
    if claim.exposure == "time":
        return f"{duration(n, 2)} more"
    return f"{about:,.0f} more {'request' if about == 1.0 else 'requests'}"


def duration(seconds: float, digits: int = 3) -> str:
    """A duration in the largest unit of which there are two: `90 s`, `2.5 min`, `3 h`."""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{number(seconds / size, digits)} {unit}"
    return f"{number(seconds, digits)} s"


def percent(share: float) -> str:
    """A chance in whole percent; of what is to come, nothing is certain."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def _compared(claim: Claim, f: ClaimFinding, estimate: float) -> str:
    """Candidate against baseline, and the effect as it is inside each interval."""
    if claim.kind == "gauge" or f.baseline is None or f.n <= 0.0:
        own = estimate + (f.baseline or 0.0)
    else:
        own = f.events / f.n
    effect = _effect(own, f.baseline, estimate)
    if claim.exposure == "time":
        other = (f.baseline or 0.0) * f.n
        return f"{f.events:,.0f} in {duration(f.n)} against {other:,.0f}{effect}"
    each = " a request" if claim.kind == "poisson" else ""
    other = f.baseline or 0.0
    against = f"{measured(own, claim.unit, 4)}{each} against {measured(other, claim.unit, 4)}"
    return f"{against}{effect}, {amount(claim, f.n)}"


def _effect(own: float, baseline: float | None, estimate: float) -> str:
    """The relative effect in brackets; where pooling shows another one, it says how it was seen."""
    if not baseline:
        return ""
    lift, pooled = estimate / abs(baseline), (own - baseline) / abs(baseline)
    inside = " within each interval" if abs(lift - pooled) > APART * max(abs(lift), 1.0) else ""
    if lift >= 10.0:
        return f" ({1.0 + lift:,.0f} times as much{inside})"
    return f" ({0.0 if abs(lift) < NOTHING else lift:+.1%}{inside})".replace("%", " %")


def _alone(claim: Claim, f: ClaimFinding, estimate: float) -> str:
    """One version's own value under a limit."""
    value = measured(estimate, claim.unit, 4)
    if claim.kind == "bernoulli":
        return _share(claim, f)
    if claim.kind == "quantile":
        side = "within" if claim.complemented else "beyond"
        limit = measured(claim.limit, claim.unit)
        which = f"{f.events:,.0f} of {amount(claim, f.n)} {side} {limit}"
        share = f" ({100.0 * f.events / f.n:.3g} %, {100.0 * claim.p0:.3g} % allowed)"
        return which + share if f.events > 0.0 else which
    if claim.kind in ("budget", "descriptive"):
        return f"{value} so far"
    if claim.kind == "poisson" and claim.exposure == "time":
        return f"{f.events:,.0f} in {duration(f.n)} ({number(estimate, 3)} a second)"
    if claim.kind == "poisson":
        return f"{value} a request over {amount(claim, f.n)}"
    return f"{value} on average over {amount(claim, f.n)}"


def _share(claim: Claim, f: ClaimFinding) -> str:
    """A share of requests: failures where the name speaks of errors, else those with the event."""
    share = f" ({number(f.estimate or 0.0, 3)})" if f.events > 0.0 else ""
    if claim.complemented:
        return f"{f.n - f.events:,.0f} of {amount(claim, f.n)}{share}"
    if "error" in claim.name:
        return f"{_plural(f.events, 'error')} in {amount(claim, f.n)}{share}"
    return f"{f.events:,.0f} of {amount(claim, f.n)}{share}"


def _direction(claim: Claim, f: ClaimFinding, estimate: float) -> str:
    """Why no number of requests would do, as far as the effect goes that was seen."""
    if not claim.paired:
        gap = claim.sign * (estimate - claim.limit)
        if claim.kind == "quantile":
            return ", more than allowed so far"
        if abs(gap) <= NOTHING * abs(claim.limit):
            return ", right at the limit so far"
        side = "over" if claim.lower_is_better else "under"
        return f", {side} the limit so far" if gap < 0.0 else _unsteady(claim)
    better, asked = claim.sign * estimate, claim.margin_of_proof
    if asked >= 0.0 and abs(better) <= NOTHING * abs(f.baseline or 0.0):
        return ", no difference so far"
    if better > asked:
        return _unsteady(claim)
    if better > 0.0:
        return f", less than the {measured(asked, claim.unit)} asked for"
    allowed = " than allowed" if asked < 0.0 else " than the baseline"
    return f", worse{allowed} so far"


def _unsteady(claim: Claim) -> str:
    return ", but it varies too much to be sure" if claim.kind == "gauge" else ""


def _plural(n: float, noun: str) -> str:
    count = f"{n:,.0f}"
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"


def measured(x: float, unit: str, digits: int = 6) -> str:
    """A number with its unit; a time far below its unit in a smaller one: `23.8 ns`."""
    tiny = 0.0 < abs(x) < SMALL
    while tiny and abs(x) < 1.0 and unit in _SMALLER:
        x, unit = x * 1000.0, _SMALLER[unit]
    return f"{number(x, digits)} {unit}".rstrip()


def number(x: float, digits: int = 6) -> str:
    """A number as short as it can be told apart; in powers of ten only below a billionth."""
    if abs(x) >= 1e4:
        return f"{x:,.0f}"
    if 1e-9 <= abs(x) < 1e-4:
        return f"{x:.{digits - 1 - math.floor(math.log10(abs(x)))}f}".rstrip("0")
    return f"{x:,.{digits}g}"
