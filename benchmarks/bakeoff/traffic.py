"""Requests of one interval in many runs at once, and what the counters show of them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .worlds import World

Floats = NDArray[np.float64]
INTERVAL = 10.0
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' default buckets, in seconds."""
COUNTERS = ("req", "conv", "err", "sum", "buckets")


@lru_cache(maxsize=64)
def buckets(latency: tuple[tuple[float, ...], ...]) -> tuple[Floats, Floats, Floats]:
    """(share, mean, variance) of a mixture of lognormals in every bucket, the open one last."""
    bounds = (0.0, *EDGES, math.inf)
    moments = np.array([[_partial(latency, b, r) for b in bounds] for r in (0, 1, 2)])
    share, first, second = np.diff(moments, axis=1)
    safe = np.where(share > 1e-12, share, 1.0)
    mean = np.where(share > 1e-12, first / safe, 0.0)
    variance = np.where(share > 1e-12, np.maximum(second / safe - mean * mean, 0.0), 0.0)
    return share / share.sum(), mean, variance


def _partial(latency: tuple[tuple[float, ...], ...], bound: float, r: int) -> float:
    """E[X^r; X ≤ bound]."""
    total = 0.0
    for share, median, sigma in latency:
        whole = share * median**r * math.exp((r * sigma) ** 2 / 2.0)
        if bound == math.inf:
            total += whole
        elif bound > 0.0:
            z = (math.log(bound / median) - r * sigma * sigma) / sigma
            total += whole * 0.5 * math.erfc(-z / 2**0.5)
    return total


class Traffic:
    """Runs of one world: draws each interval, keeps the counters, loses some of the readings."""

    def __init__(self, world: World, runs: int, seed: int) -> None:
        self.world, self.runs, self.rng = world, runs, np.random.default_rng(seed)
        shape = (runs, len(world.candidates) + 1)
        self.counters: dict[str, Floats] = {
            key: np.zeros(shape) for key in ("req", "conv", "err", "sum")
        }
        self.counters["buckets"] = np.zeros((*shape, len(EDGES) + 1))

    def interval(
        self, k: int, split: Any, rereads: int = 0
    ) -> tuple[Floats, dict[str, Floats]]:
        """(requests of each version, readings after look k: cumulative, NaN where lost).

        A reading that was lost at the last look is asked for again `rereads` times.
        """
        world, rng = self.world, self.rng
        n = rng.multinomial(rng.poisson(world.rate * INTERVAL, self.runs), split / 100.0)
        if world.reset:
            self._restart(rng.random(n.shape) < world.reset)
        for v, truth in enumerate(world.truths(k)):
            own = n[:, v]
            share = self._rate(truth.conversion * world.multiplier(k), world.icc_conversion)
            self.counters["req"][:, v] += own
            self.counters["conv"][:, v] += rng.binomial(own, share)
            errors = self._rate(truth.errors, world.icc_errors)
            self.counters["err"][:, v] += rng.binomial(own, errors)
            self._latency(v, own, truth.latency)
        again = rereads if k == world.looks else 0
        return n.astype(np.float64), self._readings(k, again)

    def _rate(self, rate: float, icc: float) -> Any:
        if not icc:
            return rate
        size = 1.0 / icc - 1.0
        return self.rng.beta(rate * size, (1.0 - rate) * size, self.runs)

    def _latency(self, v: int, n: Any, latency: tuple[tuple[float, ...], ...]) -> None:
        share, mean, variance = buckets(latency)
        counts = self.rng.multinomial(n, share)
        noise = self.rng.standard_normal(self.runs) * np.sqrt(counts @ variance)
        self.counters["sum"][:, v] += np.maximum(counts @ mean + noise, 0.0)
        self.counters["buckets"][:, v] += counts.cumsum(axis=1)

    def _restart(self, where: Any) -> None:
        for counter in self.counters.values():
            counter[where] = 0.0

    def _readings(self, k: int, rereads: int) -> dict[str, Floats]:
        world, rng, shape = self.world, self.rng, self.counters["req"].shape
        factor = rng.uniform(0.98, 1.05, shape) if world.jitter else np.ones(shape)
        found = {}
        for key, counter in self.counters.items():
            lost = (
                rng.random(shape) < world.lost ** (1 + rereads)
                if world.lost
                else np.zeros(shape, dtype=bool)
            )
            lost |= k in world.blackout
            wide = (..., None) if key == "buckets" else ...
            found[key] = np.where(lost[wide], np.nan, counter * factor[wide])
        return found


def quantile(cumulative: Floats, q: float) -> Floats:
    """`histogram_quantile`: linear inside the bucket, the last finite edge beyond it."""
    with np.errstate(all="ignore"):
        total = cumulative[..., -1:]
        rank = q * total
        place = (cumulative < rank).sum(axis=-1)
        edges = np.array([0.0, *EDGES, EDGES[-1]])
        below = np.concatenate([np.zeros_like(total), cumulative], axis=-1)
        low = np.take_along_axis(below, place[..., None], -1)[..., 0]
        high = np.take_along_axis(cumulative, np.minimum(place, len(EDGES))[..., None], -1)[
            ..., 0
        ]
        part = np.where(high > low, (rank[..., 0] - low) / (high - low), 0.0)
        last = np.minimum(place + 1, len(EDGES) + 1)
        found = edges[place] + (edges[last] - edges[place]) * part
        found = np.where(place >= len(EDGES), EDGES[-1], found)
        return np.where(total[..., 0] > 0.0, found, np.nan)
