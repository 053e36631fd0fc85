"""Views as plain JSON: a row of the list, and one run whole; the API's shapes and the pages'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from crossfade.telling import Known, headline, objective_states, why
from crossfade.telling.numbers import number, split, spoken, unit
from crossfade.telling.objectives import ObjectiveState, chances
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED, focus, leader
from crossfade_console.histories import reward_intervals
from crossfade_console.projection import Run
from crossfade_console.proofs import LARGEST_LOG, proof, proofs

View = dict[str, Any]

CERTAIN = 3.0
DOUBTS, BLOCKS = 20.0, 1000.0
"""E-values of a sample-ratio mismatch that warn, and that block a promotion."""


def phase(known: Known) -> str:
    """One word for where a run is; finer than its stage."""
    if known.over:
        return "completed"
    if known.reason == NEEDS_APPROVAL:
        return "waiting_approval"
    if known.stage == "Running":
        if known.reason == PAUSED:
            return "paused"
        return "insufficient_data" if known.verdict == "no-data" else "running"
    stages = {"Waiting": "waiting", "Initializing": "starting", "Finishing": "finishing"}
    return stages.get(known.stage, "waiting")


def tone(known: Known) -> str:
    """How the run is doing, for colours: good, bad, warn or calm."""
    if known.over:
        tones = {"promoted": "good", "kept": "good", "rolled-back": "bad", "failed": "bad"}
        return tones.get(known.outcome or "", "warn")
    if known.troubles or known.verdict == "no-data" or known.reason == NEEDS_APPROVAL:
        return "warn"
    missing = {s.version for s in objective_states(known) if s.standing == "missed"}
    first = known.winner or leader(known)
    ahead = first in known.candidates
    if missing & set(known.candidates):
        return "warn" if ahead and first not in missing else "bad"
    return "good" if ahead else "calm"


def row(run: Run) -> View:
    """What the list shows of a run."""
    known = run.known
    return {
        "namespace": known.namespace,
        "name": known.name,
        "uid": known.uid,
        "phase": phase(known),
        "stage": known.stage,
        "outcome": known.outcome,
        "tone": tone(known),
        "headline": headline(known),
        "message": known.message if known.stage == "Waiting" else "",
        "iteration": known.iteration,
        "of": known.of,
        "versions": list(known.versions),
        "focus": focus(known),
        "split": known.split,
        "spark": run.history.spark,
        "target": known.target,
        "queue": run.place.to_json() if run.place else None,
        "troubles": len(known.troubles),
        "startedAt": _moment(known.started_at),
        "updatedAt": _moment(known.updated_at),
        "endedAt": _moment(known.ended_at),
    }


def detail(run: Run, now: datetime) -> View:
    """What the page of a run shows, without its history."""
    known = run.known
    return row(run) | {
        "now": now.isoformat(),
        "why": why(known),
        "reason": known.reason,
        "message": known.message,
        "verdict": known.verdict,
        "winner": known.winner,
        "recommended": known.recommended,
        "baseline": known.baseline,
        "candidates": list(known.candidates),
        "intervalSeconds": known.interval_seconds,
        "nextAt": _moment(_next(known)),
        "sampledAt": _moment(known.sampled_at),
        "pattern": known.pattern,
        "policy": known.policy,
        "alpha": known.alpha,
        "fixed": known.fixed,
        "revision": known.revision,
        "epoch": known.epoch,
        "weights": {
            "asked": known.asked,
            "observed": known.observed,
            "inForce": known.in_force,
            "measured": dict(run.history.measured),
        },
        "requests": known.values.get(known.requests, {}),
        "requestsMetric": known.requests,
        "objectives": [_objective(state) for state in objective_states(known)],
        "reward": _reward(known),
        "reasons": [{"code": r.code, "text": r.text} for r in known.reasons],
        "evidence": list(known.evidence),
        "proofs": proofs(known),
        "troubleTexts": [{"what": w, "text": t} for w, t in known.troubles.items()],
        "trust": trust(run),
    }


def joined(view: bytes, points: bytes, lines: Sequence[bytes]) -> bytes:
    """A run's parts, each JSON already, as one object."""
    told = b"[" + b",".join(lines) + b"]"
    return b'{"view":' + view + b',"points":' + points + b',"lines":' + told + b"}"


def _next(known: Known) -> datetime | None:
    since = known.sampled_at or known.entered_at
    if known.stage != "Running" or known.final or since is None or not known.interval_seconds:
        return None
    return since + timedelta(seconds=known.interval_seconds)


def _objective(state: ObjectiveState) -> View:
    return {
        "metric": state.metric,
        "name": spoken(state.metric),
        "version": state.version,
        "value": state.value,
        "unit": state.unit.strip(),
        "limit": state.limit,
        "lower": state.lower,
        "upper": state.upper,
        "standing": state.standing,
        "detail": state.detail,
        "margin": state.margin,
        "have": state.have,
        "need": state.need,
        "share": _share(state),
        "claim": str(state.claim.get("claim")) if state.claim else None,
        "proof": proof(state.claim) if state.claim else None,
    }


