"""Policy `iter8` beside a second reading of v2alpha2 §4, on thousands of random experiments.

The oracle is written from the formulas of the specification alone: dictionaries, floats and
fractions, nothing of ours. What it says of an experiment has to come out of `crossfade assess`.
"""

from __future__ import annotations

import io
import itertools
import math
import random
from fractions import Fraction

import orjson
import pytest

from crossfade.resources import admit
from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.choice import policies
from crossfade_analyzer.policies.greedy import next_split
from crossfade_cli.assessing import filtered

CASES = 200
"""Experiments of each pattern and deployment; twelve kinds."""
PATTERNS = ("Canary", "A/B", "A/B/N", "Conformance")
DEPLOYMENTS = ("Progressive", "FixedSplit", "BlueGreen")
SUFFIXES = {"": 1.0, "m": 1e-3, "k": 1e3}


# --- the oracle -----------------------------------------------------------------------------------


def quantity(text):
    """A Kubernetes quantity as a float."""
    digits = text.rstrip("mk")
    power = {"m": -3, "k": 3}.get(text[len(digits) :], 0)
    return float(Fraction(digits) * Fraction(10) ** power)


def satisfied(value, objective):
    """§4.2: both limits inclusive; missing data is false; neither limit is satisfied by a value."""
    if value is None:
        return False
    above = "upperLimit" in objective and value > quantity(objective["upperLimit"])
    below = "lowerLimit" in objective and value < quantity(objective["lowerLimit"])
    return not above and not below


def assessments(case):
    """§4.2: by version a truth for each objective; nothing at all without objectives."""
    if case["objectives"] is None:
        return {}
    return {
        version: [
            satisfied(case["values"][o["metric"]][version], o) for o in case["objectives"]
        ]
        for version in case["versions"]
    }


def winner(case, assessed):
    """§4.3: the best versions, the winner or None, and the Info and Warning parts."""
    baseline, *candidates = case["versions"]
    feasible = [v for v in case["versions"] if all(assessed.get(v, ()))]
    if case["pattern"] == "Conformance":
        if baseline in feasible:
            return [baseline], baseline, "baseline satisfies all objectives"
        return [], None, None
    if case["pattern"] == "Canary":
        if candidates[0] in feasible:
            return candidates[:1], candidates[0], "candidate satisfies all objectives"
        if baseline in feasible:
            told = "baseline satisfies all objectives; candidate does not"
            return [baseline], baseline, told
        return [], None, None
    return rewarded(case, feasible)


def rewarded(case, feasible):
    """§4.3: strictly best by the first reward; equals share, and nobody wins then."""
    high = case["direction"] == "High"
    top, best = -math.inf if high else math.inf, []
    for version in feasible:
        value = case["values"]["ue"][version]
        if value is None:
            continue
        if value == top:
            best.append(version)
        elif (value > top) if high else (value < top):
            top, best = value, [version]
    if len(best) == 1:
        return best, best[0], "found unique winner"
    if best:
        tie = "no unique winner; two or more feasible versions with same reward value"
        return best, None, tie
    return [], None, "" if feasible else "no version satisfies all objectives"


def unrewarded(case):
    """§4.3: a warning for each feasible version whose reward is unknown."""
    if case["pattern"] not in ("A/B", "A/B/N"):
        return []
    assessed = assessments(case)
    return [
        f"reward value for feasible version {v} is not available"
        for v in case["versions"]
        if all(assessed.get(v, ())) and case["values"]["ue"][v] is None
    ]


def unassessed(case):
    """§4.2: a warning for each value that an objective lacks."""
    return [
        f"Value for {o['metric']} metric and {version} version is None."
        for o in case["objectives"]
        for version in case["versions"]
        if case["values"][o["metric"]][version] is None
    ]


def message(warnings, info=""):
    """§4.6: empty parts are kept."""
    return f"Error: ; Warning: {', '.join(warnings)}; Info: {info}"


def shares(case, best):
    """§4.4, steps 1 to 4: ε-greedy, then each candidate's excess to the baseline; exact."""
    versions, (largest, rise) = case["versions"], case["caps"]
    count = len(versions)
    x = [Fraction(v in best, max(len(best), 1)) for v in versions]
    if not best:
        x[0] = Fraction(1)
    m = [100 * (Fraction(1, 10) / count + Fraction(9, 10) * share) for share in x]
    old = [case["split"][v] for v in versions] if case["split"] else [100] + [0] * (count - 1)
    excess = [max(Fraction(0), (m[i] - old[i]) - rise, m[i] - largest) for i in range(count)]
    excess[0] = Fraction(0)
    return [m[0] + sum(excess), *(m[i] - excess[i] for i in range(1, count))]


def support(c):
    """§4.4, step 5: every split that the randomised rounding can come out with."""
    found = {()}
    for i in range(len(c)):
        rest = sum(c[i:])
        grown = set()
        for split in found:
            left = 100 - sum(split)
            r = c[i] * left / rest if rest else Fraction(left, len(c) - i)
            grown |= {(*split, math.floor(r)), (*split, math.ceil(r))}
        found = grown
    return {split for split in found if sum(split) == 100}


