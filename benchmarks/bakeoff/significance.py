"""An even split and an interval at every look: GrowthBook's sequential test, and plain peeking."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .rules import Rule, estimates, feasible
from .traffic import Floats

ALPHA, TUNING = 0.05, 5000.0


class Peeking(Rule):
    """The fixed-n 95 % interval at every look; objectives by point estimates at the decision."""

    name = "peek z"

    def opening(self) -> Any:
        """How it opens."""
        each = 100 // self.versions
        self.out = np.zeros((self.runs, self.versions - 1), dtype=bool)
        return self.whole(100 - each * (self.versions - 1), *[each] * (self.versions - 1))

    def half_width(self, variance: Floats, n: Floats) -> Floats:
        """Half the width of the interval of a difference, from its variance and both sizes."""
        return 1.959964 * np.sqrt(variance)

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        found = estimates(readings)
        p, n = found["conv"], readings["req"]
        with np.errstate(all="ignore"):
            v = np.clip(p, 0, 1) * (1 - np.clip(p, 0, 1)) / n
            d, variance = p[:, 1:] - p[:, :1], v[:, 1:] + v[:, :1]
            half = self.half_width(variance, n[:, 1:] + n[:, :1])
            better, worse = d - half > 0.0, d + half < 0.0
        ready = better & feasible(found)[:, 1:] & ~self.out
        best = np.where(ready, d, -np.inf).argmax(axis=1)
        self.end(ready.any(axis=1), k, best)
        self.out |= worse & ~self.ended[:, None]
        self.rejected |= self.out.all(axis=1) & ~self.ended
        self.end(self.out.all(axis=1), k)
        open_split = np.where(self.out, 0, self.split[:, 1:])
        open_split = np.concatenate(
            [100 - open_split.sum(axis=1, keepdims=True), open_split], axis=1
        )
        self.split = np.where(self.ended[:, None], self.split, open_split)


class GrowthBook(Peeking):
    """Asymptotic confidence sequence, tuning 5000 (8f1db44569)."""

    name = "GrowthBook seq"

    def half_width(self, variance: Floats, n: Floats) -> Floats:
        """Half the width of the sequence at total sample size n."""
        rho2 = (-2.0 * math.log(ALPHA) + math.log(-2.0 * math.log(ALPHA) + 1.0)) / TUNING
        spread = variance * n
        scale = 2.0 * (n * rho2 + 1.0) / (n * n * rho2)
        return np.sqrt(spread * scale * np.log(np.sqrt(n * rho2 + 1.0) / ALPHA))
