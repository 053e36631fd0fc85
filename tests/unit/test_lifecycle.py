"""The life of a run: its one table, and the laws that hold whatever happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.domain import facts
from crossfade.domain.lifecycle import TABLE, begin, step, wanted
from crossfade.domain.runs import Phase, Plan
from crossfade.domain.splits import is_split


def a_plan(**changes) -> Plan:
    return replace(Plan("b", ("b", "c"), 15, 15, 10.0), **changes)


def a_run(**changes):
    return begin("u", "ns", "exp", "iris", a_plan(**changes), 0.0)


def running(**changes):
    state = step(a_run(**changes), facts.Acquired(1.0))
    if state.phase is Phase.STARTING:
        state = step(state, facts.ActionDone(1.5, "start", True))
        state = step(state, facts.Readmitted(1.6, 1))
    state = step(state, facts.TrialRead(2.0))
    return step(state, facts.WeightsRead(3.0, {"b": 100, "c": 0}))


def assessed(iteration, split=None, verdict="continue", final=False, winner="c"):
    split = split or {"b": 90, "c": 10}
    return facts.Assessed(10.0 * iteration, iteration, split, verdict, final, winner, winner)


def said(state):
    return [(a.kind, a.body.get("stage"), a.body.get("reason")) for a in state.outbox]


def conditions(state):
    return {c.type: (c.status, c.reason, c.message) for c in state.conditions}


def test_a_clean_run_goes_through_every_stage_in_order():
    state = running(actions=("finish",))
    state = step(state, assessed(15, verdict="promote", final=True))
    assert wanted(state).kind == "shift"
    state = step(state, facts.Shifted(151.0, 15, {"b": 100, "c": 0}, {"b": 90, "c": 10}))
    assert (state.phase, wanted(state).kind) == (Phase.FINISHING, "act")
    state = step(state, facts.ActionDone(152.0, "finish", True))
    assert (state.outcome, state.message) == (
        "promoted",
        "ExperimentCompleted: Experiment Completed",
    )
    stages = [stage for kind, stage, _ in said(state) if kind == "stage-change"]
    assert stages == [
        "Waiting", "Initializing", "Initializing", "Running", "Finishing", "Completed",
    ]  # fmt: skip
    assert conditions(state)["Completed"] == (
        True,
        "ExperimentCompleted",
        "Experiment Completed",
    )
    assert conditions(state)["Failed"][0] is False


def test_rollback_puts_the_baseline_at_100_and_recommends_it():
    state = step(running(), assessed(3, {"b": 95, "c": 5}, "rollback", True, "c"))
    # The split in force is the wanted one already, so there is nothing to write first.
    assert (state.phase, state.shift, state.outcome) == (Phase.COMPLETED, None, "rolled-back")
    assert state.recommended == "b"


def test_rollback_from_a_moved_split_waits_for_the_shift_before_it_ends():
    state = step(running(), assessed(1, {"b": 60, "c": 40}))
    state = step(state, facts.Shifted(11.0, 1, {"b": 100, "c": 0}, {"b": 60, "c": 40}))
    state = step(state, assessed(2, {"b": 95, "c": 5}, "rollback", True, "b"))
    assert state.shift.split == {"b": 100, "c": 0}
    assert state.shift.cause == "rollback"
    assert state.phase is Phase.RUNNING
    state = step(state, facts.Shifted(21.0, 2, {"b": 60, "c": 40}, {"b": 100, "c": 0}))
    assert (state.phase, state.outcome) == (Phase.COMPLETED, "rolled-back")
    assert state.message == "ExperimentCompleted: Experiment rolled back"


def test_an_iteration_that_ends_in_a_rollback_is_not_a_completed_one():
    state = step(running(actions=("finish", "loop")), assessed(14))
    assert state.completed_iterations == 14
    state = step(state, facts.Shifted(141.0, 14, {"b": 100, "c": 0}, {"b": 90, "c": 10}))
    asked = replace(
        assessed(15, verdict="rollback", final=True), reasons=({"code": "rollback-on-failure"},)
    )
    rolled = step(state, asked)
    assert (rolled.iteration, rolled.completed_iterations) == (15, 14)
    assert (rolled.recommended, rolled.action) == ("b", "")
    back = step(rolled, facts.Shifted(151.0, 15, {"b": 90, "c": 10}, {"b": 100, "c": 0}))
    assert conditions(back)["Completed"][2] == "Rollback handler 'finish' launched"
    assert [m.message for m in back.marks if m.message.endswith("15")] == []
    done = step(back, facts.ActionDone(152.0, "finish", True))
    assert done.message == "ExperimentCompleted: Experiment Completed"


def test_a_candidate_that_has_lost_in_the_end_is_no_rollback():
    lost = step(running(), assessed(15, {"b": 100, "c": 0}, "rollback", True, "b"))
    assert (lost.completed_iterations, lost.outcome) == (15, "rolled-back")
    assert lost.message == "ExperimentCompleted: Experiment completed successfully"


@pytest.mark.parametrize("verdict", ["inconclusive", "no-data"])
def test_not_knowing_is_no_failure_and_keeps_the_baseline(verdict):
    state = step(running(), assessed(15, {"b": 100, "c": 0}, verdict, True, ""))
    assert (state.outcome, state.recommended) == (verdict, "b")
    assert conditions(state)["Failed"][0] is False


def test_a_start_action_comes_before_the_trial_reading():
    state = step(a_run(actions=("start",)), facts.Acquired(1.0))
    assert (state.phase, state.action) == (Phase.STARTING, "start")
    failed = step(state, facts.ActionDone(2.0, "start", False, "exit 1"))
    assert failed.outcome == "failed"
    assert conditions(failed)["Failed"] == (
        True,
        "HandlerFailed",
        "Start actions failed: exit 1",
    )
    assert failed.message == "ExperimentCompleted: Experiment failed"


def test_after_a_start_action_the_document_is_admitted_again_before_it_is_read():
    state = step(a_run(actions=("start",)), facts.Acquired(1.0))
    state = step(state, facts.ActionDone(2.0, "start", True))
    assert (state.phase, state.stage, wanted(state).kind) == (
        Phase.ADMITTING,
        "Initializing",
        "admit",
    )
    plan = replace(state.plan, versions=("b", "c", "d"))
    read = step(state, facts.Readmitted(3.0, 2, plan))
    assert (read.phase, read.revision, read.plan) == (Phase.READING, 2, plan)
    reasons = [a.body["reason"] for a in read.outbox if a.kind == "stage-change"]
    assert reasons[-2:] == ["SpecChanged", "TrialReading"]
    assert read.outbox[-1].body["revision"] == 2


def test_an_edit_in_between_makes_the_document_be_read_once_more():
    state = step(a_run(actions=("start",)), facts.Acquired(1.0))
    state = step(state, facts.ActionDone(2.0, "start", True))
    edited = step(state, facts.Edited(3.0, 2, state.plan))
    assert step(edited, facts.Readmitted(4.0, 1)) is edited
    assert step(edited, facts.Readmitted(4.0, 2)).phase is Phase.READING


def test_a_document_that_is_wrong_after_its_start_action_fails_the_run():
    state = step(a_run(actions=("start",)), facts.Acquired(1.0))
    state = step(state, facts.ActionDone(2.0, "start", True))
    fault = facts.Readmitted(3.0, 1, reason="InvalidExperiment", fault="No versionInfo")
    failed = step(state, fault)
    assert conditions(failed)["Failed"] == (True, "InvalidExperiment", "No versionInfo")
    late = step(state, facts.Overdue(state.deadline + 1))
    assert conditions(late)["Failed"][1] == "InvalidExperiment"


def test_a_trial_reading_that_cannot_work_ends_the_run_with_the_field():
    state = step(step(a_run(), facts.Acquired(1.0)), facts.TrialRead(2.0, ("m of c: refused",)))
    assert conditions(state)["Failed"] == (True, "MetricsUnreadable", "m of c: refused")


def test_many_readings_that_cannot_work_are_a_few_and_a_number():
    faults = tuple(f"m{i} of c: refused" for i in range(24))
    state = step(step(a_run(), facts.Acquired(1.0)), facts.TrialRead(2.0, faults))

    assert conditions(state)["Failed"][2] == (
        "m0 of c: refused; m1 of c: refused; m2 of c: refused; and 21 more readings"
    )


def test_unreadable_weights_end_the_run():
    state = step(step(a_run(), facts.Acquired(1.0)), facts.TrialRead(2.0))
    state = step(state, facts.WeightsRead(3.0, fault="traffic is not found"))
    told = "Specification of version weightObjectRef invalid: traffic is not found"
    assert conditions(state)["Failed"] == (True, "InvalidExperiment", told)


def test_fixed_split_never_wants_a_write():
    state = step(running(moves_weights=False), assessed(1))
    assert (state.shift, wanted(state).kind) == (None, "")


def test_a_newer_wish_replaces_an_older_one():
    state = step(step(running(), assessed(1)), assessed(2, {"b": 80, "c": 20}))
    assert state.shift.split == {"b": 80, "c": 20}
    late = step(state, facts.Shifted(21.0, 1, {"b": 100, "c": 0}, {"b": 90, "c": 10}))
    assert late.shift is not None


def test_after_three_fights_in_a_row_nothing_moves_but_a_rollback():
    state = running()
    for iteration in (1, 2, 3):
        state = step(state, assessed(iteration))
        state = step(state, facts.Fought(10.0 * iteration, {"b": 70, "c": 30}, "somebody else"))
    state = step(state, assessed(4))
    assert state.shift is None
    state = step(state, assessed(5, verdict="rollback", final=True))
    assert state.shift.split == {"b": 100, "c": 0}


def test_a_loop_action_runs_after_every_loop_and_before_the_end():
    state = running(iterations_per_loop=5, actions=("loop", "finish"))
    state = step(state, assessed(5, {"b": 100, "c": 0}))
    assert state.action == "loop-1"
    state = step(state, facts.ActionDone(51.0, "loop-1", True))
    assert state.action == ""
    state = step(state, assessed(15, {"b": 100, "c": 0}, "promote", True))
    assert (state.phase, state.action) == (Phase.RUNNING, "loop-3")
    state = step(state, facts.ActionDone(151.0, "loop-3", True))
    assert (state.phase, state.action) == (Phase.FINISHING, "finish")


def test_at_the_gate_of_promotion_nothing_is_judged_nor_moved_nor_missed():
    state = step(running(gates=("promote",)), assessed(5, verdict="promote", final=True))
    state = step(state, facts.Shifted(51.0, 5, {"b": 100, "c": 0}, {"b": 90, "c": 10}))
    assert state.gate == "promote"

    assert step(state, assessed(6, split={"b": 80, "c": 20})) is state
    assert step(state, assessed(6, verdict="rollback", final=True)) is state
    assert step(state, facts.Silent(500.0)) is state
    assert step(state, facts.Overdue(80_000.0)) is state, "a day is given to answer"
    assert step(state, facts.Approved(80_000.0)).outcome == "promoted"


def test_abort_moves_everything_back_and_says_who_asked():
    state = step(running(), assessed(1, {"b": 50, "c": 50}))
    state = step(state, facts.Shifted(11.0, 1, {}, {"b": 50, "c": 50}))
    state = step(state, facts.Aborted(12.0, "ada", "too slow"))
    assert state.shift.split == {"b": 100, "c": 0}
    state = step(state, facts.Shifted(13.0, 1, {}, {"b": 100, "c": 0}))
    assert state.outcome == "aborted"
    assert state.message == "ExperimentCompleted: Experiment aborted by ada: too slow"


@pytest.mark.parametrize("phase", [p for p in Phase if p != Phase.COMPLETED])
def test_abort_is_accepted_in_every_phase_that_is_not_terminal(phase):
    assert (phase, facts.Aborted) in TABLE


def test_deletion_leaves_the_traffic_and_runs_nothing():
    state = step(step(running(actions=("finish",)), assessed(1)), facts.Deleted(12.0))
    assert (state.phase, state.shift, state.action, state.gone) == (
        Phase.COMPLETED, None, "", True,
    )  # fmt: skip


def test_every_phase_but_waiting_has_a_deadline_and_an_exit():
    states = [step(a_run(actions=("start",)), facts.Acquired(1.0)), running()]
    states.append(step(a_run(), facts.Acquired(1.0)))
    states.append(step(states[-1], facts.TrialRead(2.0)))
    for state in states:
        assert state.deadline > 0
        assert step(state, facts.Overdue(state.deadline - 0.1)) is state
        assert step(state, facts.Overdue(state.deadline)).outcome == "failed"


FACTS = st.one_of(
    st.builds(facts.Acquired, st.floats(1, 1e6)),
    st.builds(
        facts.ActionDone,
        st.floats(1, 1e6),
        st.sampled_from(["start", "finish", "loop-1"]),
        st.booleans(),
    ),
    st.builds(
        facts.Readmitted,
        st.floats(1, 1e6),
        st.integers(1, 3),
        st.one_of(st.none(), st.builds(a_plan)),
        fault=st.sampled_from(["", "", "x"]),
    ),
    st.builds(facts.TrialRead, st.floats(1, 1e6), st.sampled_from([(), ("x",)])),
    st.builds(
        facts.WeightsRead,
        st.floats(1, 1e6),
        st.just({"b": 100, "c": 0}),
        fault=st.sampled_from(["", "", "x"]),
    ),
    st.integers(1, 16).flatmap(
        lambda i: st.builds(
            assessed, st.just(i), st.integers(0, 100).map(lambda w: {"b": 100 - w, "c": w}),
            st.sampled_from(["continue", "promote", "rollback", "inconclusive"]), st.booleans(),
        )
    ),
    st.integers(0, 100).map(lambda w: facts.Shifted(5.0, 1, {}, {"b": 100 - w, "c": w})),
    st.just(facts.Fought(5.0, {"b": 50, "c": 50}, "x")),
    st.just(facts.TargetLost(5.0, "x")),
    st.just(facts.Aborted(5.0)),
    st.just(facts.Deleted(5.0)),
    st.builds(facts.Overdue, st.floats(1, 1e6)),
)  # fmt: skip


@given(st.lists(FACTS, max_size=40), st.sets(st.sampled_from(["start", "loop", "finish"])))
def test_no_transition_leaves_the_end_and_every_wish_is_a_split(happened, actions):
    state, ends = a_run(actions=tuple(actions)), 0
    order = list(Phase)
    for fact in happened:
        before = state
        state = step(state, fact)
        if before.over:
            assert state is before
        assert order.index(state.phase) >= order.index(before.phase)
        assert state.shift is None or is_split(state.shift.split)
        ends += state.over and not before.over
    assert ends <= 1
    completed = [a for a in state.outbox if a.body.get("stage") == "Completed"]
    assert len(completed) == ends


@given(st.lists(FACTS, max_size=30))
def test_a_fact_told_twice_in_a_row_says_nothing_new(happened):
    state = running()
    for fact in happened:
        state = step(state, fact)
        if isinstance(fact, facts.Assessed | facts.Shifted | facts.TrialRead | facts.Acquired):
            again = step(state, fact)
            assert [a for a in again.outbox if a.kind == "stage-change"] == [
                a for a in state.outbox if a.kind == "stage-change"
            ]