# --- experiments ----------------------------------------------------------------------------------


def a_limit(chance, near):
    """A limit in one of the notations; often exactly one of the values."""
    if near and chance.random() < 0.3:
        return repr(chance.choice(near))
    suffix = chance.choice(list(SUFFIXES))
    return f"{chance.randint(0, 40)}{suffix}"


def an_objective(chance, metric, values):
    objective = {"metric": metric}
    known = [v for v in values.values() if v is not None]
    if chance.random() < 0.75:
        objective["upperLimit"] = a_limit(chance, known)
    if chance.random() < 0.35:
        objective["lowerLimit"] = a_limit(chance, known)
    return objective


def a_value(chance):
    """Ties, zeros, whole numbers, long fractions, negatives, and now and then nothing."""
    return chance.choice(
        [
            None,
            0.0,
            float(chance.randint(0, 4)),
            float(chance.randint(0, 4)),
            round(chance.uniform(0, 30), 3),
            chance.uniform(0, 40),
            -chance.random(),
            chance.random() / 100,
        ]
    )


def a_split(chance, versions):
    if chance.random() < 0.1:
        return {}
    cuts = sorted(chance.randint(0, 100) for _ in versions[1:])
    pairs = zip([0, *cuts], [*cuts, 100], strict=True)
    named = list(zip(versions, (b - a for a, b in pairs), strict=True))
    chance.shuffle(named)
    return dict(named)


def a_case(chance, pattern, deployment):
    """A random experiment and one sample of it, as plain data."""
    count = {"Conformance": 0, "A/B/N": chance.randint(1, 5)}.get(pattern, 1)
    versions = ["base", *(f"candidate-{i}" for i in range(count))]
    metrics = ["lat", "err", "ue"]
    values = {m: {v: a_value(chance) for v in versions} for m in metrics}
    objectives = None
    if chance.random() < 0.85:
        chosen = chance.choices(("lat", "err"), k=chance.randint(0, 3))
        objectives = [an_objective(chance, m, values[m]) for m in chosen]
    caps = {}
    if chance.random() < 0.8:
        caps = {
            key: chance.choice([0, 1, 100, chance.randint(0, 100)])
            for key in ("maxCandidateWeight", "maxCandidateWeightIncrement")
            if chance.random() < 0.9
        }
    return {
        "pattern": pattern,
        "deployment": deployment,
        "versions": versions,
        "values": values,
        "objectives": objectives,
        "weights": caps,
        "caps": (
            caps.get("maxCandidateWeight", 100),
            caps.get("maxCandidateWeightIncrement", 10),
        ),
        "direction": chance.choice(("High", "Low")),
        "split": a_split(chance, versions),
        "full": chance.random() < 0.8,
    }


def body(case):
    """The case as documents."""
    criteria = {"indicators": ["ue"]}
    if case["objectives"] is not None:
        criteria["objectives"] = case["objectives"]
    if case["pattern"] in ("A/B", "A/B/N"):
        criteria["rewards"] = [{"metric": "ue", "preferredDirection": case["direction"]}]
    strategy = {"testingPattern": case["pattern"], "deploymentPattern": case["deployment"]}
    if case["weights"]:
        strategy["weights"] = case["weights"]
    first, *others = [{"name": name} for name in case["versions"]]
    spec = {
        "target": "t",
        "strategy": strategy,
        "criteria": criteria,
        "versionInfo": {"baseline": first, **({"candidates": others} if others else {})},
    }
    api = {"apiVersion": "iter8.tools/v2alpha2"}
    meta = {"name": "exp", "namespace": "default"}
    metrics = [
        api | {"kind": "Metric", "metadata": meta | {"name": m}, "spec": {"mock": []}}
        for m in case["values"]
    ]
    return {
        "experiment": api | {"kind": "Experiment", "metadata": meta, "spec": spec},
        "metrics": metrics,
    }


def a_line(case):
    """The case's sample as `crossfade assess` reads it."""
    readings = [
        {"version": version, "metric": f"default/{metric}" if case["full"] else metric}
        | ({"absent": "empty-result"} if value is None else {"value": value})
        for metric, by_version in case["values"].items()
        for version, value in by_version.items()
    ]
    sample = {
        "uid": "u",
        "iteration": 1,
        "of": 15,
        "at": "2026-01-01T00:00:00Z",
        "elapsedSeconds": 10,
        "split": case["split"],
        "readings": readings,
    }
    return orjson.dumps(sample)


def assessed(case):
    """What `crossfade assess` writes for the case."""
    out = io.BytesIO()
    assert filtered(admit(body(case)), CHOSEN, [[a_line(case)]], out) == 0
    return orjson.loads(out.getvalue())


CHOSEN = policies(AnalyzerSettings())
KINDS = list(itertools.product(PATTERNS, DEPLOYMENTS))


@pytest.fixture(scope="module")
def cases():
    """By pattern and deployment: each case beside what was written for it."""
    made = {}
    for kind in KINDS:
        chance = random.Random(f"{kind}")
        made[kind] = [(case, assessed(case)) for case in a_good_many(chance, kind)]
    return made


