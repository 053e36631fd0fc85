"""Metrics: a Prometheus for the lab, the real one where the machine has it, embedded where not.

    async with open_metrics(directory, targets_file, 1.0) as prometheus:
        prometheus.kind, prometheus.url, await prometheus.scrapes()

Both take the same targets file and answer the same HTTP API; the embedded one is held to the
real one by comparison in `tests/metrics`.
"""

from crossfade_lab.metrics.choice import find, open_metrics
from crossfade_lab.metrics.embedded import EmbeddedPrometheus
from crossfade_lab.metrics.port import Prometheus, TargetGroup, read_targets
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus

__all__ = [
    "EmbeddedPrometheus",
    "Prometheus",
    "RealPrometheus",
    "TargetGroup",
    "find",
    "find_prometheus",
    "open_metrics",
    "read_targets",
]
