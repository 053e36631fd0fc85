"""The metrics that Iter8 installs itself, computed from what `metrics/collect` gathered.

Upstream keeps them as objects in `iter8-system`; here they are known without a cluster. One that
an author brings along comes first. Latencies are milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from crossfade.resources.experiments import API_VERSION
from crossfade.resources.metrics import Metric

PROVIDER = "iter8"
"""A Metric with this provider is never asked for: its value comes from the status."""
NAMESPACE = "iter8-system"

_REQUESTS = f"{NAMESPACE}/request-count"
_DESCRIPTIONS = {
    "request-count": "Number of requests",
    "error-count": "Number of responses with an HTTP status of 400 or more",
    "error-rate": "Fraction of responses with an HTTP status of 400 or more",
    "mean-latency": "Mean latency in milliseconds",
    **{
        f"latency-{rank}th-percentile": f"{rank}th percentile of latency in milliseconds"
        for rank in (50, 75, 90, 95, 99)
    },
}


def _metric(name: str, description: str) -> Metric:
    counts = name.endswith("-count")
    spec: dict[str, Any] = {
        "description": description,
        "type": "Counter" if counts else "Gauge",
        "provider": PROVIDER,
        "jqExpression": "dummy",
        "urlTemplate": "https://iter8.tools",
    }
    if not counts:
        spec["sampleSize"] = _REQUESTS
    metadata = {"name": name, "namespace": NAMESPACE}
    return Metric.model_validate(
        {"apiVersion": API_VERSION, "kind": "Metric", "metadata": metadata, "spec": spec}
    )


BUILTIN: Mapping[str, Metric] = MappingProxyType(
    {f"{NAMESPACE}/{name}": _metric(name, text) for name, text in _DESCRIPTIONS.items()}
)
"""By `namespace/name`."""