def a_good_many(chance, kind):
    return [a_case(chance, *kind) for _ in range(CASES)]


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind))


@every_kind
def test_objectives_are_met_alike(cases, kind):
    for case, said in cases[kind]:
        block = said["analysis"]["versionAssessments"]
        assert block["data"] == assessments(case), case
        if case["objectives"] is None:
            assert "message" not in block, case
        else:
            assert block["message"] == message(unassessed(case)), case


@every_kind
def test_values_are_told_and_unknown_ones_are_left_out(cases, kind):
    for case, said in cases[kind]:
        data = said["analysis"]["aggregatedMetrics"]["data"]
        named = [o["metric"] for o in case["objectives"] or ()]
        assert set(data) == {"ue", *named}, case
        for metric, block in data.items():
            for version, value in case["values"][metric].items():
                shown = block["data"][version]
                assert set(shown) == (set() if value is None else {"value"}), case
                if value is not None:
                    nanos = (
                        Fraction(shown["value"].rstrip("numk")) * POWERS[shown["value"][-1:]]
                    )
                    assert abs(nanos - Fraction(repr(value))) < Fraction(1, 10**9), case


POWERS = {d: Fraction(1) for d in "0123456789"} | {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "k": Fraction(10**3),
}


@every_kind
def test_the_same_version_wins(cases, kind):
    for case, said in cases[kind]:
        _, expected, told = winner(case, assessments(case))
        block = said["analysis"]["winnerAssessment"]
        found = {"winnerFound": expected is not None}
        assert block["data"] == found | ({"winner": expected} if expected else {}), case
        assert said.get("winner") == expected, case
        if told is None:
            assert "message" not in block, case
        else:
            assert block["message"] == message(unrewarded(case), told), case


@every_kind
def test_the_split_is_one_that_the_randomised_rounding_could_give(cases, kind):
    for case, said in cases[kind]:
        found = said["split"]
        listed = {w["name"]: w["value"] for w in said["analysis"]["weights"]["data"]}
        assert listed == found, case
        if kind[0] == "Conformance":
            assert found == {}, case
            continue
        best, _, _ = winner(case, assessments(case))
        c = shares(case, best)
        split = tuple(found[version] for version in case["versions"])
        assert split in support(c), (case, split, [float(share) for share in c])


@every_kind
def test_no_split_is_beyond_its_caps_or_a_whole_point_from_its_share(cases, kind):
    if kind[0] == "Conformance":
        return
    for case, said in cases[kind]:
        c = shares(case, winner(case, assessments(case))[0])
        largest, rise = case["caps"]
        for version, share in zip(case["versions"], c, strict=True):
            weight = said["split"][version]
            assert abs(weight - share) < 1, case
            if version != "base":
                assert weight <= max(largest, 0), case
                old = case["split"].get(version, 0)
                assert weight <= old + rise, case


@every_kind
def test_a_failing_candidate_rolls_back_only_where_it_was_asked_for(cases, kind):
    for case, said in cases[kind]:
        failed = [
            o
            for v in case["versions"][1:] or case["versions"]
            for o in case["objectives"] or ()
            if case["values"][o["metric"]][v] is not None
            and not satisfied(case["values"][o["metric"]][v], o)
        ]
        rolled = kind[1] == "BlueGreen" and bool(failed)
        assert (said["verdict"] == "rollback") is rolled, case
        assert said["final"] is rolled, case
        _, best, _ = winner(case, assessments(case))
        assert said["recommended"] == ("base" if rolled else best or "base"), case


def test_thousands_of_splits_are_ones_that_upstream_could_draw():
    chance = random.Random("splits")
    for _ in range(2000):
        versions = [f"v{i}" for i in range(chance.randint(2, 8))]
        caps = tuple(chance.choice([0, 1, 10, 100, chance.randint(0, 100)]) for _ in range(2))
        split = a_split(chance, versions)
        best = chance.sample(versions, chance.randint(0, len(versions)))
        c = shares({"versions": versions, "caps": caps, "split": split}, best)
        found = tuple(next_split(versions, best, split, caps)[v] for v in versions)
        assert found in support(c), (versions, caps, split, best)
        assert all(abs(weight - share) < 1 for weight, share in zip(found, c, strict=True))


def test_the_oracle_says_what_the_specification_computed():
    """E23 and E24 of §4.5, with the shares of the splits that upstream drew."""
    case = {"versions": ["b", "c1", "c2"], "caps": (100, 10), "split": {}}
    c = shares(case, ["c1"])
    assert [round(float(x), 3) for x in c] == [86.667, 10.0, 3.333]
    assert support(c) == {(87, 10, 3), (87, 9, 4), (86, 11, 3), (86, 10, 4)}
    case["split"] = {"b": 4, "c1": 93, "c2": 3}
    assert support(shares(case, ["c1"])) == {(3, 94, 3), (3, 93, 4), (4, 93, 3), (4, 92, 4)}
