"""How far each claim is from a decision: its evidence as a share of what decides.

Evidence for a claim is an e-value: whoever bets against the claim's opposite has multiplied the
stake by it; 1/level is enough at any look. Evidence against is the alarm's e-value, enough for an
end at any look. At the deciding look a sharper test of fixed size decides: z against its critical
value. Source: decision-engine §2.5, §2.6, §2.12.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from crossfade.telling import Known
from crossfade.telling.numbers import spoken
from crossfade.telling.objectives import claims

LARGEST_LOG = 50.0
"""e⁵⁰ is certainty enough, and a number that JSON and people can read."""


def proof(claim: Mapping[str, Any]) -> dict[str, Any] | None:
    """A claim's evidence beside its thresholds; None for what cannot be proved, or not yet seen.

    `for` and `against` are shares of their thresholds on the logarithmic scale, 1 enough; `e` and
    `bar` the e-value for the claim and what it has to reach.
    """
    log_e, bar = claim.get("logE"), claim.get("logBar")
    if claim.get("lacks") or not isinstance(log_e, int | float) or not bar:
        return None
    return {
        "for": _share(log_e, bar),
        "against": _share(claim.get("logAlarm"), claim.get("alarmBar")),
        "e": _readable(math.exp(min(log_e, LARGEST_LOG))),
        "bar": _readable(math.exp(min(bar, LARGEST_LOG))),
        "z": claim.get("z"),
        "critical": claim.get("critical"),
        "chance": claim.get("pp"),
    }


def proofs(known: Known) -> list[dict[str, Any]]:
    """Every claim of every candidate with its evidence, or with what it lacks."""
    return [
        {
            "candidate": str(claim.get("candidate")),
            "claim": str(claim.get("claim")),
            "name": spoken(str(claim.get("claim"))),
            "role": claim.get("role", ""),
            "proved": bool(claim.get("proved")),
            "violated": bool(claim.get("violated")),
            "monitored": bool(claim.get("monitored")),
            "why": str(claim.get("why") or ""),
            "proof": proof(claim),
        }
        for claim in claims(known)
    ]


def walked(known: Known) -> dict[str, dict[str, list[float]]]:
    """By candidate and claim: the shares for and against, as a history keeps them."""
    found: dict[str, dict[str, list[float]]] = {}
    for claim in claims(known):
        seen = proof(claim)
        if seen is not None:
            of = found.setdefault(str(claim.get("candidate")), {})
            of[str(claim.get("claim"))] = [seen["for"], seen["against"]]
    return found


def _share(log_e: Any, bar: Any) -> float:
    """0 without evidence, 1 at the threshold; what is beyond twice of it is all the same."""
    if not isinstance(log_e, int | float) or not bar:
        return 0.0
    return round(min(max(float(log_e) / float(bar), 0.0), 2.0), 3)


def _readable(number: float) -> float:
    """Three figures are what people read, and what a thousand histories can hold."""
    return float(f"{number:.3g}")
