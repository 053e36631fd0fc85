"""What people see in Slack, state by state."""

import re
import sys

import pytest

from crossfade.events import StageChange
from crossfade.telling import Known, Limit
from crossfade.testing.runs import START, UID, IrisRun
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.mrkdwn import fitting, newest
from crossfade_notifier.channels.slack.blocks import blocks, fallback
from crossfade_notifier.outbox import Outbox

RUN = IrisRun()


def known_after(events):
    outbox = Outbox(known=Known(uid=UID))
    for at, event in events:
        outbox = outbox.after(event, at)
    return outbox.known


def a_stage(**changes):
    return START, StageChange(uid=UID, **changes).about(RUN.namespace, RUN.name)


def shown(known, **how):
    """The text of a message, block by block."""
    found = []
    for block in blocks(known, Links(), b"key", **how):
        texts = [block["text"]] if "text" in block else []
        texts += block.get("fields", []) + block.get("elements", [])
        found += [
            t["text"]["text"] if isinstance(t["text"], dict) else t["text"] for t in texts
        ]
    return found


WAITING = a_stage(stage="Waiting", reason="TargetBusy", message="target iris is held by shop/x")
PAUSED = a_stage(stage="Running", reason="Paused", message="Paused by slack:U42: lunch")
GATE = a_stage(stage="Running", reason="ApprovalNeeded", message="promotion needs approval")


@pytest.mark.parametrize(
    ("events", "header", "verdict", "buttons"),
    [
        ([WAITING], ":hourglass: quickstart-exp", "*Target iris is held by shop/x*", 1),
        (RUN.events(upto=0)[:2], ":arrow_forward: quickstart-exp", "*Starting*", 1),
        (RUN.events(upto=3), ":arrow_forward: quickstart-exp: iris-v2 vs iris-v1", None, 2),
        ([*RUN.events(upto=3), PAUSED], ":double_vertical_bar: quickstart-exp", None, 2),
        ([*RUN.events(upto=3), GATE], ":raised_hand: quickstart-exp", None, 3),
        (RUN.events(), ":white_check_mark: quickstart-exp", None, 0),
    ],
    ids=["waiting", "starting", "running", "paused", "gate", "promoted"],
)
def test_each_state_has_its_sign_its_sentence_and_its_buttons(events, header, verdict, buttons):
    known = known_after(events)
    made = blocks(known, Links(), b"key")

    assert made[0]["text"]["text"].startswith(header)
    assert verdict is None or made[1]["text"]["text"] == verdict
    asked = [b for b in made if b["type"] == "actions"]
    assert sum(len(b["elements"]) for b in asked) == buttons


def test_who_pressed_a_button_is_a_person_and_nothing_else_is_markup():
    stage = a_stage(stage="Running", reason="Paused", message="Paused by slack:U42: <!channel>")

    assert shown(known_after([stage]))[1] == "*Paused by <@U42>: &lt;!channel&gt;*"


def test_a_run_that_waits_for_somebody_does_not_say_how_long_it_still_takes():
    assert "to go" in str(shown(known_after(RUN.events(upto=3))))
    assert "to go" not in str(shown(known_after([*RUN.events(upto=3), PAUSED])))


def test_the_smallest_share_is_seen():
    assert "`█░░░░░░░░░` iris-v2 5 %" in str(shown(known_after(RUN.events(upto=0))))


def proving(**changes):
    """A run under proof: a reward with its interval, a limit that lacks requests."""
    wanted = {
        "uid": "u",
        "name": "cart",
        "stage": "Running",
        "iteration": 4,
        "of": 10,
        "versions": ("old", "new"),
        "reward": "m/clicks",
        "objectives": (Limit(metric="m/error-rate", upper=0.01),),
        "values": {"m/clicks": {"old": 0.2, "new": 0.26}, "m/error-rate": {"new": 0.002}},
        "absent": {"m/error-rate": {"old": "timeout"}},
        "evidence": (
            {"candidate": "new", "metric": "m/clicks", "role": "reward", "low": -0.004,
             "high": 0.123, "pBest": 0.94},
            {"candidate": "new", "metric": "m/error-rate", "role": "objective", "upper": 0.01,
             "proved": False, "n": 38, "nMore": 82},
        ),
    }  # fmt: skip
    return Known(**(wanted | changes))


def test_a_reward_has_its_interval_and_the_chance_to_be_best():
    assert "new 0.26 · -0.004 to +0.123 beside old · P(best) 0.940" in str(shown(proving()))


