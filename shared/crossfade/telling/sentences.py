"""A run in plain sentences, with the numbers in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crossfade.telling.known import Known
from crossfade.telling.numbers import number, split, spoken
from crossfade.telling.objectives import ObjectiveState, claims, objective_states

OUTCOMES = {
    "promoted": "{winner} is promoted",
    "kept": "{baseline} is kept",
    "rolled-back": "rolled back to {baseline}",
    "inconclusive": "inconclusive: {baseline} keeps the traffic",
    "no-data": "no data: {baseline} keeps the traffic",
    "failed": "failed",
    "aborted": "aborted",
}
WINNING = OUTCOMES | {"promoted": "{winner} wins"}
"""Where no action moves the rest, and most of the traffic is still somebody else's."""
MOST = 50
UNMOVED = WINNING | {
    "rolled-back": "{baseline} stays",
    "inconclusive": "inconclusive: {baseline} stays",
    "no-data": "no data: {baseline} stays",
}
"""Where neither the run nor an action at its end moves any traffic."""
ALONE = OUTCOMES | {
    "promoted": "{baseline} conforms",
    "rolled-back": "{baseline} does not conform",
    "inconclusive": "inconclusive: not known whether {baseline} conforms",
    "no-data": "no data to judge {baseline} by",
}
"""Where one version is judged, and competes with nobody."""
NEEDS_APPROVAL = "ApprovalNeeded"
PAUSED = "Paused"
LIKELY = 0.95
_FIRST = re.compile(r"[\s,:;]")
STAGES = {
    "Waiting": "waiting for its turn",
    "Initializing": "starting",
    "Finishing": "decided; the last actions run",
}


def headline(known: Known) -> str:
    """Where the run stands, in a few words: the first line of every page and message."""
    if known.over:
        said = _outcomes(known).get(known.outcome or "", "ended")
        winner = known.winner or known.recommended
        return _capital(said.format(winner=winner, baseline=known.baseline), known)
    if known.stage == "Waiting" and known.reason == "TargetBusy":
        return _capital(known.message or f"waiting for {known.target or 'its target'}", known)
    if known.reason == NEEDS_APPROVAL:
        return _capital(known.message or "needs approval", known)
    if known.reason == PAUSED and known.stage == "Running":
        return _capital(known.message or "paused", known)
    if known.stage in STAGES:
        return _capital(STAGES[known.stage], known)
    return _capital(_running(known), known)


def _outcomes(known: Known) -> Mapping[str, str]:
    if known.versions and not known.candidates:
        return ALONE
    if known.finishes:
        return OUTCOMES
    if known.fixed:
        return UNMOVED
    winner = known.winner or known.recommended or ""
    return OUTCOMES if known.split.get(winner, MOST) >= MOST else WINNING


def _running(known: Known) -> str:
    if known.verdict == "no-data":
        return "no data to judge by"
    if not known.verdict:
        return "running; no look has been taken yet"
    if not known.candidates:
        return _alone(known)
    if known.winner and known.winner == known.baseline:
        return f"{known.baseline} is ahead"
    if known.winner:
        unproved = proving(known) and any(
            s.standing == "not-yet" for s in objective_states(known)
        )
        return f"{known.winner} is ahead{', not yet proved' if unproved else ''}"
    leading = leader(known)
    if leading:
        return f"{leading} is ahead, not yet proved"
    return "nobody is ahead yet"


def _alone(known: Known) -> str:
    """Where a version stands that nobody competes with: within its limits or not."""
    said = limits(known)
    return f"{said} so far" if said.startswith("all limits") else said or "running"


def iteration(known: Known) -> str:
    """One iteration: `7/15: iris-v2 earns 1.43× the engagement, all limits held, 60 → 70 %`."""
    counted = f"{known.iteration}/{known.of}" if known.of else str(known.iteration)
    parts = [part for part in (reward(known), limits(known), move(known)) if part]
    return f"{counted}: {', '.join(parts)}"


def proving(known: Known) -> bool:
    """Whether a proof is asked for; point estimates decide without, even with one beside them."""
    return known.policy != "iter8"


