"""The engine with one of its rules taken away: what each is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from crossfade_analyzer.inference import increments
from crossfade_analyzer.inference.many import appraising, formulas, pacing

from .bars import POWER, Results
from .rules import Assured
from .worlds import WORLDS

Patch = tuple[Any, str, Any]
NEVER = 10**9


def _normal_quantile(plan: Any, claim: Any, lines: Any) -> Any:
    """The normal quantile even where φ was estimated."""
    return np.full(lines.phi.shape, plan.z_level)


PATCHES: dict[str, tuple[Patch, ...]] = {
    "assured": (),
    "− second half": ((formulas, "SECOND_HALF", -math.inf),),
    "− last third": ((formulas, "LAST_THIRD", -math.inf),),
    "− both": ((formulas, "SECOND_HALF", -math.inf), (formulas, "LAST_THIRD", -math.inf)),
    "− dispersion": ((formulas, "Z_GATE", 1e9),),
    "− t quantile": ((appraising, "_critical", _normal_quantile),),
    "− e-detectors": (),
    "− futility": (),
    "− weight scaled by PP": ((pacing, "PP_SCALE", 1e-9),),
    "− risk floor": ((pacing, "RISKY", 2.0),),
    "− quarter event": ((appraising, "QUARTER_EVENT", 0.0),),
    "− ceiling pseudo-requests": ((increments, "KAPPA", 0.0),),
    "− blind rule": (
        (appraising, "STALE_OBJECTIVE", NEVER), (appraising, "STALE_REWARD", NEVER),
    ),
    "target 50": ((pacing, "TARGET", 50.0),),
    "leader to 100": ((pacing, "LEADER_CAP", 100.0),),
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "− e-detectors": {"rollback_alpha": 1e-12},
    "− futility": {"futility": 0.0},
}
MEASURES = ("worst bad", "mean bad", "N1 / N2 / N3 / N8", "A/A a, m2, M5", "power", "bad %")


@contextmanager
def without(name: str) -> Iterator[type[Assured]]:
    """The engine's rule with a variant's changes in force."""
    old = [(module, key, getattr(module, key)) for module, key, _ in PATCHES[name]]
    for module, key, value in PATCHES[name]:
        setattr(module, key, value)
    try:
        yield type("Variant", (Assured,), {"name": name, "changes": CHANGES.get(name, {})})
    finally:
        for module, key, value in old:
            setattr(module, key, value)


def row(results: Results, variant: str) -> list[str]:
    """One line of the table."""

    def measured(world: str, measure: str) -> float:
        return results[world][variant][measure]

    bad = {n: measured(n, "false_promotion") for n in results if WORLDS[n].kind == "bad"}
    worst = max(bad, key=bad.__getitem__)
    traffic = [measured(n, "bad_traffic") for n in bad]
    power = [measured(n, "power") for n in POWER]
    turned = " / ".join(
        f"{measured(n, 'false_promotion'):.3f}" for n in ("N1", "N2", "N3", "N8")
    )
    equal = ", ".join(f"{measured(n, 'false_promotion'):.3f}" for n in ("a", "m2", "M5"))
    return [
        variant,
        f"{bad[worst]:.3f} ({worst})",
        f"{sum(bad.values()) / len(bad):.4f}",
        turned,
        equal,
        f"{sum(power) / len(power):.3f}",
        f"{sum(traffic) / len(traffic):.2f}",
    ]
