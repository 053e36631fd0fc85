"""Rules that count failed checks: Flagger 15bd6ad5, Argo Rollouts 9f8d111d8, Kayenta a69573be."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .rules import Rule, estimates, feasible
from .traffic import Floats
from .worlds import LIMIT_ERRORS, LIMIT_MEAN, LIMIT_P95, World


class Windowed(Rule):
    """Reads each interval alone, as `rate(x[10s])` does; a restart counts from zero."""

    several = False

    def __init__(self, world: World, runs: int, seed: int) -> None:
        super().__init__(world, runs, seed)
        self.before: dict[str, Floats] = {}

    def windows(self, readings: dict[str, Floats]) -> dict[str, Floats]:
        """Point estimates of this interval alone, NaN if either of its ends was lost."""
        delta = {}
        for key, now in readings.items():
            old = self.before.get(key, np.zeros_like(now))
            with np.errstate(invalid="ignore"):
                delta[key] = np.where(now < old, now, now - old)
        self.before = readings
        return estimates(delta)


class Flagger(Windowed):
    """Step 10, max 50, threshold 5; no data is a failed check."""

    name = "Flagger"

    def opening(self) -> Any:
        """How it opens."""
        self.failed = np.zeros(self.runs)
        return self.whole(90, 10)

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        passed = feasible(self.windows(readings))[:, 1]
        self.failed += ~passed & ~self.ended
        self.rejected |= (self.failed >= 5) & ~self.ended
        self.end(self.failed >= 5, k)
        weight = self.split[:, 1]
        self.end(passed & (weight >= 50), k, 0)
        moving = passed & ~self.ended
        self.split = np.where(moving[:, None], self.split + np.array([-10, 10]), self.split)


class Argo(Windowed):
    """20, 40, 60, 80 %, two measurements each.

    Each metric has failureLimit 3 and consecutiveErrorLimit 4.
    """

    name = "Argo"

    def opening(self) -> Any:
        """How it opens."""
        self.failed, self.errors = np.zeros((3, self.runs)), np.zeros((3, self.runs))
        return self.whole(80, 20)

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        found = self.windows(readings)
        limits = (("err", LIMIT_ERRORS), ("mean", LIMIT_MEAN), ("p95", LIMIT_P95))
        for i, (key, limit) in enumerate(limits):
            value = found[key][:, 1]
            self.failed[i] += (value > limit) & ~self.ended
            self.errors[i] = np.where(np.isfinite(value), 0, self.errors[i] + 1)
        out = ((self.failed > 3) | (self.errors > 4)).any(axis=0) & ~self.ended
        self.rejected |= out
        self.end(out, k)
        if k % 2 == 0:
            weight = 20 * (k // 2 + 1)
            if weight >= 100:
                self.end(~self.ended, k, 0)
            else:
                step = self.whole(100 - weight, weight)
                self.split = np.where(self.ended[:, None], self.split, step)


class Kayenta(Windowed):
    """A fixed 10 % canary judged three times by Mann–Whitney on the intervals' values.

    98 % interval of the shift against a tolerance of a quarter of its estimate; error-rate is
    critical; marginal 75, pass 95. Beyond 60 intervals, neighbours are averaged into 60.
    """

    name = "Kayenta"
    worse: ClassVar[dict[str, float]] = {"err": 1.0, "mean": 1.0, "p95": 1.0, "conv": -1.0}

    def opening(self) -> Any:
        """How it opens."""
        self.series: dict[str, list[Floats]] = {key: [] for key in self.worse}
        return self.whole(90, 10)

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        found = self.windows(readings)
        for key, values in self.series.items():
            values.append(found[key][:, :2])
        looks = self.world.looks
        if k not in (looks // 3, 2 * looks // 3, looks):
            return
        bad = {key: self._worse(key) for key in self.worse}
        score = 100.0 - 25.0 * np.sum(list(bad.values()), axis=0)
        score = np.where(bad["err"], 0.0, score)
        out = (score < 75.0) & ~self.ended
        self.rejected |= out
        self.end(out, k)
        if k == looks:
            self.rejected |= (score < 95.0) & ~self.ended
            self.end(score < 95.0, k)
            self.end(score >= 95.0, k, 0)

    def _worse(self, key: str) -> Any:
        """Whether the candidate's intervals are significantly worse, run by run."""
        values = np.stack(self.series[key])
        if len(values) > 60:
            values = _averaged(values, 60)
        b, c = values[:, :, 0].T, values[:, :, 1].T
        found = np.zeros(self.runs, dtype=bool)
        whole = np.isfinite(b).all(axis=1) & np.isfinite(c).all(axis=1)
        if whole.any():
            found[whole] = _shifted(b[whole], c[whole], self.worse[key])
        for e in np.flatnonzero(~whole & ~self.ended):
            own_b, own_c = b[e][np.isfinite(b[e])], c[e][np.isfinite(c[e])]
            if len(own_b) and len(own_c):
                found[e] = _shifted(own_b[None], own_c[None], self.worse[key])[0]
        return found


def _averaged(values: Floats, groups: int) -> Floats:
    parts = np.array_split(values, groups)
    with np.errstate(all="ignore"):
        sums = [np.nansum(p, axis=0) / np.maximum(np.isfinite(p).sum(axis=0), 1) for p in parts]
    return np.stack(sums)


def _shifted(b: Floats, c: Floats, sign: float) -> Any:
    """Whether the 98 % interval of the shift c − b lies beyond a quarter of its estimate."""
    n, m = b.shape[1], c.shape[1]
    shifts = np.sort((sign * (c[:, :, None] - b[:, None, :])).reshape(len(b), -1), axis=1)
    spread = (n * m * (n + m + 1) / 12.0) ** 0.5
    place = max(int(np.ceil(n * m / 2.0 - 2.326 * spread)), 1)
    estimate = np.median(shifts, axis=1)
    return shifts[:, place - 1] > 0.25 * np.abs(estimate)
