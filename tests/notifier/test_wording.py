"""The sentences: every kind of run, every kind of news, in plain words with the numbers in them."""

from datetime import UTC, datetime

import pytest

from crossfade.events import ActionOutcome, Assessment, Incident, StageChange, WeightChange
from crossfade.telling import (
    Known,
    Limit,
    Urgency,
    headline,
    iteration,
    learn,
    objective_states,
    tell,
    why,
)
from crossfade.telling.known import Why
from crossfade.telling.numbers import duration, number, quantity

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_run(**changes):
    """An A/B run at its seventh look, all well."""
    wanted = {
        "uid": "u",
        "namespace": "shop",
        "name": "cart",
        "policy": "iter8",
        "stage": "Running",
        "verdict": "continue",
        "iteration": 7,
        "of": 15,
        "interval_seconds": 10,
        "versions": ("old", "new"),
        "objectives": (Limit(metric="m/error-rate", upper=0.01),),
        "reward": "m/user-engagement",
        "winner": "new",
        "values": {
            "m/user-engagement": {"old": 0.2, "new": 0.286},
            "m/error-rate": {"old": 0.001, "new": 0.002},
        },
        "in_force": {"old": 40, "new": 60},
        "asked": {"old": 30, "new": 70},
    }
    return Known(**(wanted | changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "7/15: new earns 1.43× the engagement, all limits held, 60 → 70 %"),
        (
            {"asked": {"old": 40, "new": 60}},
            "7/15: new earns 1.43× the engagement, all limits held, stays at 60 %",
        ),
        (
            {"reward_low": True},
            "7/15: new has 1.43× the engagement, all limits held, 60 → 70 %",
        ),
        (
            {"values": {"m/user-engagement": {"old": 0.2, "new": 0.1},
                        "m/error-rate": {"new": 0.02}}, "winner": "old"},
            "7/15: new earns 0.50× the engagement, error rate of new is 0.02, "
            "its limit ≤ 0.01, 60 → 70 %",
        ),
        (
            {"values": {"m/user-engagement": {"old": 0.2}},
             "absent": {"m/error-rate": {"new": "timeout"}}},
            "7/15: the engagement of new is not known yet, error rate of new is not known "
            "(timeout), 60 → 70 %",
        ),
        ({"reward": ""}, "7/15: all limits held, 60 → 70 %"),
        ({"reward": "", "versions": ("old",), "in_force": {}, "asked": {}},
         "7/15: all limits held"),
        (
            {"policy": "assured", "evidence": (
                {"candidate": "new", "metric": "m/error-rate", "role": "objective",
                 "upper": 0.01, "proved": False, "n": 208, "nMore": 91},)},
            "7/15: new earns 1.43× the engagement, enough seen for 0 of 1 limits "
            "(error rate: 208 of 299 requests), 60 → 70 %",
        ),
        (
            {"policy": "assured", "reward": "", "evidence": (
                {"candidate": "new", "metric": "m/error-rate", "role": "objective",
                 "upper": 0.01, "proved": False, "n": 400, "nMore": 0},)},
            "7/15: enough seen for all limits, 60 → 70 %",
        ),
        (
            {"policy": "assured", "reward": "", "evidence": (
                {"candidate": "new", "metric": "m/error-rate", "role": "objective",
                 "upper": 0.01, "proved": False, "n": 400, "nMore": None},)},
            "7/15: enough seen for 0 of 1 limits so far, 60 → 70 %",
        ),
        (
            {"versions": ("a", "b", "c"), "winner": "c", "reward": "",
             "objectives": (), "in_force": {"a": 80, "b": 10, "c": 10},
             "asked": {"a": 70, "b": 10, "c": 20}},
            "7/15: a 70 : b 10 : c 20 %",
        ),
    ],
)  # fmt: skip
def test_an_iteration_is_one_sentence(changes, sentence):
    assert iteration(a_run(**changes)) == sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stage": "Initializing", "verdict": ""}, "Starting"),
        ({"verdict": "", "winner": None}, "Running; no look has been taken yet"),
        ({}, "new is ahead"),
        ({"winner": "old"}, "old is ahead"),
        ({"winner": None}, "Nobody is ahead yet"),
        ({"winner": None, "versions": ("new",)}, "All limits held so far"),
        ({"winner": None, "versions": ("new",), "objectives": ()}, "Running"),
        ({"verdict": "no-data"}, "No data to judge by"),
        ({"reason": "Paused", "message": "Paused by Ada"}, "Paused by Ada"),
        ({"reason": "ApprovalNeeded", "message": "promotion needs approval"},
         "Promotion needs approval"),
        ({"stage": "Completed", "outcome": "promoted"}, "new is promoted"),
        # Nobody moves the rest: what has less than half of the traffic is not called promoted.
        ({"stage": "Completed", "outcome": "promoted", "observed": {"old": 70, "new": 30}},
         "new wins"),
        ({"stage": "Completed", "outcome": "promoted", "observed": {"old": 70, "new": 30},
          "finishes": True}, "new is promoted"),
        ({"stage": "Completed", "outcome": "rolled-back"}, "Rolled back to old"),
        ({"stage": "Completed", "outcome": "inconclusive"},
         "Inconclusive: old keeps the traffic"),
        ({"stage": "Completed", "outcome": "failed"}, "Failed"),
        ({"stage": "Completed", "outcome": "promoted", "winner": "two", "versions": (),
          "in_force": {}, "asked": {}}, "two is promoted"),
        ({"stage": "Completed", "outcome": "kept", "versions": ("a",)}, "a is kept"),
        ({"stage": "Completed", "outcome": "promoted", "versions": ("a",)}, "a conforms"),
        ({"stage": "Completed", "outcome": "rolled-back", "versions": ("a",)},
         "a does not conform"),
        ({"stage": "Completed", "outcome": "promoted", "fixed": True}, "new wins"),
        ({"stage": "Completed", "outcome": "rolled-back", "fixed": True}, "old stays"),
        ({"stage": "Completed", "outcome": "inconclusive", "fixed": True},
         "Inconclusive: old stays"),
        ({"stage": "Completed", "outcome": "promoted", "fixed": True, "finishes": True},
         "new is promoted"),
        ({"winner": None, "versions": ("no", "body")}, "Nobody is ahead yet"),
        ({"stage": "Completed", "outcome": "aborted", "versions": ("abort", "a")}, "Aborted"),
        ({"reason": "Paused", "message": "new: paused by Ada"}, "new: paused by Ada"),
    ],
)  # fmt: skip
def test_a_headline_says_where_the_run_stands(changes, words):
    assert headline(a_run(**changes)) == words


