"""`inference.batches` on arrays: leading axis the members of a group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crossfade_analyzer.inference.batches import LEAST
from crossfade_analyzer.inference.claim_specs import Claim

from .evidence import Bools, Floats


def plausible(readings: Floats, bounds: tuple[float, float]) -> Floats:
    """The readings, NaN in place of what cannot be one; see the scalar function."""
    known = (readings >= bounds[0]) & (readings <= bounds[1])
    known &= (np.abs(readings) >= LEAST) | (readings == 0.0)
    return np.where(known, readings, np.nan)


def group(
    claim: Claim, readings: Mapping[str, Floats], elapsed: float, shape: tuple[int, ...]
) -> Floats:
    """Readings of every version, NaN where there is none: [member, experiment, version]."""
    missing = np.full(shape, np.nan)
    found = [
        plausible(readings.get(key, missing), bounds)
        for key, bounds in zip(claim.keys, claim.bounds, strict=True)
    ]
    if claim.as_ratio and claim.denominator:
        found[1] = found[1] * found[0]
    if claim.exposure == "time":
        found.insert(0, np.full(shape, elapsed))
    return np.stack(found)


def difference(
    seen: Floats, now: Floats, by_time: bool, firm: int | None = None
) -> tuple[Floats, Bools]:
    """(what came since the snapshot, whether it is a batch); see the scalar function."""
    total = 1 if by_time else 0
    delta = now - seen
    restarted = now[total] < 0.5 * seen[total]
    fresh = np.concatenate([delta[:1], now[1:]]) if by_time else now
    valid: Bools = np.isfinite(now).all(axis=0) & (
        restarted | (delta[:firm] >= 0.0).all(axis=0)
    )
    return np.where(restarted, fresh, delta), valid


def window(claim: Claim, seen: Floats, now: Floats) -> tuple[Floats, Bools]:
    """A batch of one version's readings by the claim's window."""
    if claim.window == "cumulative":
        return difference(seen, now, claim.exposure == "time", claim.firm)
    batch = now
    if claim.exposure == "time":
        batch = np.concatenate([now[:1] - seen[:1], now[1:]])
    valid: Bools = np.asarray(np.isfinite(now).all(axis=0))
    return batch, valid


def canonical(claim: Claim, batch: Floats) -> Floats:
    """A batch as the formulas want it; see the scalar function."""
    if claim.kind == "quantile":
        n = batch[0]
        low, high = np.minimum(batch[1], n), np.minimum(batch[2], n)
        rest = (high, low) if claim.complemented else (n - low, n - high)
        return np.stack([n, *rest])
    if claim.kind == "bernoulli":
        n, x = batch[0], np.minimum(batch[1], batch[0])
        return np.stack([n, n - x if claim.complemented else x])
    if claim.kind == "mean" and not claim.sum_of_squares:
        return _per_bucket(batch)
    return batch


def _per_bucket(batch: Floats) -> Floats:
    """(n, sum, requests in each bucket, beyond the last edge)."""
    edges = np.concatenate(
        [np.zeros_like(batch[:1]), batch[2:], np.maximum(batch[:1], batch[-1:])]
    )
    return np.concatenate([batch[:2], np.maximum(np.diff(edges, axis=0), 0.0)])
