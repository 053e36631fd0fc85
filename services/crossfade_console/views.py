"""Views as plain JSON: a row of the list, and one run whole; the API's shapes and the pages'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from crossfade.telling import Known, headline, objective_states, why
from crossfade.telling.numbers import spoken, unit, within
from crossfade.telling.objectives import ObjectiveState, chances
from crossfade.telling.phases import phase
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED, focus, leader
from crossfade_console.histories import reward_intervals
from crossfade_console.projection import Run
from crossfade_console.proofs import proof, proofs
from crossfade_console.trust import trust

View = dict[str, Any]

FIRST_LINE, LONGEST = 300, 2000
"""Characters of what the list repeats of every run, and of any other text; the log has all."""


def tone(known: Known) -> str:
    """How the run is doing, for colours: good, bad, warn or calm."""
    if known.over:
        tones = {"promoted": "good", "kept": "good", "rolled-back": "bad", "failed": "bad"}
        return tones.get(known.outcome or "", "warn")
    if known.troubles or known.verdict == "no-data" or known.reason == NEEDS_APPROVAL:
        return "warn"
    missing = {s.version for s in objective_states(known) if s.standing == "missed"}
    judged = known.candidates or known.versions
    first = known.winner or leader(known)
    ahead = first in known.candidates
    if missing & set(judged):
        return "warn" if ahead and first not in missing else "bad"
    alone = bool(known.verdict and not known.candidates)
    return "good" if ahead or alone else "calm"


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
        "headline": within(headline(known), FIRST_LINE),
        "message": within(_said(known), FIRST_LINE),
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


def _said(known: Known) -> str:
    """What the list adds to a headline: what a run waits for, or why it failed."""
    unlucky = known.outcome in ("failed", "aborted")
    told = known.message if known.stage == "Waiting" or unlucky else ""
    return "" if told.casefold() == headline(known).casefold() else told


def detail(run: Run, now: datetime) -> View:
    """What the page of a run shows, without its history."""
    known = run.known
    return row(run) | {
        "now": now.isoformat(),
        "why": within(why(known), LONGEST),
        "reason": known.reason,
        "message": within(known.message, LONGEST),
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
        "finishes": known.finishes,
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
        "reasons": [{"code": r.code, "text": within(r.text, LONGEST)} for r in known.reasons],
        "evidence": list(known.evidence),
        "proofs": proofs(known),
        "troubleTexts": [
            {"what": what, "text": within(text, LONGEST)}
            for what, text in known.troubles.items()
        ],
        "trust": trust(run),
    }


def joined(view: bytes, points: bytes, lines: Sequence[bytes]) -> bytes:
    """A run's parts, each JSON already, as one object."""
    told = b"[" + b",".join(lines) + b"]"
    return b'{"view":' + view + b',"points":' + points + b',"lines":' + told + b"}"


def _next(known: Known) -> datetime | None:
    since = known.sampled_at or known.entered_at
    looking = known.stage == "Running" and known.reason not in (PAUSED, NEEDS_APPROVAL)
    if not looking or known.final or since is None or not known.interval_seconds:
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
        "progress": state.progress,
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


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