def _share(state: ObjectiveState) -> float | None:
    """How full the evidence bar is, 0 to 1: of the proof to come, else of the limit."""
    if state.standing == "proved":
        return 1.0
    if state.need and state.have is not None:
        return min(state.have / state.need, 1.0)
    seen = proof(state.claim) if state.claim else None
    if seen is not None and state.standing == "not-yet":
        return min(float(seen["for"]), 1.0)
    if state.margin is None:
        return None
    return min(max(1.0 - state.margin, 0.0), 1.0)


def _reward(known: Known) -> View | None:
    if not known.reward:
        return None
    who = focus(known)
    own, base = known.value(known.reward, who), known.value(known.reward, known.baseline)
    return {
        "metric": known.reward,
        "name": spoken(known.reward),
        "unit": unit(known.units.get(known.reward)).strip(),
        "lowIsBetter": known.reward_low,
        "minEffect": known.min_effect,
        "values": known.values.get(known.reward, {}),
        "focus": who,
        "ratio": own / base if own is not None and base else None,
        "intervals": reward_intervals(known),
        "best": chances(known),
    }


def trust(run: Run) -> list[View]:
    """Whether these numbers can be believed: question, answer, tone."""
    known = run.known
    return [
        _as_asked(known),
        _as_measured(run),
        _complete(known),
        _untouched(run),
        _policy(known),
        _looks(known),
    ]


def _as_asked(known: Known) -> View:
    what = "split asked = observed"
    if known.fixed:
        return {"what": what, "answer": "left as it is", "tone": ""}
    if not known.observed or not known.asked:
        return {"what": what, "answer": "no change yet", "tone": ""}
    if known.asked == known.observed:
        return {"what": what, "answer": "yes", "tone": "good"}
    return {"what": what, "answer": f"no: {split(known.observed)}", "tone": "warn"}


def _as_measured(run: Run) -> View:
    """Whether requests arrive as the weights say: within three standard errors and a point."""
    what, known = "requests follow the split", run.known
    version = focus(known)
    measured, weight = run.history.measured.get(version), known.in_force.get(version)
    if measured is None or weight is None:
        return {"what": what, "answer": "not measured", "tone": ""}
    requests = sum(known.values.get(known.requests, {}).values()) / max(known.iteration, 1)
    spread = 100 * math.sqrt(weight / 100 * (1 - weight / 100) / max(requests, 1.0))
    told = f"{number(measured)} % at {weight} %"
    fits = abs(measured - weight) <= CERTAIN * spread + 1
    against = mismatch(known)
    if against is None:
        return {"what": what, "answer": told, "tone": "good" if fits else "warn"}
    answer = f"{told} (E = {number(float(f'{against:.2g}'))})"
    tone = "bad" if against >= BLOCKS else "good" if against < DOUBTS else "warn"
    return {"what": what, "answer": answer, "tone": tone}


def mismatch(known: Known) -> float | None:
    """The e-value against "requests follow the weights", where a policy computes it (§2.11)."""
    found = next((entry.get("logMismatch") for entry in known.evidence), None)
    return math.exp(min(float(found), LARGEST_LOG)) if found is not None else None


def _complete(known: Known) -> View:
    have = sum(len(by) for by in known.values.values())
    lost = {m: by for m, by in known.absent.items() if by}
    gone = sum(len(by) for by in lost.values())
    answer = f"{have} of {have + gone} readings"
    if not lost:
        return {"what": "metrics complete", "answer": answer, "tone": "good" if have else ""}
    metric, by = next(iter(lost.items()))
    version, reason = next(iter(by.items()))
    told = f"{answer}; {spoken(metric)} of {version}: {reason}"
    return {"what": "metrics complete", "answer": told, "tone": "warn"}


def _untouched(run: Run) -> View:
    times = run.fights
    answer = "no" if not times else f"{times} time{'s' if times > 1 else ''}"
    return {
        "what": "weights touched by others",
        "answer": answer,
        "tone": "bad" if times else "good",
    }


def _policy(known: Known) -> View:
    told = {"iter8": "point estimates (iter8)", "assured": "proof (assured)"}
    return {"what": "decided by", "answer": told.get(known.policy, known.policy), "tone": ""}


def _looks(known: Known) -> View:
    """What looking has cost: nothing, where the last look decides (decision-engine §2.5, §2.6)."""
    taken = f"{known.iteration} of {known.of or '?'}"
    if known.policy != "assured":
        return {"what": "looks · error budget", "answer": f"{taken} · none", "tone": ""}
    level = number(100 * (known.alpha or 0.05))
    answer = f"{taken} · α {level} %, unspent"
    return {"what": "looks · error budget", "answer": answer, "tone": "good"}


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
