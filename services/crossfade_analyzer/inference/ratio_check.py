"""Sample-ratio mismatch: do the requests arrive as the weights say? See §2.11.

Lindon & Malek 2022: a mixture of multinomial likelihood ratios against tilts of one version by
e^{±0.05} and e^{±0.2}. One look's ratio is capped, which keeps the test's level and stops a
restarted counter, which looks like a vanished version for one interval, from crying wolf.
State: the log of each alternative's product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .distributions import logsumexp

TILTS = (-0.2, -0.05, 0.05, 0.2)
_GROWN = tuple((tilt, math.exp(tilt) - 1.0) for tilt in TILTS)
LOG_CAP = math.log(20.0)
LOG_WARN = math.log(20.0)
LOG_BLOCK = math.log(1000.0)

Ratios = tuple[float, ...]


def fresh(versions: int) -> Ratios:
    """Nothing seen: every product is 1."""
    return (0.0,) * (versions * len(TILTS))


def step(ratios: Ratios, requests: Sequence[float], weights: Sequence[float]) -> Ratios:
    """Add the requests of one interval; weights are those in force, in percent."""
    total, whole = math.fsum(requests), math.fsum(weights)
    logs = []
    for count, weight in zip(requests, weights, strict=True):
        for tilt, grown in _GROWN:
            log = count * tilt - total * math.log(1.0 + weight / whole * grown)
            logs.append(min(log, LOG_CAP))
    return tuple([a + b for a, b in zip(ratios, logs, strict=True)])


def log_evidence(ratios: Ratios) -> float:
    """Log e-value for a mismatch: the mean of the products."""
    return logsumexp(ratios) - math.log(len(ratios))
