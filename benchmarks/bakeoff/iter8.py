"""Iter8: point estimates (analytics 742e8d7, etc3 108478b), and its Bayesian first version."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rules import Rule, estimates, feasible
from .traffic import Floats
from .worlds import LIMIT_ERRORS, LIMIT_MEAN

INCREMENT = 10
EPSILON = 0.10


def capped(wanted: Floats, old: Any) -> Floats:
    """Candidates' weights rise by at most the increment; the baseline takes what is left over."""
    found = wanted.copy()
    found[:, 1:] = np.minimum(wanted[:, 1:], old[:, 1:] + INCREMENT)
    found[:, 0] = 100.0 - found[:, 1:].sum(axis=1)
    return found


def rounded(weights: Floats, rng: np.random.Generator) -> Any:
    """Randomised rounding, version by version, sum 100."""
    left, out = np.full(len(weights), 100.0), np.zeros(weights.shape, dtype=np.int64)
    for i in range(weights.shape[1]):
        rest = weights[:, i:].sum(axis=1)
        share = np.where(rest > 0, weights[:, i] * left / np.where(rest > 0, rest, 1.0), 0.0)
        up = rng.random(len(weights)) < share - np.floor(share)
        out[:, i] = np.clip(np.floor(share) + up, 0, left)
        left = left - out[:, i]
    out[:, 0] += left.astype(np.int64)
    return out


class Iter8(Rule):
    """Winner: the unique best reward among the feasible; weights: ε-greedy with a cap."""

    name = "Iter8"

    def opening(self) -> Any:
        """How it opens."""
        found = self.whole(100, *[0] * (self.versions - 1)).astype(np.float64)
        greedy = np.full(found.shape, 100.0 * EPSILON / self.versions)
        greedy[:, 0] += 100.0 * (1.0 - EPSILON)
        return rounded(capped(greedy, found), self.rng)

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        found = estimates(readings)
        value = np.where(feasible(found) & np.isfinite(found["conv"]), found["conv"], -np.inf)
        top = value.max(axis=1, keepdims=True)
        best = (value == top) & np.isfinite(top)
        none = ~best.any(axis=1)
        indicator = best / np.maximum(best.sum(axis=1, keepdims=True), 1)
        indicator[none, 0] = 1.0
        wanted = 100.0 * (EPSILON / self.versions + (1.0 - EPSILON) * indicator)
        self.split = rounded(capped(wanted, self.split), self.rng)
        if k == self.world.looks:
            unique = best.sum(axis=1) == 1
            self.end(
                np.ones(self.runs, dtype=bool), k, np.where(unique, best.argmax(axis=1) - 1, -1)
            )


class Iter8First(Rule):
    """Beliefs: Beta(.1, .1) for shares, a normal for the mean; utility = reward × feasible.

    Wins at P > 0.99, gets traffic by its probability of winning (5 % spread evenly). It knows no
    quantiles, so p95 is not looked at.
    """

    name = "Iter8 v1"
    draws = 200

    def opening(self) -> Any:
        """How it opens."""
        each = min(INCREMENT, 50 // (self.versions - 1))
        return self.whole(100 - each * (self.versions - 1), *[each] * (self.versions - 1))

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        chance = self._chances(readings)
        wanted = 100.0 * (0.95 * chance + 0.05 / self.versions)
        split = rounded(capped(wanted, self.split), self.rng)
        self.split = np.where(self.ended[:, None], self.split, split)
        if k == self.world.looks:
            sure = chance.max(axis=1) > 0.99
            winner = np.where(sure, chance.argmax(axis=1) - 1, -1)
            self.end(np.ones(self.runs, dtype=bool), k, winner)

    def _chances(self, readings: dict[str, Floats]) -> Floats:
        """P(best) of each version by drawing from the beliefs; missing readings count as none."""
        own = {key: np.nan_to_num(readings[key]) for key in ("req", "conv", "err", "sum")}
        n, shape = own["req"], (self.draws, *own["req"].shape)

        def beta(x: Floats) -> Floats:
            x = np.minimum(x, n)
            return self.rng.beta(0.1 + x, 0.1 + n - x, shape)

        mean = own["sum"] / np.maximum(n, 1.0)
        latency = mean + self.rng.standard_normal(shape) * np.sqrt(1.0 / (1.0 + n))
        meets = (beta(own["err"]) <= LIMIT_ERRORS) & (latency <= LIMIT_MEAN)
        utility = beta(own["conv"]) * meets
        best = utility.argmax(axis=2)
        best = np.where(utility.max(axis=2) > 0.0, best, 0)
        return np.stack([(best == v).mean(axis=0) for v in range(self.versions)], axis=1)
