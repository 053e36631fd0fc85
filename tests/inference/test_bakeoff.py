"""The bake-off itself: its worlds are what they say, its rules behave, its bars can be missed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from bakeoff import ablations
from bakeoff.bars import POWER, misses
from bakeoff.running import RULES, run
from bakeoff.tables import report
from bakeoff.traffic import Traffic, buckets, quantile
from bakeoff.worlds import CORE, NORMAL, WORLDS, Truth, beyond, mean_of

BY_NAME = {rule.name: rule for rule in RULES}


def test_the_worlds_are_those_of_the_specification():
    kinds = [world.kind for world in CORE]
    assert (len(CORE), kinds.count("bad"), kinds.count("power"), kinds.count("equal")) == (
        55, 34, 13, 8,
    )  # fmt: skip
    assert all(all(world.bad(world.looks)) for world in CORE if world.kind == "bad")
    assert not any(any(world.bad(1)) for world in CORE if world.kind == "equal")


def test_latency_is_what_its_world_says():
    assert mean_of(NORMAL) == pytest.approx(0.1377, abs=1e-4)
    assert beyond(NORMAL, 0.5) == pytest.approx(0.022, abs=1e-3)
    (slow,) = WORLDS["e1"].candidates
    assert mean_of(slow.latency) == pytest.approx(0.217, abs=2e-3)
    (tail,) = WORLDS["e3"].candidates
    assert beyond(tail.latency, 0.5) == pytest.approx(0.07, abs=2e-3)
    assert Truth().good()
    share, mean, _ = buckets(NORMAL)
    assert share @ mean == pytest.approx(mean_of(NORMAL), rel=1e-6)


def test_a_histogram_quantile_interpolates_as_prometheus_does():
    cumulative = np.array([0, 0, 0, 0, 40, 87, 98, 100, 100, 100, 100, 100.0])
    assert quantile(cumulative, 0.95) == pytest.approx(0.25 + 0.25 * 8 / 11)
    assert np.isnan(quantile(np.zeros(12), 0.95))


def test_the_same_seed_draws_the_same_world():
    split = np.tile([60, 40], (5, 1))
    one, other = (Traffic(WORLDS["m3"], 5, 3).interval(1, split)[1] for _ in range(2))
    assert all((one[key] == other[key]).all() for key in one)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_follows_its_own_arithmetic_to_the_end(rule):
    found = run(rule, WORLDS["j3"], 50, 1)
    assert 0.0 <= found["false_promotion"] <= 1.0
    assert 0.0 < found["bad_traffic"] < 100.0
    assert found == run(rule, WORLDS["j3"], 50, 1)


def test_point_estimates_promote_what_proof_does_not():
    worlds = {name: {} for name in ("a", "c1", "N2")}
    for name, rules in worlds.items():
        for rule in ("Iter8", "assured"):
            rules[rule] = run(BY_NAME[rule], WORLDS[name], 400, 2)
    assert worlds["a"]["Iter8"]["false_promotion"] > 0.25
    assert list(misses(worlds)) == []
    assert "| c1: worse −5 % |" in report(worlds, ["Iter8", "assured"])


def test_a_worse_engine_misses_the_bars():
    found = run(BY_NAME["Iter8"], WORLDS["a"], 400, 2)
    (line,) = misses({"a": {"assured": found}})
    assert line.startswith("a (equal): false promotion 0.3")
    idle = {"false_promotion": 0.0, "power": 0.5, "bad_traffic": 0.0, "runs": 4000.0}
    lines = list(misses({name: {"assured": idle} for name in POWER}))
    assert any(line.startswith("b2") for line in lines)
    assert any(line.startswith("mean power") for line in lines)


def test_an_ablation_changes_the_engine_only_while_it_runs():
    before = run(BY_NAME["assured"], WORLDS["N3"], 300, 4)["false_promotion"]
    with ablations.without("− both") as rule:
        changed = run(rule, WORLDS["N3"], 300, 4)["false_promotion"]
    assert changed > before
    assert run(BY_NAME["assured"], WORLDS["N3"], 300, 4)["false_promotion"] == before
