"""One rule in one world, many runs: what happened, in seven numbers."""

from __future__ import annotations

import numpy as np

from .gates import Argo, Flagger, Kayenta
from .iter8 import Iter8, Iter8First
from .rules import Assured, AssuredEarly, Rule
from .significance import GrowthBook, Peeking
from .traffic import Traffic
from .worlds import World

RULES: tuple[type[Rule], ...] = (
    Iter8,
    Iter8First,
    Flagger,
    Argo,
    Kayenta,
    GrowthBook,
    Peeking,
    Assured,
)
EXTRA: tuple[type[Rule], ...] = (AssuredEarly,)
ADAPTIVE = ("Iter8", "Iter8 v1", "Flagger", "Argo")
"""Peers that move the split while they watch; Kayenta's canary is fixed, the others' even."""


def run(rule_type: type[Rule], world: World, runs: int, seed: int) -> dict[str, float]:
    """Measures of a rule in a world; the same seed draws the same world for every rule."""
    traffic, rule = Traffic(world, runs, seed), rule_type(world, runs, seed + 777)
    served, bad, lost = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    for k in range(1, world.looks + 1):
        requests, readings = traffic.interval(k, rule.split, rule.rereads)
        worth = _worth(world, k)
        served += requests.sum(axis=1)
        bad += requests[:, 1:] @ np.array(world.bad(k), dtype=np.float64)
        lost += requests @ (max(worth[1]) - np.array(worth[0]))
        rule.look(k, readings)
    return _measures(rule, world, bad / served, 1000.0 * lost / served)


def _worth(world: World, k: int) -> tuple[list[float], list[float]]:
    """(conversion of every version, of those that may serve) at look k."""
    all_of = [t.conversion * world.multiplier(k) for t in world.truths(k)]
    may = [c for c, t in zip(all_of, world.truths(k), strict=True) if t.good()]
    return all_of, may or all_of[:1]


def _measures(rule: Rule, world: World, bad: object, regret: object) -> dict[str, float]:
    at_end = world.bad(world.looks)
    wrong = np.array([False, *at_end])[rule.promoted + 1]
    if world.kind == "equal":
        wrong = rule.promoted >= 0
    found = {
        "false_promotion": float(wrong.mean()),
        "bad_traffic": 100.0 * float(np.mean(bad)),  # type: ignore[arg-type]
        "iterations": float(rule.ended_at.mean()),
        "regret": float(np.mean(regret)),  # type: ignore[arg-type]
        "runs": float(rule.runs),
    }
    if world.right >= 0:
        found["power"] = float((rule.promoted == world.right).mean())
    if not all(at_end):
        found["false_rollback"] = float((rule.rejected & (rule.promoted < 0)).mean())
    return found
