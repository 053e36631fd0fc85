"""Metrics: a Prometheus for the lab, real where the machine has one, embedded where not."""

from crossfade_lab.metrics.port import Prometheus, TargetGroup, read_targets
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus

__all__ = ["Prometheus", "RealPrometheus", "TargetGroup", "find_prometheus", "read_targets"]
