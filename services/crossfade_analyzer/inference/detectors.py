"""The alarm: exact e-detectors on shares under a limit (§2.2, §2.5).

Shin, Ramdas & Rinaldo (NEJSDS 2023): a mixture over alternatives and over starting times of
likelihood ratios. Half of the starting mass lies at time 0, the rest is spread over the looks.
A detector is a tuple of log-sums, one for each alternative.
"""

from __future__ import annotations

import math

from .distributions import logaddexp, logsumexp

Detector = tuple[float, ...]
Odds = tuple[float, float]
"""Binomial log-likelihood ratios of one failed and of one good request."""


def fresh(alternatives: int) -> Detector:
    """A detector that has seen nothing."""
    return (math.log(0.5 / alternatives),) * alternatives if alternatives else ()


def step(
    detector: Detector,
    n: float,
    x: float,
    odds: tuple[Odds, ...],
    looks: int,
    first: bool,
    phi: float = 1.0,
) -> Detector:
    """Add a batch of n requests with x failures; φ, known before it, damps the evidence."""
    good = n - x
    if not first:
        start = math.log(0.5 / max(looks - 1, 1) / max(len(odds), 1))
        detector = tuple([logaddexp(g, start) for g in detector])
    return tuple(
        [
            g + (x * failure + good * success) / phi
            for g, (failure, success) in zip(detector, odds, strict=True)
        ]
    )


def odds_of(p0: float, alternatives: tuple[float, ...]) -> tuple[Odds, ...]:
    """What a request says for each alternative against p0, by how it ended."""
    return tuple((math.log(p / p0), math.log((1.0 - p) / (1.0 - p0))) for p in alternatives)


def log_evidence(detector: Detector) -> float:
    """Log e-value for "the share rose above its limit at some time"."""
    return logsumexp(detector) if detector else -math.inf
