"""Who waits for which target: places follow from what runs say, and the list hears of each."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from crossfade.events import StageChange
from crossfade.runtime.service import Logged
from crossfade.testing.runs import START
from crossfade_console.projection import Projection
from crossfade_console.views import row


def stage(name, stage, reason="StageAdvanced", target="iris"):
    said = StageChange(uid=f"uid-{name}", stage=stage, reason=reason, target=target)
    return said.about("default", name)


def started(name, target="iris"):
    return stage(name, "Waiting", "ExperimentInitialized", target)


def busy(name, target="iris"):
    return stage(name, "Waiting", "TargetBusy", target)


def folded(*events):
    projection = Projection()
    for n, event in enumerate(events):
        projection.take(Logged(event, n + 1, START + timedelta(seconds=n), 0))
    return projection


def places(projection):
    found = {r.known.name: r.place for r in projection.latest()}
    return {name: place and (place.position, place.ahead) for name, place in found.items()}


LINE = (
    started("a"),
    stage("a", "Initializing"),
    started("b"),
    busy("b"),
    started("c"),
    busy("c"),
    started("other", "mnist"),
    stage("other", "Initializing", target="mnist"),
)


def test_runs_of_one_target_stand_in_line_by_their_start():
    assert places(folded(*LINE)) == {
        "a": (0, ""),
        "b": (1, "default/a"),
        "c": (2, "default/b"),
        "other": (0, ""),
    }
    assert row(folded(*LINE).find("default", "c"))["queue"] == {
        "position": 2,
        "waiting": 2,
        "holder": "default/a",
        "ahead": "default/b",
    }


def test_everybody_moves_up_when_the_holder_ends():
    ended = folded(*LINE, stage("a", "Completed", "ExperimentCompleted"))
    assert places(ended) == {
        "a": None,
        "b": (1, ""),
        "c": (2, "default/b"),
        "other": (0, ""),
    }
    taken = folded(
        *LINE, stage("a", "Completed", "ExperimentCompleted"), stage("b", "Initializing")
    )
    assert places(taken)["b"] == (0, "")
    assert places(taken)["c"] == (1, "default/b")


def test_a_run_that_is_aborted_while_it_waits_leaves_the_line():
    left = folded(*LINE, stage("b", "Completed", "ExperimentCompleted"))
    assert places(left)["c"] == (1, "default/a")


def test_a_run_that_was_not_told_to_wait_has_no_place_yet():
    assert places(folded(*LINE, started("d")))["d"] is None


def test_folding_in_another_order_of_events_gives_the_same_line():
    a, b, c = LINE[:2], LINE[2:4], LINE[4:6]
    interleaved = (a[0], b[0], c[0], a[1], c[1], b[1])
    assert places(folded(*interleaved)) == {
        "a": (0, ""),
        "b": (1, "default/a"),
        "c": (2, "default/b"),
    }


@pytest.mark.parametrize("ending", [0, 1])
async def test_a_run_that_moved_up_is_on_the_lists_stream(client, tell, ending):
    await tell([(START + timedelta(seconds=n), e) for n, e in enumerate(LINE)])
    gone = ("a", "b")[ending]
    async with client.get("/api/events") as stream:
        await asyncio.sleep(0.05)
        await tell([(None, stage(gone, "Completed", "ExperimentCompleted"))])
        async with asyncio.timeout(5):
            while not (line := await stream.content.readline()).startswith(b"data: "):
                pass
    rows = {r["name"]: r["queue"] for r in orjson.loads(line[6:])}

    assert rows["c"]["ahead"] == ("default/b", "default/a")[ending]
    assert "other" not in rows