@pytest.mark.parametrize(
    ("entry", "progress"),
    [
        ({"n": 208, "nMore": 91}, "208 of 299 requests"),
        ({"n": 20, "nMore": 470, "per": "seconds"}, "20 s of 8 m 10 s"),
        ({"n": 3, "nMore": None, "per": "intervals"}, ""),
    ],
)
def test_progress_is_told_in_what_was_counted(entry, progress):
    claim = {"candidate": "new", "metric": "m/error-rate", "upper": 0.01, "proved": False}
    known = a_run(policy="assured", evidence=({**claim, **entry},))
    state = objective_states(known)[0]
    assert state.progress == progress
    assert state.sentence == "error rate of new is 0.002" + (
        progress and f": {progress} needed"
    )


def test_who_judges_is_told_by_the_assessment_where_the_document_leaves_it_open():
    known = a_run(policy="", iteration=0)
    told = Assessment(uid="u", iteration=1, recommended="old", verdict="continue")
    assured = told.model_copy(update={"policy": "assured"})
    assert learn(known, told, AT).policy == ""  # an older log says nothing
    assert learn(known, assured, AT).policy == "assured"


@pytest.mark.parametrize(
    ("decision", "before", "policy"),
    [
        (None, "", "iter8"),
        (None, "assured", "assured"),
        ({"policy": "iter8"}, "assured", "iter8"),
        ({}, "iter8", "assured"),
    ],
)
def test_a_revision_says_who_judges_only_where_it_says_so(decision, before, policy):
    spec = {
        "target": "t",
        "strategy": {"testingPattern": "Conformance"},
        "versionInfo": {"baseline": {"name": "old"}},
        **({"decision": decision} if decision is not None else {}),
    }
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "cart"},
        "spec": spec,
    }
    change = StageChange(
        uid="u", stage="Running", reason="", document={"experiment": experiment}
    )
    assert learn(a_run(policy=before), change, AT).policy == policy


def test_a_failure_gives_its_own_reason_not_the_last_verdicts():
    failed = a_run(
        stage="Completed",
        outcome="failed",
        message="Start actions failed: exit 1",
        reasons=(Why(code="x", text="new is fine"),),
    )

    assert why(failed) == "Start actions failed: exit 1."


