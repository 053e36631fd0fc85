"""The alarm: exact e-detectors on shares under a limit (§2.2, §2.5).

Shin, Ramdas & Rinaldo (NEJSDS 2023): a mixture over alternatives and over starting times of
likelihood ratios. Half of the starting mass lies at time 0, the rest is spread over the looks.
A detector is a tuple of log-sums, one for each alternative.
"""

from __future__ import annotations

import math

from .distributions import logaddexp, logsumexp

Detector = tuple[float, ...]


def fresh(alternatives: int) -> Detector:
    """A detector that has seen nothing."""
    return (math.log(0.5 / alternatives),) * alternatives if alternatives else ()


def step(
    detector: Detector,
    n: float,
    x: float,
    p0: float,
    alternatives: tuple[float, ...],
    looks: int,
    first: bool,
    phi: float = 1.0,
) -> Detector:
    """Add a batch of n requests with x failures; φ, known before it, damps the evidence."""
    start = math.log(0.5 / max(looks - 1, 1) / max(len(alternatives), 1))
    return tuple(
        (g if first else logaddexp(g, start)) + log_ratio(n, x, p0, p) / phi
        for g, p in zip(detector, alternatives, strict=True)
    )


def log_ratio(n: float, x: float, p0: float, p: float) -> float:
    """Binomial log-likelihood ratio of share p against share p0."""
    return x * math.log(p / p0) + (n - x) * math.log((1.0 - p) / (1.0 - p0))


def log_evidence(detector: Detector) -> float:
    """Log e-value for "the share rose above its limit at some time"."""
    return logsumexp(detector) if detector else -math.inf
