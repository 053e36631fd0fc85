"""Whether a run's numbers can be believed: questions with an answer and a tone each.

Sources: decision-engine §2.5, §2.6 (what looking costs), §2.11 (sample-ratio mismatch).
"""

from __future__ import annotations

import math
from typing import Any

from crossfade.telling import Known
from crossfade.telling.numbers import number, split, spoken
from crossfade.telling.sentences import focus
from crossfade_console.projection import Run
from crossfade_console.proofs import LARGEST_LOG

View = dict[str, Any]

CERTAIN = 3.0
DOUBTS, BLOCKS = 20.0, 1000.0
"""E-values of a sample-ratio mismatch that warn, and that block a promotion."""


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
