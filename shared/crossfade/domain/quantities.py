"""Kubernetes quantities as exact numbers: `"10m"`, `"0.01"`, `"2k"`, `"1e3"`, `"4Ki"`.

The grammar is the one of `k8s.io/apimachinery/pkg/api/resource`; a stored quantity keeps nano
precision and is rounded away from zero beyond it, which is why a measured mean reads `24804743n`.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

_DECIMAL: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SUFFIX_OF: Final = {power: suffix for suffix, power in _DECIMAL.items()}
_FORM: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_LONGEST: Final = 64
"""Characters; nobody means more, and exact arithmetic on a megabyte of digits is a trap."""
_FARTHEST: Final = 200
"""Decimal exponent in either direction that still makes a finite float."""
_EXACT: Final = 2.0**53
"""Below it a float's shortest decimal form is the float itself."""

NANO: Final = Fraction(1, 10**9)
"""The smallest step that a stored quantity can show."""


def parse(text: str | int) -> Fraction:
    """The exact value of a quantity; `ValueError` says what was found and what would be right."""
    value = None if isinstance(text, bool) else _value(_bounded(str(text)))
    if value is None:
        right = "a number such as 200, 0.01, 10m or 2k"
        raise ValueError(f"{_shown(text)} is not a quantity; right would be {right}")
    return value


@lru_cache(maxsize=1024)  # limits of documents are asked for at every sample
def _value(text: str) -> Fraction | None:
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    if (exponent := int(found["exponent"] or 0)) and abs(exponent) > _FARTHEST:
        raise ValueError(f"{_shown(text)} is out of range; exponents go from -200 to 200")
    return Fraction(found["number"]) * _scale(found["suffix"] or "", exponent)


def canonical(x: Fraction | float | int) -> str:
    """A number as Go writes a quantity: nano precision, away from zero, the largest exact suffix.

    `0.0133525381` is `13352539n`, `133.38` is `133380m`, `5` is `5`, `2000` is `2k`.
    """
    power = -9
    if isinstance(x, float) and x.is_integer() and abs(x) < _EXACT:
        amount, power = int(x), 0
    elif isinstance(x, float):
        amount = _nanos(x)
    else:
        amount = _away_from_zero(exact(x) / NANO)
    while amount and amount % 1000 == 0 and power < 18:
        amount //= 1000
        power += 3
    return f"{amount}{_SUFFIX_OF[power]}" if amount else "0"


def ceil_3(x: Fraction | float | int) -> str:
    """Exactly three decimals, rounded up as iter8ctl does: `0.0001` is `0.001`."""
    thousandths = math.ceil(exact(x) * 1000)
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}.{rest:03d}"


def exact(x: Fraction | float | int) -> Fraction:
    """The number that a person reads in `x`: a float counts as its shortest decimal form."""
    if isinstance(x, float):
        if not math.isfinite(x):
            raise ValueError(f"{x} is not a quantity; right would be a finite number")
        return Fraction(repr(x))
    return Fraction(x)


def _nanos(x: float) -> int:
    """A float's nanos, away from zero; by decimal, ten times as fast as by fractions."""
    if not math.isfinite(x):
        raise ValueError(f"{x} is not a quantity; right would be a finite number")
    return int(Decimal(repr(x)).scaleb(9).to_integral_value(ROUND_UP))


def _away_from_zero(x: Fraction) -> int:
    return math.ceil(x) if x >= 0 else math.floor(x)


def _scale(suffix: str, exponent: int) -> Fraction:
    if suffix in _BINARY:
        return Fraction(2 ** _BINARY[suffix])
    return Fraction(10) ** (_DECIMAL[suffix] + exponent)


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else ""


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
