"""The split of policy `iter8`: ε-greedy with caps on each candidate.

Source: v2alpha2 §4.4, with two mends of its register: the split in force is matched by name (Q3),
and the randomised rounding is replaced by largest remainders under the caps (Q17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from crossfade.domain.splits import Split, round_to_split

EXPLORATION = Fraction(1, 10)
WHOLE = 100


def next_split(
    versions: Sequence[str],
    best: Sequence[str],
    old: Mapping[str, int],
    caps: tuple[int, int] | None = None,
) -> Split:
    """The split after `old`, in percent; baseline first in `versions`.

    `best` shares what is not exploration, the baseline gets it where there is no best. `caps` are
    the largest weight of a candidate and its largest rise; decreases are never limited.
    """
    return dict(
        _next(tuple(versions), tuple(best), tuple(in_force(versions, old).values()), caps)
    )


@lru_cache(
    maxsize=4096
)  # exact arithmetic costs a tenth of a sample, and few splits recur often
def _next(
    versions: tuple[str, ...],
    best: tuple[str, ...],
    old: tuple[int, ...],
    caps: tuple[int, int] | None,
) -> Split:
    baseline, *candidates = versions
    shares = _ideal(versions, best or [baseline])
    if caps is None:
        return round_to_split(shares, {}, baseline)
    held = dict(zip(versions, old, strict=True))
    ceilings = {c: max(min(caps[0], held[c] + caps[1]), 0) for c in candidates}
    for candidate in candidates:
        excess = max(Fraction(0), shares[candidate] - ceilings[candidate])
        shares[candidate] -= excess
        shares[baseline] += excess
    return round_to_split(shares, ceilings, baseline)


def in_force(versions: Sequence[str], old: Mapping[str, int]) -> dict[str, int]:
    """The split in force by name; what is not known of the baseline is what is left over."""
    baseline, *candidates = versions
    held = {candidate: old.get(candidate, 0) for candidate in candidates}
    return {baseline: old.get(baseline, WHOLE - sum(held.values())), **held}


def _ideal(versions: Sequence[str], best: Sequence[str]) -> dict[str, Fraction]:
    explore = EXPLORATION / len(versions)
    exploit = (1 - EXPLORATION) / len(best)
    return {v: WHOLE * (explore + (exploit if v in best else 0)) for v in versions}
