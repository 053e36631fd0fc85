"""Orders by annotation: each change once, whatever it says and however often it is seen."""

from __future__ import annotations

import orjson
import pytest
from tests.actuator.stands import Stand

from crossfade.errors import Malformed
from crossfade.runtime.service import Command


async def annotated(stand, uid, text, times=1):
    """The annotation as so many watchers tell of it, under an id of each one's own."""
    body = {"name": "exp", "uid": uid, "requestedBy": "annotation", "asked": text}
    for number in range(times):
        command = Command("annotation", f"{uid}/1/annotation/{number}", orjson.dumps(body))
        await stand.actuator.obey(command)
        await stand.settled()


def reasons(stand):
    return [change.reason for change in stand.said("stage-change")]


async def test_every_change_counts_once_and_the_same_text_again_after_another():
    stand = Stand()
    uid = await stand.running()
    for text in ("pause lunch", "resume", "pause lunch", "", "resume"):
        await annotated(stand, uid, text, times=3)

    assert reasons(stand)[-4:] == ["Paused", "Resumed", "Paused", "Resumed"]
    assert stand.said("stage-change")[-2].message == "Paused by annotation: lunch"


async def test_what_was_heard_is_not_done_again_by_a_new_watcher():
    stand = Stand()
    uid = await stand.running()
    await annotated(stand, uid, "pause")
    await stand.actuator.ask("resume", orjson.dumps({"uid": uid}))
    await stand.actuator.obey(stand.queued.commands[-1])
    await annotated(stand, uid, "pause")

    assert not (await stand.state(uid)).paused


async def test_a_promotion_names_its_version_and_why():
    stand = Stand()
    uid = await stand.running()
    await stand.assess(uid, 1, {"b": 90, "c": 10})
    await annotated(stand, uid, "promote c as agreed")
    state = await stand.state(uid)

    assert (state.outcome, stand.paper.split) == ("promoted", {"b": 0, "c": 100})
    assert state.reasons[0]["text"] == "c promoted by annotation: as agreed"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "promot c",
            "metadata.annotations.crossfade.io/command: found 'promot c'; right is one",
        ),
        ("promote", "version: found ''; right is one of b, c"),
        ("resume", "name: only a paused experiment can be resumed"),
        ("start-experiment", "metadata.annotations.crossfade.io/command: found"),
    ],
)
async def test_what_cannot_be_asked_is_refused_once_with_what_would_be_right(text, told):
    stand = Stand()
    uid = await stand.running()
    with pytest.raises(Malformed) as refused:
        await annotated(stand, uid, text)
    await annotated(stand, uid, text)

    assert str(refused.value).startswith(told)


async def test_an_approval_by_annotation_opens_the_gate():
    stand = Stand()
    uid = await stand.running(decision={"policy": "iter8", "gates": ["start"]})
    await annotated(stand, uid, "approve")

    assert reasons(stand)[-2:] == ["Approved", "StageAdvanced"]
    assert stand.said("stage-change")[-1].document is not None
