"""Candidates that lose, each for one reason, and what is left of them: nothing."""

import pytest
from storytelling import given

from crossfade.telling import why
from crossfade_lab.load import Mode

ITERATIONS = 8  # a candidate of few requests fails every thirteenth


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Mode.SLOW, "iris-v2 misses mean-latency ≤ 200"),
        (Mode.FAILING, "iris-v2 misses error-rate ≤ 0.01"),
        (Mode.WORSE, "iris-v1 has the most user-engagement"),
    ],
)
async def test_a_losing_candidate_leaves_everything_to_the_baseline_and_says_why(
    candidate, reason
):
    async with given(candidate=candidate) as story:
        corrected = story.installed.world.corrected
        await story.when_it_starts(iterations=ITERATIONS, corrected=corrected)
        await story.when_it_ends()

        story.then_it_ends_with("rolled-back", "iris-v1")
        assert reason in why(story.known)
        await story.then_every_answer_comes_from("iris-v1")
        await story.then_nothing_was_lost()
        story.then_weights_always_summed_to_100()
