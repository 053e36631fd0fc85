"""How many requests a proof needs: at the effect seen so far, or with a flawless record (§2.13).

A share's flawless record is counted by the engine's own rule (normal score with a quarter-event
correction): a little above the exact log α / log(1 − p0).
"""

from __future__ import annotations

import math

from .claim_specs import Claim
from .claims import QUARTER_EVENT
from .distributions import ndtri
from .increments import shares_differ


def clean_requests(p0: float, z: float) -> float:
    """Requests without a single failure that prove failures ≤ p0 at critical value z."""
    y = 0.5 * (z + math.sqrt(z * z + 4.0 * QUARTER_EVENT / (1.0 - p0)))
    return math.ceil(y * y * (1.0 - p0) / p0 - 1e-9)


def exact_clean_requests(p0: float, alpha: float) -> int:
    """The textbook count: log α / log(1 − p0)."""
    return math.ceil(math.log(alpha) / math.log1p(-p0) - 1e-9)


def more_requests(
    n: float, s: float, v: float, u: float, rho: float, phi: float, critical: float, fresh: bool
) -> float | None:
    """Requests of the candidate still needed if it goes on as it did.

    `fresh`: the budget is spent, so the whole evidence is counted anew. None when the effect
    seen so far points the wrong way or nothing was seen.
    """
    if n <= 0.0 or v <= 0.0 or s <= 0.0:
        return None
    drift, per_request = s / v, v / n
    goal = critical * math.sqrt(phi)
    if fresh or rho <= 1e-9:
        return max((goal / drift) ** 2 / per_request - n, 0.0)
    gap = goal - u
    return (gap / (drift * math.sqrt(rho))) ** 2 / per_request if gap > 0.0 else 0.0


def share_requests(p0: float, p: float, z: float, power: float = 0.8) -> float | None:
    """Requests for a proof of failures ≤ p0 with the given power when the truth is p < p0."""
    if not 0.0 <= p < p0:
        return None
    if p == 0.0:
        return float(clean_requests(p0, z))
    spread = z * math.sqrt(p0 * (1.0 - p0)) + ndtri(power) * math.sqrt(p * (1.0 - p))
    return math.ceil((spread / (p0 - p)) ** 2)


def lift_requests(share: float, lift: float, z: float, power: float = 0.8) -> float | None:
    """Requests per version for a proof that share·(1+lift) beats share, at equal split."""
    better = share * (1.0 + lift)
    if not 0.0 < share < better < 1.0:
        return None
    _, v, w = shares_differ(1e6, better * 1e6, 1e6, share * 1e6)
    per_w = v / w
    return math.ceil(2.0 * per_w * ((z + ndtri(power)) / (better - share)) ** 2)


def needed(claim: Claim, z: float, expected: float | None = None) -> float | None:
    """Candidate requests that a claim needs: a share from `expected`, or with no failure at all."""
    if not claim.proportion:
        return None
    return share_requests(claim.p0, expected if expected is not None else 0.0, z)