@pytest.mark.parametrize(
    ("event", "urgency", "text"),
    [
        (StageChange(uid="u", stage="Waiting", reason="TargetBusy", message="target iris is "
                     "held by shop/x"), Urgency.PROGRESS, "target iris is held by shop/x"),
        (StageChange(uid="u", stage="Running", reason="ApprovalNeeded", message="promotion "
                     "needs approval"), Urgency.APPROVAL, "promotion needs approval"),
        (StageChange(uid="u", stage="Running", reason="Paused", message="Paused by Ada"),
         Urgency.TROUBLE, "Paused by Ada"),
        (Incident(uid="u", what_happened="stale-data", text="p95 is stale"), Urgency.TROUBLE,
         "p95 is stale"),
        (Incident(uid="u", what_happened="stale-data", state="closed", text="p95 is fresh"),
         Urgency.TROUBLE, "over: p95 is fresh"),
        (WeightChange(uid="u", cause="rollback", observed={"old": 100, "new": 0}),
         Urgency.PROGRESS, "all traffic moved back: old 100 : new 0"),
        (WeightChange(uid="u", cause="action", action="finish", observed={"old": 0, "new": 100}),
         Urgency.PROGRESS, "traffic moved by the finish action: old 0 : new 100"),
        (WeightChange(uid="u", asked={"old": 30, "new": 70}, observed={"old": 40, "new": 60}),
         Urgency.TROUBLE, "asked for old 30 : new 70, but old 40 : new 60 is in force"),
        (ActionOutcome(uid="u", action="finish", task=1, ok=False, exit=2, output="a\nno rights"),
         Urgency.TROUBLE, "task 1 of the finish action failed (exit 2): no rights"),
        (ActionOutcome(uid="u", action="finish", task=0, ok=False, output="if: no such field"),
         Urgency.TROUBLE, "task 0 of the finish action failed: if: no such field"),
    ],
)  # fmt: skip
def test_news_is_told_with_its_urgency(event, urgency, text):
    told = tell(event, learn(a_run(iteration=0), event, AT))

    assert (told.urgency, told.text) == (urgency, text)


def test_an_assessment_that_moves_weights_leaves_the_word_to_the_change_that_follows():
    moves = Assessment(
        uid="u",
        iteration=7,
        split={"old": 30, "new": 70},
        recommended="new",
        verdict="continue",
    )

    assert tell(moves, learn(a_run(), moves, AT)) is None


def test_a_split_that_nobody_moves_is_told_as_it_stands_at_every_look():
    wish = Assessment(
        uid="u",
        iteration=7,
        split={"old": 30, "new": 70},
        winner="new",
        recommended="new",
        verdict="continue",
    )
    told = tell(wish, learn(a_run(fixed=True), wish, AT))

    assert told is not None, "no change of weights follows that could say it"
    assert told.text == "7/15: new earns 1.43× the engagement, all limits held, stays at 60 %"


@pytest.mark.parametrize(
    "astray",
    [
        WeightChange(uid="u", iteration=3, asked={"new": 30}, observed={"new": 30}),
        WeightChange(uid="u", iteration=9, asked={"new": 30}, observed={"new": 30}),
        Assessment(uid="u", iteration=3, split={"new": 30}, recommended="", verdict="continue"),
    ],
)
def test_what_comes_late_or_early_is_not_told_as_the_newest_look(astray):
    assert tell(astray, learn(a_run(iteration=7), astray, AT)) is None


def test_a_split_in_force_as_asked_ends_a_fight_over_it_and_no_other_trouble():
    troubled = a_run(troubles={"weights-fought-over": "x", "stale-data": "y"})
    settled = WeightChange(uid="u", iteration=8, asked={"new": 70}, observed={"new": 70})
    astray = WeightChange(uid="u", iteration=8, asked={"new": 70}, observed={"new": 60})

    assert learn(troubled, settled, AT).troubles == {"stale-data": "y"}
    assert learn(troubled, astray, AT).troubles == troubled.troubles


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0016, "0.0016"),
        (1284.0, "1284"),
        (12840.0, "12,840"),
        (16.49999, "16.5"),
    ],
)
def test_numbers_are_as_short_as_they_can_be(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "written", "text"),
    [
        (0.0000238, "milliseconds", "23.8 ns"),
        (0.00475, "milliseconds", "4.75 µs"),
        (0.25, "milliseconds", "0.25 ms"),
        (5200.0, "ms", "5200 ms"),
        (0.0, "seconds", "0 s"),
        (1e-15, "seconds", "1e-06 ns"),
        (0.0016, "requests", "0.0016 requests"),
        (0.0016, None, "0.0016"),
        (None, "seconds", "–"),
    ],
)
def test_a_time_far_below_its_unit_is_said_in_a_smaller_one(value, written, text):
    assert quantity(value, written) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (150, "2 m 30 s"), (90_000, "1 d 1 h")]
)
def test_durations_name_their_two_largest_units(seconds, text):
    assert duration(seconds) == text
