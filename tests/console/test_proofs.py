"""How far a run is from a decision: evidence beside its thresholds, in views, histories, pages."""

import math

import orjson
import pytest

from crossfade.events import Assessment
from crossfade.runtime.service import Logged
from crossfade.telling import headline
from crossfade.testing.runs import NAME, NAMESPACE, START, UID, IrisRun
from crossfade_console.projection import Projection
from crossfade_console.proofs import proof
from crossfade_console.trust import trust
from crossfade_console.views import detail, row

BARS = {"logBar": math.log(20), "alarmBar": math.log(40)}
ERRORS = {
    "candidate": "iris-v2",
    "claim": "error-rate",
    "role": "objective",
    "upper": 0.01,
    "logE": math.log(6),
    "logAlarm": -4.0,
    "z": 1.2,
    "critical": 1.67,
    "proved": False,
    "verdict": "leading",
} | BARS
ENGAGED = {
    "candidate": "iris-v2",
    "claim": "user-engagement",
    "role": "reward",
    "estimate": 0.1,
    "low": 0.02,
    "high": 0.2,
    "logE": math.log(90),
    "logAlarm": None,
    "verdict": "leading",
} | BARS
LACKING = {"candidate": "iris-v2", "claim": "p95-latency", "lacks": "histogram", "why": "no"}


def a_run(*evidence, policy="assured", iteration=4):
    projection = Projection()
    judged = Assessment(
        uid=UID,
        iteration=iteration,
        recommended="iris-v1",
        verdict="continue",
        evidence=evidence,
    )
    events = [*IrisRun().events(upto=3), (START, judged.about(NAMESPACE, NAME))]
    for n, (at, event) in enumerate(events):
        projection.take(Logged(event, n + 1, at, 0))
    run = projection.find(NAMESPACE, NAME)
    run.known = run.known.model_copy(update={"policy": policy})
    return run


def test_evidence_is_a_share_of_what_decides_on_the_logarithmic_scale():
    seen = proof(ERRORS)
    assert seen["for"] == pytest.approx(math.log(6) / math.log(20), abs=1e-3)
    assert seen["against"] == 0.0
    assert (seen["e"], seen["bar"]) == (6.0, 20.0)
    assert (seen["z"], seen["critical"]) == (1.2, 1.67)


def test_an_alarm_counts_against_its_own_threshold():
    seen = proof(ERRORS | {"logE": -7.0, "logAlarm": math.log(20)})
    assert seen["for"] == 0.0
    assert seen["against"] == pytest.approx(math.log(20) / math.log(40), abs=1e-3)


def test_certainty_stays_a_number():
    seen = proof(ERRORS | {"logE": 1e6})
    assert seen["for"] == 2.0
    assert math.isfinite(seen["e"])
    orjson.dumps(seen)


@pytest.mark.parametrize("claim", [LACKING, {"claim": "x", "logE": None}, {"claim": "x"}])
def test_what_cannot_be_proved_has_no_share(claim):
    assert proof(claim) is None


def test_the_view_tells_each_claim_and_the_history_its_way():
    run = a_run(ENGAGED, ERRORS, LACKING)
    view = detail(run, START)

    assert [(p["name"], p["proof"] is None) for p in view["proofs"]] == [
        ("user engagement", False),
        ("error rate", False),
        ("p95 latency", True),
    ]
    assert view["proofs"][2]["why"] == "no"
    points = orjson.loads(run.history.points())
    assert points[-1]["e"]["iris-v2"]["error-rate"] == [0.598, 0.0]
    assert "e" not in points[1]


def test_an_objective_shows_its_evidence_where_no_number_of_requests_is_known():
    view = detail(a_run(ERRORS), START)
    state = next(
        o for o in view["objectives"] if (o["name"], o["version"]) == ("error rate", "iris-v2")
    )
    assert state["standing"] == "not-yet"
    assert state["share"] == pytest.approx(0.598)
    assert state["proof"]["bar"] == 20.0


def test_a_leading_candidate_is_ahead_and_not_yet_proved():
    assert headline(a_run(ENGAGED, ERRORS).known) == "iris-v2 is ahead, not yet proved"
    assert headline(a_run(ENGAGED, policy="iter8").known) == "Nobody is ahead yet"


def test_whoever_is_very_probably_the_best_is_ahead_too():
    def said(chance, **more):
        claim = ENGAGED | {"verdict": "collecting", "pBest": chance} | more
        run = a_run(claim, claim | {"candidate": "iris-v3", "pBest": 1 - chance})
        return headline(run.known), row(run)["tone"], row(run)["focus"]

    assert said(0.97) == ("iris-v2 is ahead, not yet proved", "good", "iris-v2")
    assert said(0.90) == ("Nobody is ahead yet", "calm", "iris-v2")
    assert said(0.97, verdict="futile")[0] == "Nobody is ahead yet"


@pytest.mark.parametrize(
    ("log_e", "tone", "told"), [(-0.9, "good", "0.41"), (4, "warn", "55"), (8, "bad", "3000")]
)
def test_the_split_check_is_an_e_value_where_there_is_one(log_e, tone, told):
    shown = trust(a_run(ENGAGED | {"logMismatch": log_e}, iteration=3))[1]
    assert shown["what"] == "requests follow the split"
    assert shown["tone"] == tone
    assert f"(E = {told})" in shown["answer"]


def test_the_error_budget_is_told_as_the_policy_has_it():
    def told(policy):
        return {t["what"]: t["answer"] for t in trust(a_run(policy=policy))}[
            "looks · error budget"
        ]

    assert told("assured") == "4 of 15 · α 5 %, unspent"
    assert told("iter8") == "4 of 15 · none"