def test_an_objective_says_what_it_has_and_needs_and_marks_the_baseline_apart():
    line = next(t for t in shown(proving()) if t.startswith("*Objectives*")).splitlines()[1]

    assert line == (
        ":hourglass_flowing_sand: error rate ≤ 0.01: new 0.002 (38 of 120 requests) · "
        ":grey_question: old not known (timeout)"
    )


def test_what_a_screen_reader_says_names_what_it_is_stuck_in():
    stuck = {"stale-data": "no assessment for 65 s"}

    assert fallback(proving(), stuck).endswith("Stuck: no assessment for 65 s.")
    assert ":rotating_light: *Stuck:* no assessment for 65 s" in shown(proving(), stuck=stuck)


def test_a_proof_that_takes_time_says_so():
    evidence = [*proving().evidence[:1], proving().evidence[1] | {"per": "seconds"}]

    assert "new 0.002 (38 s of 2 m)" in str(shown(proving(evidence=tuple(evidence))))


VERSIONS = tuple(f"recommender-<&>-{'x' * 40}-{n}" for n in range(40))


def test_the_largest_run_stays_within_slacks_limits_and_no_markup_is_cut():
    metrics = [f"shop/a-metric-with-quite-a-long-name-and-a-number-{n}" for n in range(60)]
    known = proving(
        versions=VERSIONS,
        observed=dict.fromkeys(VERSIONS, 2),
        objectives=tuple(Limit(metric=m, upper=0.01) for m in metrics),
        values={m: dict.fromkeys(VERSIONS, 0.002) for m in metrics} | {"shop/worst": {}},
        requests=metrics[0],
        reward=metrics[1],
        troubles={f"t{n}": "&lt;<!channel> " * 90 for n in range(9)},
        message="why & " * 3000,
        stage="Initializing",
    )
    stuck = {"stale-data": "no assessment <" * 400}
    remarks = ["& wished " * 400] * 3
    made = blocks(known, Links("http://p", "http://g"), b"k", remarks=remarks, stuck=stuck)
    said = {"blocks": made, "text": fallback(known, stuck)}

    assert not sys.modules["slack_server"].invalid(said)
    texts = [*shown(known, remarks=remarks, stuck=stuck), said["text"]]
    for text in texts[1:]:
        assert not re.search(r"&(?!(amp|lt|gt);)", text), text[-80:]
        assert "<!channel" not in text
    assert "40 candidates" not in texts[0]
    assert "39 candidates vs recommender" in texts[0]
    assert any("more objectives_" in text for text in texts)


def test_the_worst_objective_is_never_the_one_that_is_left_out():
    metrics = [f"m/held-{n}" for n in range(30)]
    limits = [*(Limit(metric=m, upper=1) for m in metrics), Limit(metric="m/bad", upper=1)]
    values = {m: {"old": 0.5, "new": 0.5} for m in metrics} | {"m/bad": {"new": 9.0}}
    known = proving(objectives=tuple(limits), values=values, evidence=(), absent={})
    listed = next(t for t in shown(known) if t.startswith("*Objectives*")).splitlines()

    assert listed[1].startswith(":x: bad ≤ 1: new 9")
    assert listed[-1] == "_and 19 more objectives_"


@pytest.mark.parametrize(
    ("lines", "room", "text"),
    [
        (["a", "b"], 100, "a\nb"),
        (["a" * 30] * 4, 100, f"{'a' * 30}\n{'a' * 30}\n_and 2 more_"),
        (["x" * 200], 60, f"{'x' * 40}…"),
        (["x" * 38 + "&lt;" + "y" * 90], 60, f"{'x' * 38}…"),
        ([], 60, ""),
    ],
)
def test_lines_are_kept_whole(lines, room, text):
    assert fitting(lines, room) == text


@pytest.mark.parametrize(
    ("lines", "room", "text"),
    [
        (["a", "b"], 100, "a\nb"),
        (
            ["a" * 30, "b" * 30, "c" * 30],
            100,
            f"(1 earlier left out)\n{'b' * 30}\n{'c' * 30}",
        ),
        (["a" * 30, "c" * 300], 100, None),
    ],
)
def test_the_newest_lines_are_kept(lines, room, text):
    said = newest(lines, room)

    assert len(said) <= room
    assert text is None or said == text
    assert said.splitlines()[-1][0] == lines[-1][0]
