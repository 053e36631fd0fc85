"""The metrics of Seldon's executor, series for series, as text for Prometheus.

Written by hand rather than with prometheus_client: three shapes of a line do not pay for four
megabytes in each model process.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["BUCKETS", "CONTENT_TYPE", "ExecutorMetrics"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
QUANTILES = (0.5, 0.75, 0.9, 0.98, 0.99, 1.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SERVER = "seldon_api_executor_server_requests_seconds"
CLIENT = "seldon_api_executor_client_requests_seconds"
# The executor keeps ten minutes for its summaries; at the seed's pace that is about as many.
REMEMBERED = 4096

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """What one set of labels has seen, in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds
        self.recent.append(seconds)


class ExecutorMetrics:
    """Durations of requests answered (server) and passed on to the model (client)."""

    def __init__(self, predictor: Mapping[str, str], model: Mapping[str, str]) -> None:
        """`predictor` labels every series, `model` those of the client in addition."""
        self._predictor = tuple(predictor.items())
        self._model = tuple(model.items())
        self._series: dict[str, dict[Labels, _Series]] = {SERVER: {}, CLIENT: {}}

    def answered(self, service: str, method: str, code: int, seconds: float) -> None:
        """One request from outside was answered; `service` is predictions, feedback, …."""
        self._observe(SERVER, self._predictor, service, method, code, seconds)

    def passed_on(self, service: str, code: int, seconds: float) -> None:
        """One call to the model returned; `service` is /predict or /send-feedback."""
        self._observe(CLIENT, self._predictor + self._model, service, "post", code, seconds)

    def _observe(
        self, name: str, labels: Labels, service: str, method: str, code: int, seconds: float
    ) -> None:
        call = (("service", service), ("method", method.lower()), ("code", str(code)))
        self._series[name].setdefault(labels + call, _Series()).observe(seconds)

    def text(self) -> str:
        """Every series in Prometheus' text format."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for name, what in ((SERVER, "server"), (CLIENT, "client")):
            series = self._series[name]
            yield f"# HELP {name} A histogram of latencies for executor {what} calls"
            yield f"# TYPE {name} histogram"
            for labels, seen in series.items():
                yield from _histogram(name, labels, seen)
            yield f"# HELP {name}_summary A summary of latencies for executor {what} calls"
            yield f"# TYPE {name}_summary summary"
            for labels, seen in series.items():
                yield from _summary(f"{name}_summary", labels, seen)


def _histogram(name: str, labels: Labels, seen: _Series) -> Iterator[str]:
    count = 0
    for bound, within in zip((*BUCKETS, math.inf), seen.buckets, strict=True):
        count += within
        yield _line(f"{name}_bucket", (*labels, ("le", _number(bound))), count)
    yield _line(f"{name}_sum", labels, seen.total)
    yield _line(f"{name}_count", labels, count)


def _summary(name: str, labels: Labels, seen: _Series) -> Iterator[str]:
    ordered = sorted(seen.recent)
    for quantile in QUANTILES:
        value = ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]
        yield _line(name, (*labels, ("quantile", _number(quantile))), value)
    yield _line(f"{name}_sum", labels, seen.total)
    yield _line(f"{name}_count", labels, sum(seen.buckets))


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {_number(value)}"


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return str(int(value)) if float(value).is_integer() else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
