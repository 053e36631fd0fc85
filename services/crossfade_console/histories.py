"""A run's looks, one small JSON text each, never more than a bound: older ones are thinned out.

Kept as bytes: a thousand runs then weigh megabytes, and a page needs no work to send them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade.events import Assessment, Event, MetricSample, WeightChange
from crossfade.telling import Known
from crossfade.telling.objectives import about, claims
from crossfade_console.proofs import walked

Point = dict[str, Any]


@dataclass(slots=True)
class History:
    """The points of a run, the last one still open.

    A point: iteration `i`, `at`, split in force `s`, asked `w`, observed `o`, measured `m`, values
    `v` by metric and version, absences `x`, verdict `d`, winner `win`, reward intervals `r`,
    evidence `e` by candidate and claim.
    """

    limit: int
    last: Point = field(default_factory=dict)
    older: list[bytes] = field(default_factory=list)
    spark: list[int] = field(default_factory=list)
    """All candidates' share together, at every change."""
    _counts: dict[str, float] = field(default_factory=dict)

    def take(self, event: Event, known: Known) -> None:
        """Add what an event says about its iteration."""
        if isinstance(event, WeightChange):
            self._weigh(event, known)
        elif isinstance(event, MetricSample) and event.iteration > 0:
            self._open(event.iteration, event.at.isoformat())
            self.last |= self._sampled(event, known)
        elif isinstance(event, Assessment):
            self._open(event.iteration, "")
            self.last |= _assessed(event, known)

    def points(self, since: int = -1) -> bytes:
        """The points from an iteration on, as one JSON array."""
        if since >= self.last.get("i", -1) and self.last:
            return b"[" + orjson.dumps(self.last) + b"]"
        return b"[" + b",".join(self._texts()) + b"]"

    @property
    def measured(self) -> Mapping[str, float]:
        """The share of requests that each version got at the last look; empty where unknown."""
        found: Mapping[str, float] = self.last.get("m", {})
        return found

    def _texts(self) -> Iterator[bytes]:
        yield from self.older
        if self.last:
            yield orjson.dumps(self.last)

    def _weigh(self, event: WeightChange, known: Known) -> None:
        if event.cause == "found":
            self._open(0, "")
            self.last |= {"s": event.observed}
        if event.iteration >= self.last.get("i", -1):
            self._open(event.iteration, "")
            self.last["o"] = event.observed
            if event.action:  # it was told to: nothing is amiss between asked and observed
                self.last["w"] = event.observed
        self.spark.append(sum(event.observed.get(name, 0) for name in known.candidates))
        if len(self.spark) > 60:
            del self.spark[1:-1:2]

    def _open(self, iteration: int, at: str) -> None:
        """Make the last point that of an iteration."""
        if self.last.get("i") == iteration:
            if at:
                self.last["at"] = at
            return
        if self.last:
            self.older.append(packed(self.last))
        if len(self.older) >= self.limit:
            # Every second point of the older half: the recent past stays exact.
            del self.older[1 : self.limit // 2 : 2]
        self.last = {"i": iteration, "at": at}

    def _sampled(self, event: MetricSample, known: Known) -> Point:
        made: Point = {"s": event.split, "v": known.values}
        absent = sum(r.value is None for r in event.readings)
        if absent:
            made["x"] = absent
        counts = known.values.get(known.requests, {})
        shares = _shares(self._counts, counts)
        self._counts = dict(counts)
        return made | ({"m": shares} if shares else {})


def packed(value: Any) -> bytes:
    """JSON in no more memory than it needs; orjson's own bytes keep a page of four kilobytes."""
    return bytes(memoryview(orjson.dumps(value)))


def _shares(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Shares of the requests since the last look; empty after a reset or without requests."""
    fresh = {version: count - before.get(version, 0.0) for version, count in now.items()}
    whole = sum(fresh.values())
    if len(fresh) < 2 or whole <= 0 or any(count < 0 for count in fresh.values()):
        return {}
    return {version: round(100 * count / whole, 2) for version, count in fresh.items()}


def _assessed(event: Assessment, known: Known) -> Point:
    made: Point = {"w": event.split, "d": event.verdict}
    if event.winner:
        made["win"] = event.winner
    intervals, evidence = reward_intervals(known), walked(known)
    made |= {"r": intervals} if intervals else {}
    return made | ({"e": evidence} if evidence else {})


def reward_intervals(known: Known) -> dict[str, list[float | None]]:
    """Estimate, low and high of the reward's difference to the baseline, by candidate.

    What is only described has no difference: its estimate is the version's own value.
    """
    found = {}
    for claim in claims(known):
        asked = claim.get("role", "reward") == "reward" and about(claim, known.reward)
        if claim.get("kind") == "descriptive":
            continue
        if known.reward and asked and claim.get("estimate") is not None:
            found[str(claim.get("candidate"))] = [
                claim.get("estimate"),
                claim.get("low"),
                claim.get("high"),
            ]
    return found
