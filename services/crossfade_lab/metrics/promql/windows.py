"""Functions over a range: how a window of samples becomes one number, or none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from crossfade_lab.metrics.promql.values import Window, total

__all__ = ["OVER", "deviation", "predicted"]


def _extrapolated(window: Window, *, counter: bool) -> float | None:
    """The growth over the whole range, from the growth between first and last sample.

    It is stretched to a range's end where a sample stands within 1.1 of the usual distance of
    it, by half a distance otherwise, and for a counter never to before its zero.
    """
    if len(window.times) < 2:
        return None
    grown = _grown(window.values, counter=counter)
    sampled = (window.times[-1] - window.times[0]) / 1000
    usual = sampled / (len(window.times) - 1)
    to_start = (window.times[0] - window.start) / 1000
    to_end = (window.end - window.times[-1]) / 1000
    if counter and grown > 0 and window.values[0] >= 0:
        to_start = min(to_start, sampled * (window.values[0] / grown))
    reach = sampled
    reach += to_start if to_start < usual * 1.1 else usual / 2
    reach += to_end if to_end < usual * 1.1 else usual / 2
    return grown * (reach / sampled)


def _grown(values: Sequence[float], *, counter: bool) -> float:
    resets = (a for a, b in pairwise(values) if b < a) if counter else ()
    return values[-1] - values[0] + sum(resets)


def _increase(window: Window) -> float | None:
    return _extrapolated(window, counter=True)


def _delta(window: Window) -> float | None:
    return _extrapolated(window, counter=False)


def _rate(window: Window) -> float | None:
    grown = _extrapolated(window, counter=True)
    return None if grown is None else grown / ((window.end - window.start) / 1000)


def _last_step(window: Window) -> tuple[float, float, float] | None:
    """The last two values and the seconds between them."""
    if len(window.times) < 2:
        return None
    return window.values[-2], window.values[-1], (window.times[-1] - window.times[-2]) / 1000


def _irate(window: Window) -> float | None:
    step = _last_step(window)
    if step is None:
        return None
    before, after, seconds = step
    return (after if after < before else after - before) / seconds


def _idelta(window: Window) -> float | None:
    step = _last_step(window)
    return None if step is None else step[1] - step[0]


def _extreme(values: Sequence[float], choose: Callable[..., float]) -> float:
    numbers = [v for v in values if not math.isnan(v)]
    return choose(numbers) if numbers else math.nan


def deviation(values: Sequence[float]) -> float:
    """The variance of the values as a whole population."""
    mean = total(values) / len(values)
    return total((v - mean) ** 2 for v in values) / len(values)


def _changes(window: Window) -> float:
    pairs = pairwise(window.values)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs))


def _resets(window: Window) -> float:
    return float(sum(b < a for a, b in pairwise(window.values)))


def _line(window: Window, zero_ms: int) -> tuple[float, float]:
    """Slope a second and value at `zero_ms` of the least squares line."""
    first = window.values[0]
    if all(v == first for v in window.values):
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    n = len(window.times)
    xs = [(at - zero_ms) / 1000 for at in window.times]
    sum_x, sum_y = total(xs), total(window.values)
    shared = total(x * y for x, y in zip(xs, window.values, strict=True)) - sum_x * sum_y / n
    slope = shared / (total(x * x for x in xs) - sum_x * sum_x / n)
    return slope, sum_y / n - slope * sum_x / n


def _deriv(window: Window) -> float | None:
    return _line(window, window.times[0])[0] if len(window.times) > 1 else None


def predicted(window: Window, at_ms: int, seconds: float) -> float | None:
    """The line's value `seconds` after `at_ms`."""
    if len(window.times) < 2:
        return None
    slope, value = _line(window, at_ms)
    return slope * seconds + value


OVER: dict[str, Callable[[Window], float | None]] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "irate": _irate,
    "idelta": _idelta,
    "changes": _changes,
    "resets": _resets,
    "deriv": _deriv,
    "sum_over_time": lambda w: total(w.values),
    "avg_over_time": lambda w: total(w.values) / len(w.values),
    "min_over_time": lambda w: _extreme(w.values, min),
    "max_over_time": lambda w: _extreme(w.values, max),
    "count_over_time": lambda w: float(len(w.values)),
    "last_over_time": lambda w: w.values[-1],
    "present_over_time": lambda _: 1.0,
    "stdvar_over_time": lambda w: deviation(w.values),
    "stddev_over_time": lambda w: math.sqrt(deviation(w.values)),
}
"""By name; None leaves the series out."""
