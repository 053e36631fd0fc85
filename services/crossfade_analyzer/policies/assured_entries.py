"""The evidence as it is told: one JSON entry for each candidate and claim.

Numbers carry nine decimals; what is not finite is null. `estimate`, `low` and `high` are in the
metric's unit, of a comparison candidate minus baseline; the interval is anytime-valid. `logBar` is
what `logE` has to reach for a proof at any look, `alarmBar` what `logAlarm` has to reach for an
end. `n` and `nMore` are requests, seconds or intervals, as `per` says.
"""

from __future__ import annotations

import math
from typing import Any

from crossfade_analyzer.inference import CandidateFinding, Claim, ClaimFinding, Findings, Plan
from crossfade_analyzer.policies.assured_steps import Step
from crossfade_analyzer.policies.mapping import Mapped

_NAMES = {
    "chance_left": "chanceLeft",
    "n_more": "nMore",
    "log_e": "logE",
    "log_alarm": "logAlarm",
}
_SAID_BEFORE = len(("claim", "candidate", "kind"))
_TOLD = tuple(_NAMES.get(name, name) for name in ClaimFinding._fields[_SAID_BEFORE:])
_DESCRIBED = ("estimate", "stale", "monitored", "violated", "proved")


def entries(step: Step) -> tuple[dict[str, Any], ...]:
    """Every entry of a step, candidate by candidate, the reward first."""
    if step.findings is None:
        return ()
    by_name = {mapped.claim.name: mapped for mapped in step.mapping.criteria}
    plan = step.mapping.plan
    bars = _bars(plan) if plan is not None else {}
    made = tuple(
        _entry(step.findings, candidate, claim, by_name[claim.claim], bars)
        for candidate in step.findings.candidates
        for claim in candidate.claims
    )
    if made and plan is not None and plan.traffic_key is not None:
        made[0]["logMismatch"] = _plain(step.findings.log_mismatch)
    return made


def _bars(plan: Plan) -> dict[str, float]:
    """Where evidence for and against has to be, as log e-values."""
    return {"logBar": round(-math.log(plan.level), 9), "alarmBar": round(plan.log_alarm, 9)}


def _entry(
    findings: Findings,
    candidate: CandidateFinding,
    found: ClaimFinding,
    mapped: Mapped,
    bars: dict[str, float],
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "candidate": candidate.candidate,
        "claim": found.claim,
        "metric": mapped.ask.key,
        "role": mapped.claim.role,
        "kind": found.kind,
        "verdict": candidate.verdict,
        "pBest": _plain(candidate.p_best),
    }
    if mapped.ask.limit is not None:
        entry[mapped.ask.side] = mapped.ask.limit
    if not mapped.provable:
        entry |= {name: _plain(getattr(found, name)) for name in _DESCRIBED}
        return entry | {"proved": False, "lacks": mapped.field, "why": mapped.why}
    entry["per"] = _per(mapped.claim)
    entry.update(zip(_TOLD, [_plain(x) for x in found[_SAID_BEFORE:]], strict=True))
    entry |= bars
    if mapped.claim.paired:
        entry["pBestBaseline"] = _plain(findings.p_best_baseline)
    return entry


def _per(claim: Claim) -> str:
    """What events were counted over."""
    if claim.kind == "gauge":
        return "intervals"
    return "seconds" if claim.exposure == "time" else "requests"


def _plain(value: Any) -> Any:
    if value.__class__ is not float or value.is_integer():
        return value
    return round(value, 9) if math.isfinite(value) else None
