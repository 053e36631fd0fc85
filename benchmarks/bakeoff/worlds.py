"""The worlds: what baseline and candidates really are, and how their counters lie about it.

Baseline: conversion 10 %, errors 0.3 %, latency lognormal(100 ms, σ 0.8). Objectives: errors ≤ 1 %,
mean ≤ 200 ms, p95 ≤ 500 ms. Reward: conversion. 15 looks of 10 s at 100 requests/s unless said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

CONVERSION, ERRORS = 0.10, 0.003
LIMIT_ERRORS, LIMIT_MEAN, LIMIT_P95 = 0.01, 0.200, 0.500
NORMAL = ((1.0, 0.100, 0.8),)
"""Latency as a mixture of (share, median in seconds, σ of the logarithm)."""


def with_slow(share: float, median: float, sigma: float = 0.1) -> tuple[tuple[float, ...], ...]:
    """Normal latency with a share of slow requests."""
    return ((1.0 - share, 0.100, 0.8), (share, median, sigma))


@dataclass(frozen=True)
class Truth:
    """What a version is: conversion, errors, latency."""

    conversion: float = CONVERSION
    errors: float = ERRORS
    latency: tuple[tuple[float, ...], ...] = NORMAL

    def good(self) -> bool:
        """Whether it meets every objective."""
        return (
            self.errors <= LIMIT_ERRORS
            and mean_of(self.latency) <= LIMIT_MEAN
            and beyond(self.latency, LIMIT_P95) <= 0.05
        )


@dataclass(frozen=True)
class World:
    """A scenario; `kind` is `bad`, `power`, `equal` or `reversal`.

    `later` replaces the candidates' truths from look `turn` on. `right` is the candidate that a
    perfect rule promotes, −1 the baseline.
    """

    name: str
    says: str
    kind: str
    candidates: tuple[Truth, ...]
    baseline: Truth = Truth()
    later: tuple[Truth, ...] | None = None
    turn: int = 10_000
    looks: int = 15
    rate: float = 100.0
    drift: str = ""
    lost: float = 0.0
    blackout: tuple[int, ...] = ()
    reset: float = 0.0
    jitter: bool = False
    icc_conversion: float = 0.0
    icc_errors: float = 0.0
    right: int = -1
    tags: tuple[str, ...] = field(default=())

    def truths(self, k: int) -> tuple[Truth, ...]:
        """All versions at look k, the baseline first."""
        now = self.later if self.later is not None and k >= self.turn else self.candidates
        return (self.baseline, *now)

    def bad(self, k: int) -> list[bool]:
        """Which candidates are bad at look k: an objective violated or less reward."""
        return [
            not t.good() or t.conversion < self.baseline.conversion for t in self.truths(k)[1:]
        ]

    def multiplier(self, k: int) -> float:
        """What conversion is multiplied by at look k, for every version alike."""
        part = (k - 1) / max(self.looks - 1, 1)
        if self.drift == "rising":
            return 0.5 + 1.5 * part
        if self.drift == "falling":
            return 2.0 - 1.5 * part
        if self.drift == "daily":
            return 1.0 + 0.6 * math.sin(2.0 * math.pi * k / 360.0)
        return 1.0


def mean_of(latency: tuple[tuple[float, ...], ...]) -> float:
    """Mean of a mixture of lognormals."""
    return sum(q * m * math.exp(s * s / 2.0) for q, m, s in latency)


def beyond(latency: tuple[tuple[float, ...], ...], limit: float) -> float:
    """Share of a mixture of lognormals beyond a limit."""
    return sum(q * 0.5 * math.erfc(math.log(limit / m) / s / 2**0.5) for q, m, s in latency)


def lift(times: float, **changes: object) -> Truth:
    """A version whose conversion is `times` the baseline's."""
    return replace(Truth(conversion=CONVERSION * times), **changes)  # type: ignore[arg-type]


