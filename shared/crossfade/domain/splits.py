"""Splits: whole percentages that sum to 100, and the one rounding that makes them."""

from __future__ import annotations

import math
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
    ceilings leave over. With six versions or more this may be a split that upstream's draws never
    come out with; then it is the nearest one of those, where the ceilings let one through.
    Source: Hamilton's method; draws and caps are those of v2alpha2 §4.4.
    """
    split = _largest_remainders(shares, ceilings, baseline)
    if could_be_drawn(split, shares):
        return split
    return _nearest_drawn(shares, ceilings) or split


def could_be_drawn(split: Mapping[str, int], shares: Mapping[str, Fraction]) -> bool:
    """Whether rounding one share after the other, up or down by chance, can come out so."""
    left, rest = WHOLE, sum(shares.values())
    for number, (name, share) in enumerate(shares.items()):
        if split[name] not in _drawn(share, left, rest, len(shares) - number):
            return False
        left, rest = left - split[name], rest - share
    return True


def _drawn(share: Fraction, left: int, rest: Fraction | int, versions: int) -> set[int]:
    """What a version may draw: its part of what is left, rounded down or up."""
    part = share * left / rest if rest else Fraction(left, versions)
    return {math.floor(part), math.ceil(part)}


_Way = tuple[Fraction, tuple[int, ...]]


def _nearest_drawn(shares: Mapping[str, Fraction], ceilings: Mapping[str, int]) -> Split | None:
    """The drawn split with the smallest squares of distances; earlier versions get more.

    What a version may draw depends on what is left alone, so for each rest one way there is kept.
    """
    ways: dict[int, _Way] = {WHOLE: (Fraction(0), ())}
    rest: Fraction | int = sum(shares.values())
    for number, (name, share) in enumerate(shares.items()):
        further: dict[int, _Way] = {}
        for left, (distance, negated) in ways.items():
            for weight in _drawn(share, left, rest, len(shares) - number):
                if weight <= ceilings.get(name, WHOLE):
                    way = (distance + (weight - share) ** 2, (*negated, -weight))
                    known = further.get(left - weight, way)
                    further[left - weight] = min(known, way)
        ways, rest = further, rest - share
    found = ways.get(0)
    return None if found is None else {n: -w for n, w in zip(shares, found[1], strict=True)}


def _largest_remainders(
    shares: Mapping[str, Fraction], ceilings: Mapping[str, int], baseline: str
) -> Split:
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
