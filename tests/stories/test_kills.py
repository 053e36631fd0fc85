"""`kill -9` of each service at each recorded effect of a run: the outcome is the same."""

import asyncio

import pytest
from storytelling import given

from crossfade_lab.examples import SEPARATE, SINGLE

OF = 5
DOWN_SECONDS = 1.0

EFFECTS = {
    "collector": [
        "0/metric-sample",
        "1/metric-sample",
        "3/metric-sample",
        f"{OF}/metric-sample",
    ],
    "analyzer": ["1/assessment", "2/assessment", f"{OF}/assessment"],
    "actuator": [
        "0/stage-change/Waiting",
        "0/stage-change/Initializing",
        "0/stage-change/Initializing/TrialReading",
        "0/weight-change",
        "0/stage-change/Running",
        "2/weight-change",
        f"{OF}/stage-change/Finishing",
        f"{OF}/action-outcome/finish/0/attempt-1",
    ],
    "notifier": ["0/stage-change/Running", "2/weight-change", f"{OF}/stage-change/Finishing"],
}


@pytest.mark.parametrize(
    ("service", "example"),
    [
        ("collector", SINGLE),
        ("analyzer", SEPARATE),
        ("actuator", SINGLE),
        ("notifier", SEPARATE),
    ],
)
async def test_a_service_killed_at_each_effect_changes_nothing(service, example):
    left = list(EFFECTS[service])

    async with given(example, interval=2) as story:

        async def kill(event):
            effect = event.id.partition("/")[2]
            if effect in left:
                left.remove(effect)
                await story.installed.crew.kill(service, again_after_seconds=DOWN_SECONDS)

        await story.when_it_starts(iterations=OF)
        await story.when_it_ends(kill)

        assert left == []
        story.then_it_ends_with("promoted", "iris-v2")
        await story.then_every_answer_comes_from("iris-v2")
        await story.then_nothing_was_lost()
        story.then_weights_always_summed_to_100()
        story.then_no_candidate_rose_by_more_than(10)
        await story.then_each_iteration_was_assessed_alike()
        assert [o.ok for o in story.events("action-outcome")] == [True]


def a_task(notes, name, seconds=0.0):
    """A task that notes each start: attempt, process, and whether the last one lives."""
    script = (
        f'last=$(tail -n 1 {notes}.{name} 2>/dev/null | cut -d" " -f2); '
        f'alive=no; [ -n "$last" ] && kill -0 $last 2>/dev/null && alive=yes; '
        f'echo "$CROSSFADE_ATTEMPT $$ $alive" >> {notes}.{name}; sleep {seconds}; true'
    )
    return {"task": "common/exec", "with": {"cmd": "/bin/bash", "args": ["-c", script]}}


def starts(notes, name):
    """Attempt and whether the one before was alive, of each start."""
    lines = notes.with_name(f"{notes.name}.{name}").read_text().splitlines()
    return [(int(line.split()[0]), line.split()[2]) for line in lines]


async def until_it_started(notes, name):
    file = notes.with_name(f"{notes.name}.{name}")
    async with asyncio.timeout(30):
        while not file.exists():
            await asyncio.sleep(0.01)


async def test_a_kill_inside_a_task_starts_it_once_more_and_says_so(tmp_path):
    notes = tmp_path / "starts"
    tasks = [a_task(notes, "before"), a_task(notes, "inside", 1.5), a_task(notes, "after")]

    async with given() as story:
        await story.when_it_starts(iterations=2, finish=tasks)
        ending = asyncio.create_task(story.when_it_ends())
        await until_it_started(notes, "inside")
        await story.installed.crew.kill("actuator", again_after_seconds=DOWN_SECONDS)
        await ending

        story.then_it_ends_with("promoted", "iris-v2")
        assert starts(notes, "before") == [(1, "no")]
        assert starts(notes, "inside") == [(1, "no"), (2, "no")]
        assert starts(notes, "after") == [(1, "no")]


async def test_a_kill_between_tasks_starts_the_finished_one_never_again(tmp_path):
    notes = tmp_path / "starts"
    tasks = [a_task(notes, "first"), a_task(notes, "second", 0.2)]

    async with given() as story:

        async def kill(event):
            if event.id.endswith("action-outcome/finish/0/attempt-1"):
                await story.installed.crew.kill("actuator", again_after_seconds=DOWN_SECONDS)

        await story.when_it_starts(iterations=2, finish=tasks)
        await story.when_it_ends(kill)

        story.then_it_ends_with("promoted", "iris-v2")
        assert starts(notes, "first") == [(1, "no")]
        # The kill comes a moment after the outcome: the second may have been asked for by then.
        assert starts(notes, "second") in ([(1, "no")], [(2, "no")], [(1, "no"), (2, "no")])
