"""`watch` on a terminal: the picture at one moment; and leaving it."""

import asyncio
import io
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from cli_builders import enrol
from rich.console import Console

from crossfade.events import Incident, StageChange
from crossfade.testing.runs import START, UID, IrisRun
from crossfade_cli.live_view import LiveView
from crossfade_cli.trails import sparkline


def drawn(view, now, width=110):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(view.picture(now))
    return console.file.getvalue()


def after(upto):
    view = LiveView()
    for at, event in IrisRun().events(upto):
        view.take(event, at)
    return view


def test_before_the_first_event_it_says_that_it_waits():
    assert drawn(LiveView(), START) == "waiting for the first event …\n"


def test_the_picture_shows_split_limits_reward_and_countdown():
    text = drawn(after(6), START + timedelta(seconds=63))
    assert "look 6 of 15" in text
    assert "next in 7 s" in text
    assert "◀ ahead" in text
    assert "mean latency" in text
    assert "★" in text
    assert "iris-v2 is ahead" in text


def test_the_picture_of_an_ended_run_says_how_it_ended():
    text = drawn(after(None), START + timedelta(seconds=200))
    assert "iris-v2 is promoted" in text
    assert "◀ ahead" not in text


def test_bars_fill_with_the_split():
    lines = drawn(after(6), START + timedelta(seconds=63)).splitlines()
    bars = {
        w[0]: w[1].count("█") for line in lines if len(w := line.split()) > 1 and "░" in w[1]
    }
    split = after(6).known.split
    assert bars == {version: round(40 * share / 100) for version, share in split.items()}


def test_the_way_so_far_is_drawn_where_there_is_room():
    wide = drawn(after(6), START + timedelta(seconds=63))
    narrow = drawn(after(6), START + timedelta(seconds=63), width=80)
    rising = sparkline([0, 5, 15, 25, 35, 45, 55][:7], 15, 0, 100)
    assert rising[0] == "▁"
    assert sorted(rising) == list(rising)
    assert "▁" in wide
    assert "▁" not in narrow
    assert all(len(line) <= 80 for line in narrow.splitlines())


def test_the_picture_shows_what_requests_really_do_trouble_and_the_latest_sentences():
    view = after(6)
    trouble = Incident(uid=UID, iteration=6, what_happened="stale-data", text="p95 is stale")
    view.take(trouble, START + timedelta(seconds=62))
    text = drawn(view, START + timedelta(seconds=63))
    assert "% of requests at" in text
    assert "! p95 is stale" in text
    assert "6/15: iris-v2 earns 1.43× the engagement" in text
    assert text.count("6/15: ") == 1
    assert "1/15: " not in text  # only the latest ones


def test_a_line_of_blocks_spans_what_it_draws():
    assert sparkline([1, 2, 3], 8) == "▁▅█"
    assert sparkline([4, 4], 8) == "▄▄"
    assert sparkline([1, None, 3], 8) == "▁ █"
    assert sparkline([9, 1, 3], 2) == "▁█"
    assert sparkline([None], 8) == sparkline([], 8) == ""


@pytest.fixture
def keyboard():
    """Ctrl-C ends children, also where a shell began these tests in the background.

    Such a shell has SIGINT ignored, which every child inherits.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def following(keyboard, talk):
    """`events --follow` after its first line."""
    await enrol(talk, upto=1)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crossfade_cli.main", "events", "--follow"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert b"stage-change" in await asyncio.wait_for(child.stdout.readline(), 20)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.mark.parametrize("broker_then", ["answers", "is frozen", "is gone"])
async def test_following_is_left_by_ctrl_c_without_a_traceback(following, broker, broker_then):
    if broker_then == "is frozen":
        await broker.pause()
    elif broker_then == "is gone":
        await broker.stop(kill=True)
    following.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(following.communicate(), 10)

    assert following.returncode != 0
    assert b"Traceback" not in errors


def renamed(events, names):
    """The same events about versions that are called otherwise."""
    for at, event in events:
        text = event.model_dump_json(by_alias=True)
        for old, new in names.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        said = type(event).model_validate_json(text)
        yield at, said.about(event.namespace, event.name)


def test_long_names_keep_both_ends_and_every_version_its_line():
    names = {f"iris-v{n}": f"recommender-{'x' * 40}-of-november-{n}-hotfix" for n in (1, 2)}
    view = LiveView()
    for at, event in renamed(IrisRun().events(6), names):
        view.take(event, at)
    for width in (80, 120):
        lines = drawn(view, START + timedelta(seconds=63), width).splitlines()
        bars = [line for line in lines if "% of requests at" in line]

        assert max(map(len, lines)) <= width
        assert [line.split()[0].partition("…")[2][-8:] for line in bars] == [
            "1-hotfix",
            "2-hotfix",
        ]
        assert all(line.startswith("  recomme") and " % " in line for line in bars)


def test_a_paused_run_says_so_and_counts_nothing_down():
    view = after(6)
    paused = StageChange(uid=UID, stage="Running", reason="Paused", message="Paused by ada")
    view.take(paused, START + timedelta(seconds=62))
    text = drawn(view, START + timedelta(seconds=63))

    assert "Paused by ada   paused" in text
    assert "next in" not in text


def test_the_newest_sentence_is_read_to_its_end():
    view = after(6)
    long = f"{'a long story ' * 12}with an end"
    view.take(
        Incident(uid=UID, iteration=6, what_happened="x", text=long),
        START + timedelta(seconds=62),
    )

    assert "with an end" in drawn(view, START + timedelta(seconds=63), 80).splitlines()[-1]


@pytest.mark.parametrize(("height", "sentences"), [(24, 6), (18, 3), (10, 1)])
def test_on_a_low_terminal_older_sentences_give_way_to_the_newest(height, sentences):
    screen = io.StringIO()
    console = Console(
        width=100, height=height, file=screen, force_terminal=True, color_system=None
    )
    console.print(after(9).picture(START + timedelta(seconds=93)))
    lines = screen.getvalue().splitlines()
    told = [line for line in lines if "/15: " in line]

    assert len(lines) < height or sentences == 1
    assert len(told) == sentences
    assert " 9/15: " in told[-1]
