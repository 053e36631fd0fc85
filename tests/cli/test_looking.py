"""Commands that look at runs, over a real broker."""

import json

import orjson
import pytest
import yaml
from cli_builders import enrol

from crossfade.domain.runs import Phase
from crossfade.events import ActionOutcome
from crossfade.testing.runs import IrisRun

OLD = IrisRun(namespace="alpha", name="zeta", uid="11111111-0000-4000-8000-000000000001")
NEW = IrisRun(namespace="beta", name="iris", uid="11111111-0000-4000-8000-000000000002")
AT = 1_767_261_600.0


@pytest.fixture
async def two_runs(talk):
    """One that is over, and a younger one in its seventh iteration."""
    await enrol(
        talk,
        OLD,
        at=AT,
        phase=Phase.COMPLETED,
        iteration=15,
        winner="iris-v2",
        outcome="promoted",
        verdict="promote",
        recommended="iris-v2",
        observed={"iris-v1": 5, "iris-v2": 95},
        message="ExperimentCompleted: Experiment Completed",
    )
    return await enrol(
        talk,
        NEW,
        upto=7,
        at=AT + 60,
        phase=Phase.RUNNING,
        iteration=7,
        start_at=AT + 62,
        winner="iris-v2",
        verdict="continue",
        recommended="iris-v2",
        observed={"iris-v1": 30, "iris-v2": 70},
        reasons=({"code": "best-reward", "text": "iris-v2 has the most user-engagement"},),
    )


async def test_get_lists_every_run_with_split_and_verdict(crossfade, two_runs):
    result = await crossfade("get")
    assert result.exit_code == 0, result.output
    head, old, new = result.stdout.splitlines()
    assert head.split()[:5] == ["NAMESPACE", "NAME", "TYPE", "TARGET", "STAGE"]
    assert old.split()[:8] == [
        "alpha",
        "zeta",
        "A/B",
        "iris",
        "Completed",
        "15",
        "5:95",
        "promote",
    ]
    assert old.endswith("ExperimentCompleted: Experiment Completed")
    assert new.split()[:8] == [
        "beta",
        "iris",
        "A/B",
        "iris",
        "Running",
        "7",
        "30:70",
        "continue",
    ]


async def test_get_of_one_namespace_shows_only_that(crossfade, two_runs):
    result = await crossfade("get", "-n", "alpha", "-o", "wide")
    assert len(result.stdout.splitlines()) == 2
    assert OLD.uid in result.stdout


async def test_get_counts_iterations_as_the_resource_does(crossfade, talk):
    rolled_back = {"phase": Phase.COMPLETED, "iteration": 3, "uncounted": True}
    await enrol(talk, NEW, upto=3, **rolled_back)
    (head, row) = (await crossfade("get")).stdout.splitlines()

    assert row[head.index("COMPLETED ITERATIONS") :].split()[0] == "2"


async def test_get_shows_no_split_where_no_version_has_a_weight(crossfade, talk):
    everything = {"iris-v1": 100, "iris-v2": 0}
    await enrol(talk, NEW, upto=3, weighted=False, phase=Phase.RUNNING, observed=everything)
    (head, row) = (await crossfade("get")).stdout.splitlines()

    assert row[head.index("SPLIT") :].startswith(" " * len("SPLIT"))
    assert "100:0" not in row


async def test_get_prints_a_resource_that_describe_reads_back(crossfade, two_runs):
    shown = await crossfade("get", "iris", "-o", "yaml")
    resource = yaml.safe_load(shown.stdout)
    assert resource["metadata"]["uid"] == NEW.uid
    assert resource["status"]["completedIterations"] == 7
    again = await crossfade("describe", "-f", "-", "--layout", "iter8", stdin=shown.stdout)
    assert "Number of completed iterations: 7" in again.stdout
    listed = await crossfade("get", "-o", "json")
    assert [item["metadata"]["name"] for item in json.loads(listed.stdout)["items"]] == [
        "zeta",
        "iris",
    ]


async def test_without_a_name_it_is_the_newest_not_the_alphabets_last(crossfade, two_runs):
    result = await crossfade("describe", "--layout", "iter8")
    assert "Experiment name: iris" in result.stdout


async def test_our_own_description_shows_why_and_the_split(crossfade, two_runs):
    result = await crossfade("describe")
    assert result.exit_code == 0, result.output
    assert "best-reward" in result.stdout
    assert "70 %" in result.stdout


async def test_an_unknown_name_is_one_line_and_exit_code_1(crossfade, two_runs):
    result = await crossfade("describe", "nobody", "-n", "beta")
    assert result.exit_code == 1
    assert result.stderr == "Experiment nobody not found in namespace beta\n"