def leader(known: Known) -> str:
    """The candidate that a proof is on its way for, where one is asked for; else empty."""
    if not proving(known):
        return ""
    ahead = [c for c in claims(known) if c.get("verdict") == "leading" or _likely(c)]
    best = max(ahead, key=lambda c: float(c.get("pBest") or 0.0), default={})
    return str(best.get("candidate") or "")


def _likely(claim: Mapping[str, Any]) -> bool:
    """Whether a claim's candidate is very probably the best, with no more evidence than that."""
    chance = claim.get("pBest")
    return (
        claim.get("verdict") == "collecting"
        and isinstance(chance, int | float)
        and chance >= LIKELY
    )


def focus(known: Known) -> str:
    """Whom a sentence is about: the winner, the leader, the first candidate, the baseline."""
    ahead = known.winner or leader(known)
    if ahead in known.candidates:
        return ahead
    return known.candidates[0] if known.candidates else known.baseline


def reward(known: Known) -> str:
    """What the candidate earns beside the baseline; empty where nothing is to be earned."""
    if not known.reward or not known.candidates:
        return ""
    who, name = focus(known), spoken(known.reward).removeprefix("user ")
    own = known.value(known.reward, who)
    other = known.value(known.reward, known.baseline)
    if own is None or other is None:
        return f"the {name} of {who if own is None else known.baseline} is not known yet"
    if not other:
        return f"{who} earns {number(own)} {name}, {known.baseline} nothing"
    return f"{who} {'has' if known.reward_low else 'earns'} {own / other:.2f}× the {name}"


def limits(known: Known) -> str:
    """How the objectives stand, the worst news first."""
    judged = known.candidates or known.versions
    states = [s for s in objective_states(known) if s.version in judged]
    if not states:
        return ""
    bad = [s for s in states if s.standing == "missed"]
    if bad:
        return _some(bad)
    unknown = [s for s in states if s.standing == "unknown"]
    if unknown:
        return _some(unknown)
    waiting = [s for s in states if s.standing == "not-yet"]
    if not proving(known):
        return "all limits held"
    if waiting:
        return _on_the_way(states, waiting)
    proved = all(s.standing == "proved" for s in states)
    return "all limits proved" if proved else "all limits held"


def _on_the_way(states: list[ObjectiveState], waiting: list[ObjectiveState]) -> str:
    """For how many limits enough is seen: a proof may have to wait for the last look."""
    short_of = [s for s in waiting if not s.enough]
    if not short_of:
        return "enough seen for all limits"
    told = f"enough seen for {len(states) - len(short_of)} of {len(states)} limits"
    return told + _slowest(short_of)


def _slowest(short_of: list[ObjectiveState]) -> str:
    """How far the slowest proof is, where it is known how many requests it needs."""
    counted = [(s.have / s.need, s) for s in short_of if s.have is not None and s.need]
    if not counted:
        return " so far"
    _, slowest = min(counted, key=lambda pair: pair[0])
    return f" ({spoken(slowest.metric)}: {slowest.progress})"


def _some(states: list[ObjectiveState]) -> str:
    rest = f" and {len(states) - 1} more" if len(states) > 1 else ""
    return states[0].sentence + rest


def move(known: Known) -> str:
    """Where traffic goes: `60 → 70 %`, `stays at 95 %`, or all weights with several candidates."""
    now = known.in_force or known.before
    next_ = now if known.fixed else known.asked or known.observed
    if not now or not next_:
        return ""
    if len(known.candidates) > 1:
        return f"{split(next_)} %" if now != next_ else f"stays at {split(now)} %"
    who = focus(known)
    old, new = now.get(who, 0), next_.get(who, 0)
    return f"stays at {old} %" if old == new else f"{old} → {new} %"


def why(known: Known) -> str:
    """The reasons of the last verdict, or what the stage says; one or two sentences."""
    if known.over and known.outcome in ("failed", "aborted") and known.message:
        return _sentence(known.message)
    if known.reasons:
        return " ".join(_sentence(reason.text) for reason in known.reasons[:3])
    if known.stage == "Running":
        return ""
    return _sentence(known.message) if known.message else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _capital(text: str, known: Known) -> str:
    """A sentence's first letter large, unless it begins with a version's name: that is verbatim."""
    named = {*known.versions, *known.split, known.winner, known.recommended}
    return text if _FIRST.split(text, 1)[0] in named else text[:1].upper() + text[1:]