def _bad() -> list[World]:
    good = lift(1.2)

    def bad(name: str, says: str, truth: Truth, **changes: object) -> World:
        return World(name, says, "bad", (truth,), **changes)  # type: ignore[arg-type]

    def breaks(
        name: str, says: str, after: Truth, before: Truth = good, **changes: object
    ) -> World:
        return bad(name, says, before, later=(after,), **{"turn": 8, **changes})

    five, icc = (lift(0.95),) * 5, {"icc_conversion": 0.01}
    long = {"looks": 500, "rate": 2.0}
    return [
        bad("c0", "worse −0.1 % (boundary)", lift(0.999)),
        bad("c1", "worse −5 %", lift(0.95)),
        bad("c2", "worse −20 %", lift(0.8)),
        bad("c3", "worse −50 %", lift(0.5)),
        bad("d0", "+20 %, errors 1.001 % (boundary)", lift(1.2, errors=0.01001)),
        bad("d1", "+20 %, errors 1.2 %", lift(1.2, errors=0.012)),
        bad("d2", "+20 %, errors 2 %", lift(1.2, errors=0.02)),
        bad("d3", "+20 %, errors 5 %", lift(1.2, errors=0.05)),
        bad("d4", "+20 %, errors 50 %", lift(1.2, errors=0.5)),
        bad("e1", "+20 %, mean 217 ms (time-outs)", lift(1.2, latency=with_slow(0.015, 5.4))),
        bad("e2", "+20 %, mean 423 ms (time-outs)", lift(1.2, latency=with_slow(0.04, 7.23))),
        bad("e3", "+20 %, p95: 7 % beyond", lift(1.2, latency=with_slow(0.05, 0.72))),
        bad("e4", "+20 %, p95: 19 % beyond", lift(1.2, latency=with_slow(0.175, 0.60))),
        bad("f2", "2 rps, worse −20 %", lift(0.8), rate=2.0),
        bad("f4", "2 rps, +20 %, errors 5 %", lift(1.2, errors=0.05), rate=2.0),
        bad("f6", "2000 rps, worse −2 %", lift(0.98), rate=2000.0),
        bad("f7", "2000 rps, +5 %, errors 1.2 %", lift(1.05, errors=0.012), rate=2000.0),
        bad("g2", "rising conversion, worse −10 %", lift(0.9), drift="rising"),
        breaks("h1", "+20 %, errors 10 % from look 8", lift(1.2, errors=0.10)),
        breaks("h2", "+20 %, errors 3 % from look 8", lift(1.2, errors=0.03)),
        breaks("h3", "+20 %, conversion halves at look 8", lift(0.5)),
        breaks("h4", "+20 %, time-outs from look 8", lift(1.2, latency=with_slow(0.04, 7.23))),
        World("i2", "5 candidates, all −5 %", "bad", five),
        World("i3", "5 candidates, all −0.1 %", "bad", (lift(0.999),) * 5),
        bad("j2", "30 % of readings lost, worse −5 %", lift(0.95), lost=0.3),
        bad("j3", "blackout at 14 and 15, worse −20 %", lift(0.8), blackout=(14, 15)),
        bad("k2", "counters restart (10 %), worse −5 %", lift(0.95), reset=0.1),
        bad("m1", "bursty conversion, worse −5 %", lift(0.95), tags=("clumped",), **icc),
        bad(
            "m4",
            "bursty errors 1.2 %, +20 %",
            lift(1.2, errors=0.012),
            icc_errors=0.005,
            tags=("clumped",),
        ),
        bad("n2", "baseline at the limit, worse −20 %", lift(0.8), baseline=Truth(errors=0.01)),
        bad("Lc", "500 looks, 2 rps, worse −5 %", lift(0.95), **long),
        bad("Ld", "500 looks, 2 rps, +20 %, errors 1.5 %", lift(1.2, errors=0.015), **long),
        bad(
            "Lg2",
            "500 looks, 20 rps, daily rhythm, −5 %",
            lift(0.95),
            looks=500,
            rate=20.0,
            drift="daily",
        ),
        breaks(
            "Lh",
            "500 looks, 20 rps, +10 %, errors 4 % from 250",
            lift(1.1, errors=0.04),
            lift(1.1),
            turn=250,
            looks=500,
            rate=20.0,
        ),
    ]


def _power() -> list[World]:
    def power(name: str, says: str, truth: Truth, **changes: object) -> World:
        return World(name, says, "power", (truth,), right=0, **changes)  # type: ignore[arg-type]

    several = (lift(0.9), lift(1.0), lift(1.05), lift(1.2), lift(1.3, errors=0.03))
    return [
        power("b1", "better +5 %", lift(1.05)),
        power("b2", "better +20 %", lift(1.2)),
        power("b3", "better +50 %", lift(1.5)),
        power("f1", "2 rps, better +50 %", lift(1.5), rate=2.0),
        power("f5", "2000 rps, better +2 %", lift(1.02), rate=2000.0),
        power("g3", "falling conversion, better +20 %", lift(1.2), drift="falling"),
        World(
            "i1",
            "5 candidates: 9, 10, 10.5, 12, 13 % (last: errors 3 %)",
            "power",
            several,
            right=3,
        ),
        power("j1", "30 % of readings lost, better +20 %", lift(1.2), lost=0.3),
        power("k1", "counters restart (10 %), better +20 %", lift(1.2), reset=0.1),
        power("l2", "increase() jitter, better +20 %", lift(1.2), jitter=True),
        power("m3", "bursty conversion, better +20 %", lift(1.2), icc_conversion=0.01),
        power(
            "n1", "baseline violates, candidate equal", lift(1.0), baseline=Truth(errors=0.03)
        ),
        power("Lb", "500 looks, 2 rps, better +20 %", lift(1.2), looks=500, rate=2.0),
    ]


def _equal() -> list[World]:
    def equal(name: str, says: str, **changes: object) -> World:
        return World(name, says, "equal", (Truth(),), **changes)  # type: ignore[arg-type]

    clumped = ("clumped",)
    return [
        equal("a", "equal"),
        equal("a2", "2000 rps, equal", rate=2000.0),
        equal("f3", "2 rps, equal", rate=2.0),
        equal("g1", "rising conversion, equal", drift="rising"),
        equal("l1", "increase() jitter, equal", jitter=True),
        equal("m2", "bursty conversion (ICC 1 %), equal", icc_conversion=0.01, tags=clumped),
        equal("La", "500 looks, 2 rps, equal", looks=500, rate=2.0),
        equal(
            "Lg", "500 looks, 20 rps, daily rhythm, equal", looks=500, rate=20.0, drift="daily"
        ),
    ]


def _reversals() -> list[World]:
    def turns(name: str, says: str, before: float, after: float, turn: int) -> World:
        return World(name, says, "reversal", (lift(before),), later=(lift(after),), turn=turn)

    return [
        turns("N1", "+30 %, −10 % from look 6", 1.3, 0.9, 6),
        turns("N2", "+30 %, −10 % from look 8", 1.3, 0.9, 8),
        turns("N3", "+50 %, −20 % from look 8", 1.5, 0.8, 8),
        turns("N8", "+20 %, −10 % from look 11", 1.2, 0.9, 11),
        World(
            "M5",
            "mildly bursty (ICC 0.2 %), equal",
            "equal",
            (Truth(),),
            icc_conversion=0.002,
            tags=("clumped", "added"),
        ),
    ]


CORE = (*_bad(), *_power(), *_equal())
ADDED = tuple(_reversals())
WORLDS = {world.name: world for world in (*CORE, *ADDED)}