async def test_a_name_in_two_namespaces_has_to_be_told_apart(crossfade, talk, two_runs):
    twin = IrisRun(namespace="gamma", name="iris", uid="11111111-0000-4000-8000-000000000003")
    await enrol(talk, twin, upto=1)
    result = await crossfade("why", "iris")
    assert result.exit_code == 1
    assert "beta, gamma" in result.stderr


async def test_why_gives_reasons_and_what_comes_next(crossfade, two_runs):
    lines = (await crossfade("why", "iris")).stdout.splitlines()
    assert lines[0] == "beta/iris: iris-v2 is ahead"
    assert lines[1] == "Verdict of iteration 7/15: continue"
    assert "[best-reward]" in lines[2]
    assert lines[-1].startswith("Next: iteration 8 of 15 is read ")


async def test_watch_without_a_terminal_says_a_line_an_event_and_ends(crossfade, two_runs):
    result = await crossfade("watch", "zeta")
    assert result.exit_code == 0, result.output
    said = result.stdout.splitlines()
    assert "started: A/B: iris-v2 against iris-v1, 15 looks, 10 s apart" in said[0]
    assert "iris-v2 is promoted" in said[-1]


async def test_assert_holds_or_says_the_first_that_does_not(crossfade, two_runs):
    held = await crossfade("assert", "zeta", "-c", "completed,winnerFound", "-c", "promoted")
    assert (held.exit_code, held.stdout) == (0, "All conditions satisfied.\n")
    missed = await crossfade("assert", "iris", "-c", "winnerFound", "-c", "completed")
    assert (missed.exit_code, missed.stderr) == (1, "experiment has not completed\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "one or more conditions must be specified with assert"),
        (("-c", "happy"), "Invalid condition: happy; right is one of completed, winnerFound"),
    ],
)
async def test_assert_refuses_what_it_does_not_know(crossfade, settings, words, told):
    result = await crossfade("assert", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith(told)


async def test_events_come_in_order_as_lines_and_as_json(crossfade, two_runs):
    text = await crossfade("events", "iris", "--kinds", "assessment,weight-change")
    kinds = {line.split()[1] for line in text.stdout.splitlines()}
    assert kinds == {"assessment", "weight-change"}
    whole = await crossfade("events", "-n", "beta", "-o", "json")
    read = [orjson.loads(line) for line in whole.stdout.splitlines()]
    assert [e["sequence"] for e in read] == sorted(e["sequence"] for e in read)
    assert {e["name"] for e in read} == {"iris"}
    assert read[0]["body"]["stage"] == "Waiting"


async def test_debug_shows_failures_first_and_output_when_asked(crossfade, talk, two_runs):
    fine = ActionOutcome(uid=OLD.uid, action="finish", task=0, ok=True, exit=0, output="done\n")
    bad = ActionOutcome(
        uid=OLD.uid, action="finish", task=1, ok=False, exit=3, output="oh no\n"
    )
    for outcome in (fine, bad):
        await talk.publisher.say(outcome.about("alpha", "zeta"))
    first = (await crossfade("debug", "zeta")).stdout.splitlines()
    assert first[0] == "Debugging experiment zeta in namespace alpha"
    assert first[1:] == [
        "source: task-runner priority: 1 message: finish task 1, attempt 1: "
        "failed (exit 3) after 0.0 s",
        "source: task-runner priority: 1 message: oh no",
    ]
    everything = (await crossfade("debug", "zeta", "-p", "3")).stdout
    assert "priority: 3 message: done" in everything


async def test_a_broker_without_bootstrap_says_what_to_do(crossfade, broker, monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URL", broker.url)
    for words in (["get"], ["events"], ["doctor"]):
        result = await crossfade(*words)
        assert result.exit_code == 1
        assert "crossfade bootstrap" in result.output


async def test_doctor_finds_what_stands_and_which_services_are_missing(crossfade, settings):
    result = await crossfade("doctor")
    assert result.exit_code == 1
    assert "ok       bootstrap    streams and buckets stand" in result.stdout
    assert "trouble  actuator     is not running, 0 messages wait for it" in result.stdout
    assert "ok       notifier     is not running" in result.stdout
    assert "console" not in result.stdout


async def test_bootstrap_says_what_stands_and_how_long_the_log_lasts(crossfade, settings):
    result = await crossfade("bootstrap")
    assert result.exit_code == 0, result.output
    assert "stream CROSSFADE_EVENTS" in result.stdout
    assert "the log lasts 30 days at 1 experiment every 10 s" in result.stdout
