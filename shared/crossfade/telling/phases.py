"""Where a run is in one word: finer than its stage, the same on every page and screen."""

from __future__ import annotations

from crossfade.telling.known import Known
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED

_STAGES = {"Waiting": "waiting", "Initializing": "starting", "Finishing": "finishing"}


def phase(known: Known) -> str:
    """One of `waiting`, `starting`, `running`, `paused`, `waiting_approval`, `completed`.

    Or `insufficient_data`, while no look found anything to judge by, or `finishing`.
    """
    if known.over:
        return "completed"
    if known.reason == NEEDS_APPROVAL:
        return "waiting_approval"
    if known.stage == "Running":
        if known.reason == PAUSED:
            return "paused"
        return "insufficient_data" if known.verdict == "no-data" else "running"
    return _STAGES.get(known.stage, "waiting")
