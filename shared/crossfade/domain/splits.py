"""Splits: whole percentages that sum to 100, and the one rounding that makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

Split = dict[str, int]

WHOLE = 100


def is_split(weights: Mapping[str, int]) -> bool:
    """Whether every weight is within 0…100 and all sum to 100."""
    return sum(weights.values()) == WHOLE and all(0 <= w <= WHOLE for w in weights.values())


def round_to_split(
    shares: Mapping[str, Fraction], ceilings: Mapping[str, int], baseline: str
) -> Split:
    """Shares (in percent, summing to 100) as whole numbers by largest remainder.

    Each weight is within 1 of its share and never above its ceiling. Equal remainders go to the
    baseline first, then in the order given. The baseline has no ceiling and takes what the
    ceilings leave over. Source: Hamilton's method; the caps are those of v2alpha2 §4.4.
    """
    names = list(shares)
    split = {name: min(int(shares[name]), ceilings.get(name, WHOLE)) for name in names}
    left = WHOLE - sum(split.values())
    for name in _by_remainder(shares, names, baseline):
        if left and split[name] < ceilings.get(name, WHOLE) and shares[name] > split[name]:
            split[name] += 1
            left -= 1
    split[baseline] += left
    return split


def _by_remainder(
    shares: Mapping[str, Fraction], names: Sequence[str], baseline: str
) -> list[str]:
    def order(name: str) -> tuple[Fraction, bool, int]:
        return (int(shares[name]) - shares[name], name != baseline, names.index(name))

    return sorted(names, key=order)
