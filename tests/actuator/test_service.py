"""The actuator by what it stores, says and writes; the cluster is a sheet of paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from tests.actuator.stands import AT, Doing, FoughtOver, Paper, Stand, a_start, a_trial

from crossfade.domain.facts import Assessed
from crossfade.domain.runs import Phase, TaskRecord
from crossfade.errors import Malformed, NotFound, Permanent, Unreachable
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import Command, DeadLetter, Deadline
from crossfade_actuator.commanded import Commanded
from crossfade_actuator.locking import TargetLock
from crossfade_actuator.pruning import Pruner
from crossfade_actuator.revising import Revising


async def test_a_good_start_is_accepted_with_its_uid_and_runs():
    stand = Stand()
    uid = await stand.running()
    assert (await stand.state(uid)).phase is Phase.RUNNING
    stages = [(e.stage, e.reason) for e in stand.said("stage-change")]
    assert stages == [
        ("Waiting", "ExperimentInitialized"),
        ("Initializing", "StageAdvanced"),
        ("Initializing", "TrialReading"),
        ("Running", "StageAdvanced"),
    ]
    found = stand.said("weight-change")[0]
    assert (found.iteration, found.observed) == (0, {"b": 100, "c": 0})
    assert stand.said("stage-change")[-1].document["experiment"]["metadata"]["name"] == "exp"


async def test_without_a_cluster_and_without_objects_nothing_moves_and_the_run_ends_well():
    stand = Stand(paper=None)
    uid = await stand.running(objects=False)
    final = (await stand.state(uid)).plan.iterations
    for iteration in range(1, final + 1):
        more = {"final": True, "verdict": "promote"} if iteration == final else {}
        split = {"b": 90, "c": 10}
        await stand.assess(uid, iteration, split, winner="c", recommended="c", **more)
    state = await stand.state(uid)
    assert state.phase is Phase.COMPLETED
    assert state.ending.outcome == "promoted"
    assert len(stand.said("weight-change")) == 1, "the split as found, and no other"


async def test_a_bad_document_is_refused_with_every_mistake_by_field():
    body = orjson.loads(a_start())
    body["experiment"]["spec"]["duration"]["intervalSeconds"] = 0
    body["experiment"]["spec"]["strategy"]["testingPattern"] = "Z"
    with pytest.raises(Malformed) as refused:
        await Stand().actuator.ask_start(orjson.dumps(body))
    fields = {error.field for error in refused.value.errors}
    assert {"spec.duration.intervalSeconds", "spec.strategy.testingPattern"} <= fields


async def test_a_second_start_of_the_same_is_accepted_with_the_same_uid():
    stand = Stand()
    uid = await stand.running()
    again = await stand.actuator.ask_start(a_start())
    assert (again["accepted"], again["uid"]) == (True, uid)


async def test_a_changed_start_while_running_is_refused_by_name():
    stand = Stand()
    uid = await stand.running()
    with pytest.raises(Malformed) as refused:
        await stand.actuator.ask_start(a_start(target="other"))
    assert refused.value.errors[0].field == "metadata.name"
    assert refused.value.errors[0].message == f"running as {uid}"


async def test_a_start_after_the_end_is_a_new_run():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 15, {"b": 100, "c": 0}, verdict="rollback", final=True)
    stand.now += timedelta(seconds=1)
    assert await stand.running() != uid


async def test_a_command_delivered_twice_begins_one_run():
    stand = Stand()
    await stand.running()
    count = len(stand.recorder.said)
    await stand.actuator.obey(stand.queued.commands[-1])
    await stand.settled()
    assert len(stand.recorder.said) == count


async def test_a_split_is_written_read_back_said_and_settled():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    change = stand.said("weight-change")[-1]
    assert (change.before, change.asked, change.observed) == (
        {"b": 100, "c": 0},
        {"b": 90, "c": 10},
        {"b": 90, "c": 10},
    )
    assert (await stand.state(uid)).shift is None


async def test_a_repeated_assessment_writes_once():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    assert stand.paper.history == [{"b": 90, "c": 10}]


async def test_a_cluster_that_is_away_is_asked_again():
    stand = Stand()
    uid = await stand.running()
    stand.paper.trouble = [Unreachable(), Unreachable()]
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    assert stand.paper.split == {"b": 90, "c": 10}


async def test_whoever_else_writes_is_an_incident_and_the_split_is_asserted_again():
    stand = Stand()
    uid = await stand.running()
    stand.paper.trouble = [FoughtOver("somebody else moved them")]
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    assert [e.what_happened for e in stand.said("incident")] == ["weights-fought-over"]
    await stand.assess(uid, 2, {"b": 80, "c": 20})
    assert stand.paper.split == {"b": 80, "c": 20}


async def test_a_target_that_is_gone_fails_the_run_and_says_so():
    stand = Stand()
    uid = await stand.running()
    stand.paper.trouble = [Permanent("SeldonDeployment ns/iris is gone")]
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    end = stand.said("stage-change")[-1]
    assert (end.outcome, end.stage) == ("failed", "Completed")
    assert "SeldonDeployment ns/iris is gone" in end.message


async def test_a_winner_is_finished_and_completed():
    stand = Stand()
    uid = await stand.running(
        strategy={"actions": {"finish": [{"run": "true"}]}, "testingPattern": "A/B"}
    )
    await stand.assess(
        uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c", recommended="c"
    )
    state = await stand.state(uid)
    assert stand.doing.ran == ["finish"]
    assert (state.outcome, state.winner, stand.paper.split) == (
        "promoted",
        "c",
        {"b": 5, "c": 95},
    )
    assert await stand.actuator.ledger.open_runs() == []


PROMOTING = {"actions": {"finish": [{"run": "kubectl patch"}]}, "testingPattern": "A/B"}


async def promoted_by_its_own_action(stand):
    stand.doing.effect = lambda: stand.paper.split.update({"b": 0, "c": 100})
    uid = await stand.running(strategy=PROMOTING)
    await stand.assess(
        uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c", recommended="c"
    )
    return await stand.state(uid)


async def test_what_a_finish_action_did_to_the_split_is_read_and_told_before_the_end():
    stand = Stand()
    state = await promoted_by_its_own_action(stand)
    moved, end = stand.recorder.said[-2:]

    assert state.observed == {"b": 0, "c": 100}
    assert (moved.cause, moved.action, moved.before, moved.observed) == (
        "action",
        "finish",
        {"b": 5, "c": 95},
        {"b": 0, "c": 100},
    )
    assert moved.id.endswith("/15/weight-change/action/finish")
    assert (end.stage, end.outcome) == ("Completed", "promoted")
    assert stand.paper.history == [{"b": 5, "c": 95}], "nobody but the action wrote"


async def test_a_split_that_stands_elsewhere_after_an_action_is_not_guessed():
    stand = Stand(paper=Paper(in_place=False))
    state = await promoted_by_its_own_action(stand)

    assert (state.outcome, state.observed) == ("promoted", {"b": 5, "c": 95})


async def test_weights_that_nobody_can_read_after_an_action_fail_no_run():
    stand = Stand()

    async def gone(document):
        raise NotFound("SeldonDeployment ns/iris is gone")

    def deleted():
        stand.paper.read = gone

    uid = await stand.running(strategy=PROMOTING)
    stand.doing.effect = deleted
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")
    state = await stand.state(uid)

    assert (state.outcome, state.observed) == ("promoted", {"b": 5, "c": 95})


async def test_an_action_that_was_interrupted_is_compared_with_nothing():
    stand = Stand()
    uid = await stand.running(strategy=PROMOTING)
    begun = {"finish/0": TaskRecord(1)}
    await stand.actuator.ledger.change(uid, lambda state: replace(state, tasks=begun))
    stand.doing.effect = lambda: stand.paper.split.update({"b": 0, "c": 100})
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")
    state = await stand.state(uid)

    assert (state.outcome, state.observed) == ("promoted", {"b": 5, "c": 95})


async def test_the_next_look_counts_on_what_a_loop_action_left():
    stand = Stand()
    loops = {"strategy": {"actions": {"loop": [{"run": "x"}]}, "testingPattern": "A/B"}}
    uid = await stand.running(duration={"iterationsPerLoop": 1, "maxLoops": 3}, **loops)
    stand.doing.effect = lambda: stand.paper.split.update({"b": 50, "c": 50})
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    state = await stand.state(uid)

    assert state.observed == {"b": 50, "c": 50}
    assert stand.recorder.said[-1].id.endswith("/1/weight-change/action/loop-1")


async def test_a_failed_finish_is_a_failed_run():
    stand = Stand(doing=Doing(ok=False))
    uid = await stand.running(
        strategy={"actions": {"finish": [{"run": "false"}]}, "testingPattern": "A/B"}
    )
    await stand.assess(uid, 15, {"b": 100, "c": 0}, verdict="promote", final=True)
    state = await stand.state(uid)
    assert state.condition("Failed").message == "Finish actions failed: exit 1"


async def test_an_unreachable_back_end_ends_the_run_with_metric_and_version():
    stand = Stand()
    await stand.actuator.ask_start(a_start())
    uid = await stand.obeyed()
    await stand.actuator.note_trial(a_trial(uid, "unreachable", "connection refused"))
    await stand.settled()
    state = await stand.state(uid)
    assert state.condition("Failed").message == "default/lat of c: connection refused"


async def test_an_empty_trial_reading_does_not_end_the_run():
    stand = Stand()
    await stand.actuator.ask_start(a_start())
    uid = await stand.obeyed()
    await stand.actuator.note_trial(a_trial(uid, "empty-result"))
    await stand.settled()
    assert (await stand.state(uid)).phase is Phase.RUNNING


async def test_the_second_run_of_a_target_waits_and_goes_on_when_the_first_ends():
    stand = Stand()
    first = await stand.running()
    await stand.actuator.ask_start(a_start(name="other"))
    second = await stand.obeyed()
    waiting = await stand.state(second)
    assert waiting.phase is Phase.WAITING
    assert waiting.message == "TargetBusy: target t is held by default/exp"
    assert {event.target for event in stand.said("stage-change")} == {"t"}
    await stand.assess(first, 15, {"b": 100, "c": 0}, verdict="rollback", final=True)
    assert (await stand.state(second)).phase is Phase.READING


async def test_what_goes_on_of_a_run_is_stopped_before_the_next_one_begins():
    stand = Stand()
    first = await stand.running()
    await stand.actuator.ask_start(a_start(name="other"))
    second = await stand.obeyed()
    held = []

    async def abandon(state, document):
        held.append((state.uid, (await stand.state(second)).phase))

    stand.doing.abandon = abandon
    await stand.actuator.obey(Command("deleted", "gone", orjson.dumps({"uid": first})))
    await stand.settled()

    assert held == [(first, Phase.WAITING)]
    assert (await stand.state(second)).phase is Phase.READING


async def test_abort_puts_everything_back_and_says_who_asked():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 1, {"b": 50, "c": 50})
    body = orjson.dumps({"namespace": "default", "name": "exp", "requestedBy": "ada"})
    reply = await stand.actuator.ask("abort", body)
    assert (reply["accepted"], reply["uid"]) == (True, uid)
    await stand.actuator.obey(stand.queued.commands[-1])
    await stand.settled()
    assert stand.paper.split == {"b": 100, "c": 0}
    assert (await stand.state(uid)).message.endswith("Experiment aborted by ada")


async def test_the_second_clock_ends_a_run_that_is_overdue():
    stand = Stand()
    await stand.actuator.ask_start(a_start())
    uid = await stand.obeyed()
    stand.now = AT + timedelta(hours=1)
    await stand.actuator.look_after(Deadline(stand.now))
    await stand.settled()
    assert (await stand.state(uid)).outcome == "failed"


async def test_the_second_clock_sets_a_silent_clock_again():
    stand = Stand()
    uid = await stand.running()
    stand.now = AT + timedelta(seconds=40)
    reaction = await stand.actuator.look_after(Deadline(stand.now))
    assert [s.interval_seconds for s in reaction.schedules] == [10]
    assert orjson.loads(reaction.schedules[0].body) == {"uid": uid, "revision": 1}


async def test_a_replica_that_died_before_saying_is_finished_by_another():
    stand = Stand()
    uid = await stand.running()
    fact = Assessed(AT.timestamp() + 10, 1, {"b": 90, "c": 10}, "continue", False, "", "b")
    await stand.actuator.ledger.apply(uid, fact)  # stored, and then the process dies
    assert stand.paper.history == []
    stand.actuator = stand.a_replica()
    await stand.actuator.look_after(Deadline(stand.now))
    await stand.settled()
    assert stand.paper.history == [{"b": 90, "c": 10}]
    assert stand.said("weight-change")[-1].iteration == 1


async def asked(stand, verb, **body):
    reply = await stand.actuator.ask(verb, orjson.dumps({"name": "exp"} | body))
    await stand.actuator.obey(stand.queued.commands[-1])
    await stand.settled()
    return reply


async def test_a_paused_run_moves_nothing_until_it_is_resumed():
    stand = Stand()
    uid = await stand.running()
    await asked(stand, "pause", requestedBy="ada", reason="lunch")
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    assert stand.paper.history == []
    await asked(stand, "resume")
    await stand.assess(uid, 2, {"b": 90, "c": 10})
    assert stand.paper.history == [{"b": 90, "c": 10}]
    told = [(e.stage, e.reason, e.message) for e in stand.said("stage-change")][-2:]
    assert told == [
        ("Running", "Paused", "Paused by ada: lunch"),
        ("Running", "Resumed", "Resumed"),
    ]


async def test_pausing_twice_in_one_iteration_is_two_events():
    stand = Stand()
    await stand.running()
    for verb in ("pause", "resume", "pause"):
        await asked(stand, verb)
    assert [e.reason for e in stand.said("stage-change")][-3:] == [
        "Paused",
        "Resumed",
        "Paused",
    ]


async def test_somebody_may_promote_a_version_by_hand():
    stand = Stand()
    uid = await stand.running()
    await asked(stand, "promote", version="c", requestedBy="ada")
    state = await stand.state(uid)
    assert (state.outcome, state.winner, stand.paper.split) == (
        "promoted",
        "c",
        {"b": 0, "c": 100},
    )
    assert stand.said("weight-change")[-1].cause == "promotion"


@pytest.mark.parametrize(
    ("verb", "body", "field", "told"),
    [
        ("resume", {}, "name", "only a paused experiment can be resumed; it is running"),
        ("promote", {"version": "z"}, "version", "found 'z'; right is one of b, c"),
        ("approve", {}, "name", "it does not wait for anybody's approval"),
        ("pause", {"epoch": 1}, "epoch", "decided at epoch 1, the run is at 3 by now"),
        ("abort", {"name": "nobody"}, "", "no experiment default/nobody has run here"),
    ],
)
async def test_what_may_not_be_asked_now_is_refused_with_the_reason(verb, body, field, told):
    stand = Stand()
    await stand.running()
    with pytest.raises((Malformed, NotFound)) as refused:
        await stand.actuator.ask(verb, orjson.dumps({"name": "exp"} | body))
    errors = getattr(refused.value, "errors", None)
    assert told in str(refused.value)
    assert errors is None or errors[0].field == field


async def test_a_verb_for_a_run_that_has_ended_is_refused():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 15, {"b": 100, "c": 0}, verdict="rollback", final=True)
    with pytest.raises(Malformed, match="has ended already"):
        await stand.actuator.ask("abort", b'{"name":"exp"}')


async def test_gates_wait_for_approval_at_the_start_and_before_promotion():
    stand = Stand()
    uid = await stand.running(decision={"policy": "iter8", "gates": ["start", "promote"]})
    state = await stand.state(uid)
    assert (state.phase, state.gate) == (Phase.WEIGHING, "start")
    await asked(stand, "approve", requestedBy="ada")
    running = [e for e in stand.said("stage-change") if e.stage == "Running"]
    assert running[0].document is not None
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")
    assert (await stand.state(uid)).gate == "promote"
    await asked(stand, "approve")
    assert (await stand.state(uid)).outcome == "promoted"


async def test_a_run_that_waits_for_approval_is_not_said_to_be_silent():
    stand = Stand()
    uid = await stand.running(decision={"policy": "iter8", "gates": ["promote"]})
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")
    stand.now += timedelta(minutes=10)
    reaction = await stand.actuator.look_after(Deadline(stand.now))
    await stand.settled()

    assert (await stand.state(uid)).gate == "promote"
    assert not reaction.schedules, "its clock has stopped on purpose"
    assert stand.said("incident") == []


async def test_a_rejected_promotion_puts_everything_back():
    stand = Stand()
    uid = await stand.running(decision={"policy": "iter8", "gates": ["promote"]})
    await stand.assess(uid, 15, {"b": 5, "c": 95}, verdict="promote", final=True, winner="c")
    await asked(stand, "reject", reason="not on a Friday")
    state = await stand.state(uid)
    assert (state.outcome, stand.paper.split) == ("aborted", {"b": 100, "c": 0})
    assert state.message.endswith("not on a Friday")


async def test_a_gate_that_nobody_opens_aborts_the_run():
    stand = Stand()
    uid = await stand.running(
        decision={"policy": "iter8", "gates": ["start"], "deadlines": {"approval": 60}}
    )
    stand.now = AT + timedelta(seconds=61)
    await stand.actuator.look_after(Deadline(stand.now))
    await stand.settled()
    assert "nobody approved in time" in (await stand.state(uid)).message


async def test_an_edited_document_counts_from_the_next_iteration_on():
    stand = Stand()
    uid = await stand.running()
    body = orjson.loads(stand.queued.commands[-1].body)
    body["experiment"]["spec"]["duration"]["iterationsPerLoop"] = 3
    await stand.actuator.obey(Command("start-experiment", "again", orjson.dumps(body)))
    await stand.settled()
    state = await stand.state(uid)
    assert (state.revision, state.plan.iterations) == (2, 3)
    change = stand.said("stage-change")[-1]
    assert (change.reason, change.revision) == ("SpecChanged", 2)
    document = await Runs(stand.store).document(uid, 2)
    assert document.iterations == 3


@pytest.mark.parametrize("metadata", [1.5, "x", [], None])
async def test_a_command_without_metadata_worth_the_name_is_refused_by_field(metadata):
    body = orjson.loads(a_start())
    body["experiment"]["metadata"] = metadata
    with pytest.raises(Malformed) as refused:
        await Stand().actuator.obey(Command("start-experiment", "c", orjson.dumps(body)))

    assert refused.value.errors[0].field == "metadata"


@pytest.mark.parametrize("verb", ["start-experiment", "deleted", "abort", "annotation"])
@pytest.mark.parametrize("body", [b"", b"nonsense", b"null", b"[]"])
async def test_a_command_that_is_no_object_is_malformed(verb, body):
    with pytest.raises(Malformed):
        await Stand().actuator.obey(Command(verb, "c", body))


async def test_an_edit_with_a_metric_of_no_name_changes_nothing():
    stand = Stand()
    uid = await stand.running()
    body = orjson.loads(stand.queued.commands[-1].body)
    body["metrics"][0]["metadata"] = 3
    await stand.actuator.obey(Command("start-experiment", "again", orjson.dumps(body)))
    await stand.settled()

    assert (await stand.state(uid)).revision == 1


async def test_an_edit_that_makes_no_sense_changes_nothing():
    stand = Stand()
    uid = await stand.running()
    body = orjson.loads(stand.queued.commands[-1].body)
    body["experiment"]["spec"]["duration"]["iterationsPerLoop"] = -1
    await stand.actuator.obey(Command("start-experiment", "again", orjson.dumps(body)))
    await stand.settled()
    state = await stand.state(uid)
    assert (state.revision, state.phase) == (1, Phase.RUNNING)
    fault = "spec.duration.iterationsPerLoop: found -1"
    assert state.message.startswith(f"EditRefused: {fault}")
    (incident,) = stand.said("incident")
    assert (incident.what_happened, incident.state) == ("edit-refused", "opened")
    assert fault in incident.text


async def test_a_refused_edit_is_told_once_and_is_over_when_the_document_is_right_again():
    stand = Stand()
    uid = await stand.running()
    right = orjson.loads(stand.queued.commands[-1].body)
    wrong = orjson.loads(stand.queued.commands[-1].body)
    wrong["experiment"]["spec"]["duration"]["iterationsPerLoop"] = -1
    for number, body in enumerate((wrong, wrong, right, right)):
        await stand.actuator.obey(Command("start-experiment", str(number), orjson.dumps(body)))
    await stand.settled()
    assert [i.state for i in stand.said("incident")] == ["opened", "closed"]
    state = await stand.state(uid)
    assert (state.revision, state.refused) == (1, "")


async def test_a_message_that_was_set_aside_is_an_incident_of_its_run():
    letter = DeadLetter(
        "analyzer",
        "u1/7/metric-sample",
        "crossfade.event.metric-sample.ns.exp",
        "no",
        3,
        "ns",
        "exp",
    )
    reaction = await Stand().actuator.report(letter)
    incident = reaction.events[0]
    assert (incident.uid, incident.iteration, incident.name) == ("u1", 7, "exp")
    assert incident.id == "u1/7/incident/set-aside-3/opened"


@pytest.mark.parametrize(
    ("identity", "uid"),
    [("CROSSFADE_COMMANDS/7", "-"), ("garbage", "-"), ("u1/7/abort", "u1"), ("u1/7", "u1")],
)
async def test_a_command_that_was_set_aside_is_of_its_run_if_it_names_one(identity, uid):
    letter = DeadLetter("actuator", identity, "crossfade.command.abort", "no", 3, "", "")
    (incident,) = (await Stand().actuator.report(letter)).events
    assert (incident.uid, incident.iteration) == (uid, 0)


async def test_silence_is_an_incident_that_closes_with_the_next_assessment():
    stand = Stand()
    uid = await stand.running()
    stand.now = AT + timedelta(seconds=40)
    for _ in range(3):
        await stand.actuator.look_after(Deadline(stand.now))
        await stand.settled()
    await stand.assess(uid, 1, {"b": 100, "c": 0})
    told = [(e.what_happened, e.state) for e in stand.said("incident")]
    assert told == [("stale-data", "opened"), ("stale-data", "closed")]


class Late(Commanded):
    """One that looked for the run a moment before another replica began it."""

    async def _known(self, uid):
        return None


async def test_a_start_that_another_replica_carries_out_meanwhile_deletes_nothing():
    stand = Stand(catalog=object())
    body = orjson.loads(a_start())
    body["experiment"]["metadata"]["uid"] = "u1"
    command = Command("start-experiment", "u1/1", orjson.dumps(body))
    await stand.actuator.obey(command)
    await stand.settled()
    actuator = stand.actuator
    late = Late(
        actuator.ledger, actuator.admission, actuator._doors, Revising(actuator.admission)
    )

    assert await late.carry_out(command) == ["u1"]

    assert not (await actuator.ledger.load("u1")).over


async def test_a_lease_whose_holder_died_is_not_left_when_the_run_is_over():
    stand = Stand()
    uid = await stand.running()
    await stand.store.put(f"lease.{uid}", b'{"owner":"dead","until":9e9}', 0)
    await stand.assess(uid, 15, {"b": 100, "c": 0}, verdict="rollback", final=True)
    await stand.settled()
    assert [key for key in stand.store.entries if key.startswith(("lease.", "open."))] == []


async def test_a_run_is_forgotten_ninety_days_after_its_end():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 15, {"b": 100, "c": 0}, verdict="rollback", final=True)
    pruner = Pruner(stand.actuator.ledger, lambda: stand.now, 90)
    stand.now = AT + timedelta(days=89)
    assert await pruner.prune() == 0
    stand.now = AT + timedelta(days=91)
    assert await pruner.prune() == 1
    assert [key for key in stand.store.entries if uid in key or key.startswith("name.")] == []


async def test_a_holder_that_died_before_it_left_is_removed_by_the_next():
    stand = Stand()
    await TargetLock(stand.store).enter("t", "a-run-that-nobody-knows", 0.0)
    uid = await stand.running()
    assert (await stand.state(uid)).phase is Phase.RUNNING
