"""One look at many runs of one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .evidence import Bools, Floats, Ints


@dataclass(frozen=True)
class ManyLook:
    """`Look` of many experiments: `readings[key]` is [experiment, version], NaN where missing.

    Versions are in the plan's order, the baseline first; `not_ready` is [experiment, candidate].
    """

    iteration: int
    elapsed: float
    split: Ints
    readings: Mapping[str, Floats] = field(default_factory=dict)
    not_ready: Bools | None = None
