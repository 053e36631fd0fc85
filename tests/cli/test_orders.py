"""Starting and ordering about, with real services behind the broker."""

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest
import yaml
from cli_builders import drafted

from crossfade.runtime import commanding
from crossfade_cli.run import a_bus


@pytest.fixture
async def services(settings):
    """Collector, analyzer and actuator in this process, without a cluster."""
    buses = [a_bus(name, settings) for name in ("collector", "analyzer", "actuator")]
    async with AsyncExitStack() as stack:
        for bus in buses:
            stack.push_async_callback(bus.stop)
        await asyncio.gather(*(bus.start() for bus in buses))
        yield


def draft(**changes):
    """The draft as one YAML text."""
    return yaml.safe_dump_all(drafted(**changes))


async def test_a_run_from_start_to_its_asserted_end(crossfade, services):
    started = await crossfade("start", "-f", "-", stdin=draft())
    assert started.exit_code == 0, started.output
    said = started.stdout.splitlines()
    assert said[0].startswith("accepted: ")
    assert said[-1] == "Running StageAdvanced: Advanced to Running"
    assert (await crossfade("doctor")).exit_code == 0
    ended = await crossfade("assert", "-c", "successful,winnerFound", "--timeout", "20")
    assert (ended.exit_code, ended.stdout) == (0, "All conditions satisfied.\n")
    why = await crossfade("why", "iris")
    assert why.stdout.splitlines()[-1] == "Next: nothing: it has ended"
    shown = (await crossfade("describe", "iris")).stdout
    assert "descriptive only" in shown
    assert "mean-latency: distribution is missing; say what kind of number it is" in shown
    described = await crossfade("describe", "iris", "--layout", "iter8")
    assert "Winning version: two" in described.stdout


async def test_a_start_whose_answer_is_lost_is_asked_again_as_the_same_request(
    crossfade, talk, monkeypatch
):
    monkeypatch.setattr(commanding, "ANSWER_SECONDS", 0.5)
    client, heard = talk.connection.client, []

    async def answer(message):
        heard.append(orjson.loads(message.data)["requestId"])
        if len(heard) > 1:
            await message.respond(b'{"accepted": true, "uid": "u-1"}')

    await client.subscribe("crossfade.request.start-experiment", cb=answer)
    await client.flush()
    started = await crossfade("start", "--no-wait", "-f", "-", stdin=draft())

    assert (started.exit_code, started.stdout) == (0, "accepted: u-1\n"), started.output
    assert "no answer" in started.stderr
    assert len(heard) == 2
    assert len(set(heard)) == 1

    await crossfade("start", "--no-wait", "-f", "-", stdin=draft())
    assert len(set(heard)) == 2, "a start of its own is a request of its own"


async def test_every_mistake_of_a_start_is_a_line_with_its_field(crossfade, services):
    broken = draft(
        criteria={"objectives": [{"metric": "nowhere", "upperLimit": "x"}]}, target=""
    )
    result = await crossfade("start", "-f", "-", stdin=broken)
    assert result.exit_code == 1
    fields = {line.partition(":")[0] for line in result.stderr.splitlines()}
    assert {"spec.target", "spec.criteria.objectives[0].upperLimit"} <= fields
    queued = await crossfade("start", "--via", "event", "-f", "-", stdin=broken)
    assert queued.exit_code == 1
    assert "spec.target: " in queued.stderr


async def test_an_event_is_queued_and_runs_by_and_by(crossfade, services):
    queued = await crossfade("start", "--via", "event", "-f", "-", stdin=draft())
    assert (queued.exit_code, queued.stdout) == (0, "queued\n")
    ended = await crossfade("assert", "iris", "-c", "completed", "--timeout", "20")
    assert ended.exit_code == 0, ended.output


async def test_what_lint_finds_is_told_at_every_door_and_refuses_nothing(crossfade, services):
    loose = draft(
        criteria={"objectives": [{"metric": "mean-latency"}]},
        strategy={"testingPattern": "Canary", "deploymentPattern": "FixedSplit"},
    )
    told = (
        "warning: spec.criteria.objectives[0]: it has no limit: every value meets it "
        "[limit-never-binds]\n         → give upperLimit\n"
    )
    asked = await crossfade("start", "-f", "-", stdin=loose)
    assert (asked.exit_code, asked.stderr) == (0, told)
    assert asked.stdout.startswith("accepted: ")
    queued = await crossfade("start", "--via", "event", "-f", "-", stdin=loose)
    assert (queued.exit_code, queued.stderr) == (0, told)


async def test_actions_that_cannot_run_are_told_before_the_run_begins(crossfade, services):
    actions = {"finish": [{"task": "common/ex"}]}
    pattern = {"testingPattern": "Conformance", "actions": actions}
    document = draft(strategy=pattern, versionInfo={"baseline": {"name": "one"}})
    started = await crossfade("start", "--no-wait", "-f", "-", stdin=document)
    assert started.exit_code == 0, started.output
    assert "actions are switched off here: the run fails when it comes to fin" in started.stderr
    for told in (
        started.stderr,
        (await crossfade("start", "--via", "event", "-f", "-", stdin=document)).stderr,
        (await crossfade("lint", "-", stdin=document)).stdout,
    ):
        assert "spec.strategy.actions.finish[0]" in told
        assert "task: found 'common/ex'; right is run, or one of common/bash" in told


async def test_a_number_beyond_64_bits_is_refused_by_its_field(crossfade, services):
    document = draft(duration={"intervalSeconds": 10**40, "iterationsPerLoop": 5})
    started = await crossfade("start", "-f", "-", stdin=document)
    assert started.exit_code == 1
    assert started.stderr.startswith("spec.duration.intervalSeconds: found 1e+40; right")


async def test_a_second_start_of_other_things_is_refused_until_an_abort(crossfade, services):
    await crossfade("start", "-f", "-", stdin=draft(iterations=500))
    other = await crossfade("start", "-f", "-", stdin=draft(iterations=400))
    assert other.exit_code == 1
    assert other.stderr.startswith("metadata.name: running as ")
    aborted = await crossfade("abort", "iris", "--reason", "wrong model")
    assert aborted.exit_code == 0, aborted.output
    assert aborted.stdout.startswith("accepted: abort default/iris")
    ended = await crossfade("assert", "iris", "-c", "aborted", "--timeout", "20")
    assert ended.exit_code == 0, ended.output
    assert "wrong model" in (await crossfade("why", "iris")).stdout
    again = await crossfade("abort", "iris")
    assert again.exit_code == 1
    assert "has ended already" in again.stderr


async def test_without_an_actuator_a_start_says_who_is_missing(crossfade, settings):
    result = await crossfade("start", "-f", "-", stdin=draft())
    assert result.exit_code == 1
    assert result.stderr.endswith("is the service behind it running?\n")


async def test_a_wait_that_takes_too_long_says_where_the_run_stands(crossfade, settings):
    result = await crossfade(
        "start", "--via", "event", "--wait", "--timeout", "1", "-f", "-", stdin=draft()
    )
    assert result.exit_code == 1
    assert result.stderr == "default/iris does not run after 1 s; nothing came\n"
