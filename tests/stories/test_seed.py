"""The seed's two experiments, end to end on real parts."""

import pytest
from storytelling import given

from crossfade_lab.cluster import ControlPlane
from crossfade_lab.examples import SEPARATE, SINGLE
from crossfade_lab.figures import latency
from crossfade_lab.metrics import find_prometheus


def needs_prometheus():
    if find_prometheus() is None:
        pytest.skip("prometheus: not on PATH; install it with: apt-get install prometheus")


async def test_the_first_experiment_ends_with_the_candidate_promoted():
    needs_prometheus()
    async with given(SINGLE, prometheus="real") as story:
        await story.when_it_starts()
        await story.when_it_ends()

        story.then_it_ends_with("promoted", "iris-v2")
        story.then_no_candidate_rose_by_more_than(10)
        assert story.events("weight-change")[-1].observed == {"iris-v1": 5, "iris-v2": 95}
        await story.then_every_answer_comes_from("iris-v2")
        await story.then_nothing_was_lost()
        story.then_weights_always_summed_to_100()
        await story.then_each_iteration_was_assessed_alike()
        await story.then_kubectl_shows(
            "quickstart-exp", "A/B", "iris", "Completed", "15", "ExperimentCompleted:",
            "Experiment", "Completed",
        )  # fmt: skip
        assert story.installed.world.load.counts.sent > 500
        then_splits_were_in_force_within_a_second(story)


async def test_the_second_experiment_moves_a_virtual_service_and_promotes():
    needs_prometheus()
    async with given(SEPARATE, prometheus="real") as story:
        await story.when_it_starts(via="kubectl")
        await story.when_it_ends()

        story.then_it_ends_with("promoted", "iris-v2")
        story.then_no_candidate_rose_by_more_than(10)
        await story.then_every_answer_comes_from("iris-v2")
        await story.then_nothing_was_lost()
        story.then_weights_always_summed_to_100()
        await story.then_each_iteration_was_assessed_alike()
        await story.then_kubectl_shows(
            "quickstart-exp", "A/B", "iris", "Completed", "10", "ExperimentCompleted:",
            "Experiment", "Completed",
        )  # fmt: skip


async def test_the_first_experiment_on_a_real_cluster_with_all_services_in_one_process():
    if program := ControlPlane.missing():
        pytest.skip(f"no {program}: set KUBEBUILDER_ASSETS to a folder with it and etcd")
    async with given(SINGLE, cluster="real", together=True) as story:
        await story.when_it_starts(via="event", iterations=5)
        await story.when_it_ends()

        story.then_it_ends_with("promoted", "iris-v2")
        await story.then_every_answer_comes_from("iris-v2")
        await story.then_nothing_was_lost()


def then_splits_were_in_force_within_a_second(story):
    struck = {sample.iteration: sample.at for sample in story.events("metric-sample")}
    moves = [
        (struck[change.iteration], change.objects[0].resource_version)
        for change in story.events("weight-change")
        if change.iteration
    ]
    took = latency(moves, story.installed.world.router.applied, story.example.carrier)
    assert took.count == len(moves) == 10
    assert took.p99 < 1.0
