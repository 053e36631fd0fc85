"""Evidence over an edit of the criteria: what was gathered for one claim is none for another.

Who edits a limit has seen the readings so far. Only what comes afterwards may count for the new
claim, or the level would not hold; a claim that did not change keeps all that it has. Of a metric
that is new to the run the first reading counts from the run's start: nobody has seen it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

from crossfade_analyzer.inference import Evidence, Plan


def shape_of(plan: Plan) -> dict[str, Any]:
    """What evidence is about: versions, the counter of requests, each line's claim and readings."""
    return {
        "versions": list(plan.versions),
        "traffic": plan.traffic_key,
        "lines": [_marks(plan, j, v) for j, v in plan.slots],
    }


def carried(
    plan: Plan, evidence: Evidence, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Evidence:
    """Evidence of a plan of shape `old` as that of `plan`, whose shape is `new`.

    Who was out is found again at the next look, where the evidence for it still stands.
    """
    marks = [tuple(mark) for mark in old["lines"]]
    lines = dict(zip(marks, evidence.lines, strict=True))
    seen = {readings: line for (_, readings), line in lines.items()}
    after = Evidence.fresh(plan)
    kept = []
    for (claim, readings), line in zip(new["lines"], after.lines, strict=True):
        if readings in seen:
            line = line._replace(seen=seen[readings].seen, at=seen[readings].at)
        kept.append(lines.get((claim, readings), line))
    if old["versions"] == new["versions"]:
        after = replace(after, split=evidence.split, targets=evidence.targets)
        if old["traffic"] == new["traffic"]:
            after = replace(after, traffic=evidence.traffic, ratios=evidence.ratios)
    now, elapsed = evidence.iteration, evidence.elapsed
    return replace(after, lines=tuple(kept), iteration=now, elapsed=elapsed)


def _marks(plan: Plan, j: int, v: int) -> list[int]:
    claim, who = plan.claims[j], (plan.baseline, plan.versions[v])
    readings = (claim.kind, claim.keys, claim.window, claim.exposure, claim.paired, who)
    return [crc32(repr((claim, who)).encode()), crc32(repr(readings).encode())]
