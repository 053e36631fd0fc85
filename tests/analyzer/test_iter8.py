"""Policy `iter8`: the worked examples of v2alpha2 §4.5, and the laws of its split."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.domain.splits import is_split, round_to_split
from crossfade.testing.documents import a_document, a_sample
from crossfade_analyzer.policies.greedy import next_split
from crossfade_analyzer.policies.iter8 import Iter8Policy

FINE = {"b": 10.0, "c": 10.0}
UE = {"b": 133.38, "c": 188.75}


def judged(document, **sample):
    return Iter8Policy().judge(document, {}, a_sample(**sample))


def test_e1_without_caps_the_best_gets_everything_but_exploration():
    assert next_split(["b", "c"], ["c"], {"b": 100, "c": 0}) == {"b": 5, "c": 95}


@pytest.mark.parametrize(
    ("old", "expected"),
    [((100, 0), (90, 10)), ((20, 80), (10, 90)), ((10, 90), (5, 95))],
    ids=["E2", "E3", "E4"],
)
def test_the_winner_rises_by_the_increment(old, expected):
    result = judged(a_document(), lat=FINE, ue=UE, split={"b": old[0], "c": old[1]})
    assert (result.winner, result.recommended) == ("c", "c")
    assert (result.split["b"], result.split["c"]) == expected


def test_e5_low_prefers_the_smaller_reward():
    result = judged(a_document(direction="Low"), lat=FINE, ue=UE, split={"b": 50, "c": 50})
    assert result.winner == "b"
    assert result.split == {"b": 95, "c": 5}


def test_e6_weights_are_matched_by_name_whatever_their_order():
    result = judged(a_document(), lat=FINE, ue=UE, split={"c": 0, "b": 100})
    assert result.split == {"b": 90, "c": 10}


@pytest.mark.parametrize(
    ("caps", "ue", "old", "expected"),
    [
        ((53, 2), UE, (50, 50), (48, 52)),
        ((3, 10), {"b": 2.0, "c": 1.0}, (100, 0), (97, 3)),
        ((0, 10), UE, (100, 0), (100, 0)),
        ((100, 10), UE, (100, 0), (90, 10)),
    ],
    ids=["E7", "E8", "E9", "E10"],
)
def test_caps_hold_candidates_back(caps, ue, old, expected):
    result = judged(a_document(caps=caps), lat=FINE, ue=ue, split={"b": old[0], "c": old[1]})
    assert (result.split["b"], result.split["c"]) == expected


@pytest.mark.parametrize("old", [(60, 40), (52, 48)])
def test_e11_a_tie_shares(old):
    result = judged(
        a_document(), lat=FINE, ue={"b": 5.0, "c": 5.0}, split={"b": old[0], "c": old[1]}
    )
    assert result.winner is None
    assert result.split == {"b": 50, "c": 50}
    assert "two or more feasible" in result.analysis["winnerAssessment"]["message"]


@pytest.mark.parametrize(
    ("lat", "ue", "winner"),
    [
        ({"b": 10.0, "c": 3000.0}, UE, "b"),
        ({"b": 3000.0, "c": 3000.0}, UE, None),
        ({"b": 10.0, "c": None}, UE, "b"),
        (FINE, {"b": 133.38, "c": None}, "b"),
    ],
    ids=["E12", "E13", "E14", "E15"],
)
def test_a_candidate_that_misses_or_is_unknown_loses(lat, ue, winner):
    result = judged(a_document(), lat=lat, ue=ue, split={"b": 40, "c": 60})
    assert result.winner == winner
    assert result.split == {"b": 95, "c": 5}


def test_e14_says_which_value_is_unknown():
    result = judged(a_document(), lat={"b": 10.0, "c": None}, ue=UE, split={"b": 40, "c": 60})
    message = result.analysis["versionAssessments"]["message"]
    assert message == "Error: ; Warning: Value for lat metric and c version is None.; Info: "


def test_unknown_values_are_told_objective_by_objective_the_baseline_first():
    objectives = [{"metric": "lat", "upperLimit": 5}, {"metric": "ue", "lowerLimit": 1}]
    nothing = {"b": None, "c": None}
    result = judged(a_document(objectives=objectives), lat=nothing, ue=nothing)
    told = [
        f"Value for {metric} metric and {version} version is None."
        for metric in ("lat", "ue")
        for version in ("b", "c")
    ]
    message = result.analysis["versionAssessments"]["message"]
    assert message == f"Error: ; Warning: {', '.join(told)}; Info: "


def test_e15_says_whose_reward_is_unknown():
    result = judged(a_document(), lat=FINE, ue={"b": 1.0, "c": None}, split={"b": 40, "c": 60})
    message = result.analysis["winnerAssessment"]["message"]
    assert "reward value for feasible version c is not available" in message


def test_e16_without_objectives_every_version_is_feasible():
    result = judged(a_document(objectives=[]), ue=UE, split={"b": 40, "c": 60})
    assert result.split == {"b": 30, "c": 70}
    assert result.analysis["versionAssessments"]["data"] == {}
    assert "message" not in result.analysis["versionAssessments"]


@pytest.mark.parametrize(
    ("lat", "old", "winner", "expected"),
    [
        (FINE, (90, 10), "c", (80, 20)),
        ({"b": 10.0, "c": 3000.0}, (50, 50), "b", (95, 5)),
        ({"b": 3000.0, "c": 3000.0}, (50, 50), None, (95, 5)),
    ],
    ids=["E17", "E18", "E19"],
)
def test_canary_prefers_a_feasible_candidate(lat, old, winner, expected):
    result = judged(a_document("Canary"), lat=lat, split={"b": old[0], "c": old[1]})
    assert result.winner == winner
    assert (result.split["b"], result.split["c"]) == expected
    if winner is None:
        assert "message" not in result.analysis["winnerAssessment"]


def test_e20_canary_without_objectives_moves_on():
    result = judged(a_document("Canary", objectives=[]), split={"b": 50, "c": 50})
    assert result.split == {"b": 40, "c": 60}


@pytest.mark.parametrize(
    ("limits", "value", "met"),
    [
        ({"upperLimit": "0.0133", "lowerLimit": "0.0107"}, 0.0133, True),
        ({"upperLimit": "0.0133", "lowerLimit": "0.0107"}, 0.0107, True),
        ({"upperLimit": "11m"}, 0.0133, False),
        ({"upperLimit": "11m"}, 0.0107, True),
    ],
    ids=["E21-upper", "E21-lower", "E22-above", "E22-below"],
)
def test_limits_are_inclusive_quantities(limits, value, met):
    document = a_document(objectives=[{"metric": "lat", **limits}])
    result = judged(document, lat={"b": value, "c": value}, ue=UE)
    assert result.analysis["versionAssessments"]["data"]["c"] == [met]


N = ["b", "c1", "c2"]


@pytest.mark.parametrize(
    ("ue", "caps", "old", "expected"),
    [
        ((5, 9, 7), (100, 10), (100, 0, 0), (87, 10, 3)),
        ((5, 9, 7), (100, 10), (4, 93, 3), (4, 93, 3)),
        ((5, 9, 9), (40, 10), (20, 40, 40), (20, 40, 40)),
    ],
    ids=["E23", "E24", "E26"],
)
def test_several_candidates(ue, caps, old, expected):
    document = a_document("A/B/N", ("c1", "c2"), caps)
    values = {name: float(value) for name, value in zip(N, ue, strict=True)}
    result = judged(
        document,
        lat=dict.fromkeys(N, 1.0),
        ue=values,
        split=dict(zip(N, old, strict=True)),
    )
    assert tuple(result.split[name] for name in N) == expected


def test_e25_two_best_without_caps():
    assert next_split(N, ["c1", "c2"], {}) == {"b": 4, "c1": 48, "c2": 48}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (("50", "50"), (50, 50)),
        (("0.5", "99.5"), (1, 99)),
        (("33.3", "33.3", "33.4"), (33, 33, 34)),
    ],
)
def test_e27_largest_remainder_ties_to_the_baseline(shares, expected):
    named = {f"v{i}": Fraction(share) for i, share in enumerate(shares)}
    assert tuple(round_to_split(named, {}, "v0").values()) == expected


def test_conformance_knows_no_weights():
    result = judged(a_document("Conformance", ()), lat={"b": 10.0})
    assert (result.winner, result.split) == ("b", {})
    message = result.analysis["weights"]["message"]
    assert message == "weight computation is not applicable to a conformance experiment"


def test_the_trajectory_reaches_95_at_the_tenth_iteration_and_stays():
    document, split = a_document(), {"b": 100, "c": 0}
    seen = []
    for iteration in range(1, 16):
        result = judged(document, lat=FINE, ue=UE, split=split, iteration=iteration)
        split = result.split
        seen.append(split["c"])
    assert seen == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 95, 95, 95, 95, 95]
    assert (result.verdict, result.final) == ("promote", True)


def test_a_worse_candidate_ends_in_rollback():
    result = judged(a_document(), lat=FINE, ue={"b": 2.0, "c": 1.0}, iteration=15)
    assert (result.verdict, result.recommended, result.final) == ("rollback", "b", True)
    assert (
        result.reasons[0].text == "b has the most ue (2 against c 1) and meets every objective"
    )


def test_rollback_on_failure_ends_the_run_at_once_with_the_reason():
    document = a_document(
        objectives=[{"metric": "lat", "upperLimit": "2000", "rollback_on_failure": True}]
    )
    result = judged(document, lat={"b": 10.0, "c": 3000.0}, ue=UE, iteration=3)
    assert (result.verdict, result.final, result.recommended) == ("rollback", True, "b")
    assert result.reasons[0].text == "c misses lat ≤ 2000: it is at 3000"


def test_an_unknown_value_does_not_roll_back():
    document = a_document(
        objectives=[{"metric": "lat", "upperLimit": "2000", "rollback_on_failure": True}]
    )
    result = judged(document, lat={"b": 10.0, "c": None}, ue=UE, iteration=1)
    assert (result.verdict, result.final) == ("continue", False)


def test_a_run_without_any_value_ends_in_no_data():
    nothing = {"b": None, "c": None}
    result = judged(a_document(), lat=nothing, ue=nothing, iteration=15)
    assert (result.verdict, result.recommended) == ("no-data", "b")
    gap = " " * 29
    assert (
        f"Error from metrics backend for metric: lat{gap}and version: b"
        in result.analysis["aggregatedMetrics"]["message"]
    )


def test_a_version_beside_the_document_is_told_and_weighs_nothing():
    """As a load that `metrics/collect` sends to a version which is not in versionInfo."""
    alone = judged(a_document(), lat={"b": 10.0, "c": 20.0}, ue=UE)
    beside = judged(a_document(), lat={"b": 10.0, "c": 20.0, "shadow": 9e9}, ue=UE)
    data = beside.analysis["aggregatedMetrics"]["data"]

    assert data["lat"]["data"]["shadow"] == {"value": "9G"}
    assert set(data["ue"]["data"]) == {"b", "c"}
    del data["lat"]["data"]["shadow"]
    assert beside == alone


@st.composite
def situations(draw):
    count = draw(st.integers(2, 6))
    names = [f"v{i}" for i in range(count)]
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=count - 1, max_size=count - 1)))
    weights = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    best = draw(st.lists(st.sampled_from(names), unique=True))
    caps = draw(st.none() | st.tuples(st.integers(0, 100), st.integers(0, 100)))
    return names, best, dict(zip(names, weights, strict=True)), caps


@given(situations())
def test_every_split_sums_to_100_and_no_cap_is_exceeded(situation):
    names, best, old, caps = situation
    split = next_split(names, best, old, caps)
    assert is_split(split)
    if caps:
        for name in names[1:]:
            assert split[name] <= caps[0]
            assert split[name] <= max(old[name] + caps[1], 0)


@given(situations())
def test_candidates_in_another_order_get_the_same_up_to_ties(situation):
    names, best, old, caps = situation
    one = next_split(names, best, old, caps)
    other = next_split([names[0], *reversed(names[1:])], best, old, caps)
    assert all(abs(one[name] - other[name]) <= 1 for name in names)


@given(situations())
def test_repeating_a_step_moves_monotonically_to_a_fixed_point(situation):
    names, best, split, caps = situation
    if caps is None or caps[1] == 0:
        return
    for _ in range(250):
        after = next_split(names, best, split, caps)
        if after == split:
            break
        split = after
    assert next_split(names, best, split, caps) == split


@given(
    st.lists(st.integers(1, 1000), min_size=2, max_size=6).map(
        lambda parts: {f"v{i}": Fraction(100 * p, sum(parts)) for i, p in enumerate(parts)}
    )
)
def test_rounding_stays_within_one_of_the_share(shares):
    split = round_to_split(shares, {}, "v0")
    assert is_split(split)
    assert all(abs(split[name] - share) < 1 for name, share in shares.items())
