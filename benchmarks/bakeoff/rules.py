"""A decision rule over many runs at once, and the engine as one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from crossfade_analyzer.inference import Claim, Plan, many, opening

from .traffic import EDGES, INTERVAL, Floats, quantile
from .worlds import LIMIT_ERRORS, LIMIT_MEAN, LIMIT_P95, World


class Rule:
    """What a rule keeps: the split in force, who was promoted (−1 nobody), who was sent back."""

    name: ClassVar[str] = ""
    several: ClassVar[bool] = True
    rereads: ClassVar[int] = 0

    def __init__(self, world: World, runs: int, seed: int) -> None:
        self.world, self.runs, self.rng = world, runs, np.random.default_rng(seed)
        self.versions = len(world.candidates) + 1
        self.split = self.opening()
        self.promoted = np.full(runs, -1)
        self.rejected = np.zeros(runs, dtype=bool)
        self.ended_at = np.full(runs, world.looks)
        self.ended = np.zeros(runs, dtype=bool)

    def opening(self) -> Any:
        """The split of the first interval."""
        raise AssertionError("a rule says how it opens")

    def whole(self, *weights: int) -> Any:
        """The same split for every run."""
        return np.tile(np.array(weights), (self.runs, 1))

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Read, decide, set the next split."""
        raise AssertionError("a rule decides at every look")

    def end(self, where: Any, k: int, promoted: Any = -1) -> None:
        """End runs: the promoted version, or the baseline, serves from now on."""
        new = where & ~self.ended
        self.promoted = np.where(new, promoted, self.promoted)
        self.ended_at = np.where(new, k, self.ended_at)
        self.ended = self.ended | new
        serving = np.eye(self.versions, dtype=np.int64)[self.promoted + 1] * 100
        self.split = np.where(self.ended[:, None], serving, self.split)


def estimates(readings: dict[str, Floats]) -> dict[str, Floats]:
    """Point estimates of every version; NaN where a reading is missing or nothing was served."""
    with np.errstate(all="ignore"):
        n = np.where(readings["req"] > 0, readings["req"], np.nan)
        return {
            "conv": readings["conv"] / n,
            "err": readings["err"] / n,
            "mean": readings["sum"] / n,
            "p95": quantile(readings["buckets"], 0.95),
        }


def feasible(found: dict[str, Floats]) -> Any:
    """Objectives met by point estimates; a missing value is not."""
    return (
        (found["err"] <= LIMIT_ERRORS)
        & (found["mean"] <= LIMIT_MEAN)
        & (found["p95"] <= LIMIT_P95)
    )


def plan_of(world: World, **changes: Any) -> Plan:
    """The world's experiment as the engine sees it: one reward, three objectives."""
    bucket_keys = tuple((edge, f"le{edge}") for edge in EDGES)
    count = f"le{math.inf}"  # of the histogram itself: read together with its buckets
    claims = (
        Claim("conversion", "bernoulli", "reward", "conv", "req"),
        Claim(
            "error-rate", "bernoulli", numerator="err", denominator="req", upper=LIMIT_ERRORS
        ),
        Claim(
            "mean-latency",
            "mean",
            numerator="sum",
            denominator=count,
            buckets=bucket_keys,
            upper=LIMIT_MEAN,
        ),
        Claim(
            "p95-latency", "quantile", denominator="req", buckets=bucket_keys, upper=LIMIT_P95
        ),
    )
    plan = Plan(
        iterations=world.looks,
        interval=INTERVAL,
        baseline="baseline",
        candidates=tuple(f"candidate-{i}" for i in range(1, len(world.candidates) + 1)),
        claims=claims,
        requests_per_interval=world.rate * INTERVAL,
    )
    return replace(plan, **changes)


class Assured(Rule):
    """The engine's own vectorised path."""

    name = "assured"
    rereads = 3
    changes: ClassVar[dict[str, Any]] = {}

    def opening(self) -> Any:
        """How it opens."""
        self.plan = plan_of(self.world, **self.changes)
        self.evidence = many.ManyEvidence.fresh(self.plan, self.runs)
        return self.whole(*opening(self.plan).values())

    def look(self, k: int, readings: dict[str, Floats]) -> None:
        """Decide at look k."""
        flat = {key: readings[key] for key in ("req", "conv", "err", "sum")}
        flat |= {
            f"le{edge}": readings["buckets"][..., i]
            for i, edge in enumerate((*EDGES, math.inf))
        }
        look = many.ManyLook(k, k * INTERVAL, self.split, flat)
        self.evidence, found = many.step(self.plan, self.evidence, look)
        out = (self.evidence.stop > 0).all(axis=1)
        self.rejected = self.rejected | (self.evidence.stop == 1).any(axis=1)
        self.ended_at = np.where(out, np.minimum(self.ended_at, k), self.ended_at)
        self.split = found.split
        promotes = found.verdict == many.VERDICTS.index("promote")
        if k >= self.world.looks or self.plan.early_stop:
            self.end(promotes, k, found.winner)


class AssuredEarly(Assured):
    """The engine with its curtailed early stop."""

    name = "assured early"
    changes: ClassVar[dict[str, Any]] = {"early_stop": True}
