"""Which Prometheus this machine gets: the real one on PATH, else the embedded one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from crossfade_lab.metrics.embedded import EmbeddedPrometheus
from crossfade_lab.metrics.port import Prometheus
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus

__all__ = ["Kind", "find", "open_metrics"]

Kind = Literal["real", "embedded"]


def find() -> Kind:
    """`real` where there is a `prometheus` on PATH, `embedded` where there is none."""
    return "embedded" if find_prometheus() is None else "real"


def open_metrics(
    directory: Path,
    targets_file: Path,
    scrape_interval_seconds: float = 1.0,
    *,
    kind: Kind | None = None,
) -> Prometheus:
    """A Prometheus not started yet (`async with` does that), of `kind` or the one found here."""
    chosen = EmbeddedPrometheus if (kind or find()) == "embedded" else RealPrometheus
    return chosen(directory, targets_file, scrape_interval_seconds)
