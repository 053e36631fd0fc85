"""A Document answers every default, and gives back what its author wrote."""

import pytest

from crossfade.errors import NotFound
from crossfade.resources import (
    DeploymentPattern,
    Document,
    Objective,
    TestingPattern,
    admit,
    parse_experiment,
    parse_metric,
)


def minimal(pattern="Conformance", **spec):
    return {
        "metadata": {"name": "exp"},
        "spec": {
            "target": "t",
            "strategy": {"testingPattern": pattern},
            "versionInfo": {"baseline": {"name": "v1"}},
            **spec,
        },
    }


def test_the_authors_document_comes_back_as_it_was(experiment, metrics):
    assert parse_experiment(experiment).dump() == experiment
    assert [parse_metric(m).dump() for m in metrics] == metrics


def test_a_document_survives_json(body):
    document = admit(body)
    assert document.references  # a remembered answer is no part of the value

    assert Document.from_json(document.to_json()) == document


def test_defaults_are_answered_and_never_written():
    document = admit(minimal())

    assert document.interval_seconds == 20
    assert (document.iterations_per_loop, document.max_loops, document.iterations) == (
        15,
        1,
        15,
    )
    assert document.caps == (100, 10)
    assert document.policy == "iter8"
    assert document.deployment is DeploymentPattern.PROGRESSIVE
    assert document.namespace == "default"
    assert document.references == ()
    assert document.actions == {}
    assert document.to_json()["experiment"]["spec"] == minimal()["spec"]


def test_what_the_author_says_replaces_the_defaults(body):
    document = admit(body)

    assert document.interval_seconds == 10
    assert document.iterations == 15
    assert document.caps == (90, 20)
    assert document.pattern is TestingPattern.A_B
    assert [v.name for v in document.versions] == ["iris-v1", "iris-v2"]
    assert document.baseline.name == "iris-v1"
    assert [v.name for v in document.candidates] == ["iris-v2"]
    assert document.baseline.values == {"ns": "ns-production"}
    assert document.actions["finish"][0].if_ == "CandidateWon()"
    assert document.actions["finish"][0].inputs["args"] == ["-c", 1, True]
    assert document.actions["finish"][1].inputs == {}
    assert document.objectives[1].upper == 0.01
    assert document.objectives[1].lower == 0.0
    assert document.objectives[0].lower is None


def test_a_cap_of_zero_is_not_a_missing_cap(experiment, metrics):
    experiment["spec"]["strategy"]["weights"] = {
        "maxCandidateWeight": 0,
        "maxCandidateWeightIncrement": 0,
    }

    assert admit({"experiment": experiment, "metrics": metrics}).caps == (0, 0)


def test_references_go_from_criteria_down_the_chains_without_repeating(body):
    assert admit(body).references == (
        "iter8-seldon/request-count",
        "user-engagement",
        "iter8-seldon/error-count",
        "iter8-seldon/mean-latency",
        "error-rate",
        "iter8-seldon/seen",
        "iter8-seldon/seen-by-all",
    )


def test_the_same_metric_in_both_forms_is_one_reference(experiment, metrics):
    experiment["spec"]["criteria"]["indicators"] = ["ns-production/user-engagement"]
    document = admit({"experiment": experiment, "metrics": metrics})

    assert "ns-production/user-engagement" not in document.references
    assert document.metric("user-engagement") is document.metric(
        "ns-production/user-engagement"
    )


def test_a_metric_that_nobody_knows_is_named_in_full(body):
    with pytest.raises(NotFound, match="Unable to find metric ns-production/nobody"):
        admit(body).metric("nobody")


@pytest.mark.parametrize(
    ("decision", "policy"),
    [
        (None, "iter8"),
        ({}, "assured"),
        ({"policy": "iter8"}, "iter8"),
        ({"alpha": 0.1}, "assured"),
    ],
)
def test_the_policy_follows_from_spec_decision(decision, policy):
    spec = {} if decision is None else {"decision": decision}

    assert admit(minimal(**spec)).policy == policy


def test_an_installation_says_what_documents_without_a_decision_mean():
    assert admit(minimal()).decided_by("assured") == "assured"
    assert admit(minimal(decision={"policy": "iter8"})).decided_by("assured") == "iter8"


def test_weights_are_in_the_experiments_namespace_unless_said(body):
    body["experiment"]["spec"]["versionInfo"]["baseline"]["weightObjRef"]["namespace"] = "other"
    refs = admit(body).weight_refs

    assert {name: ref.namespace for name, ref in refs.items()} == {
        "iris-v1": "other",
        "iris-v2": "ns-production",
    }
    assert refs["iris-v2"].field_path == ".spec.predictors[1].traffic"


@pytest.mark.parametrize(
    ("pattern", "deployment", "moves"),
    [
        ("Canary", "Progressive", True),
        ("Canary", "BlueGreen", True),
        ("Canary", "FixedSplit", False),
        ("Conformance", "Progressive", False),
    ],
)
def test_only_fixed_split_and_conformance_leave_weights_alone(pattern, deployment, moves):
    raw = minimal()
    raw["spec"]["strategy"] = {"testingPattern": pattern, "deploymentPattern": deployment}
    if pattern == "Canary":
        raw["spec"]["versionInfo"]["candidates"] = [{"name": "v2"}]

    assert admit(raw).moves_weights is moves


@pytest.mark.parametrize(
    ("deployment", "said", "rolls_back"),
    [
        ("Progressive", None, False),
        ("BlueGreen", None, True),
        ("BlueGreen", False, False),
        ("Progressive", True, True),
    ],
)
def test_rollback_on_failure_depends_on_the_deployment_only_if_unsaid(
    deployment, said, rolls_back
):
    raw = minimal()
    raw["spec"]["strategy"]["deploymentPattern"] = deployment
    document = admit(raw)

    assert (
        document.rollback_on_failure(Objective(metric="m", rollback_on_failure=said))
        is rolls_back
    )


def test_without_version_info_there_is_no_baseline_yet():
    raw = minimal()
    del raw["spec"]["versionInfo"]
    document = admit(raw)

    assert document.versions == ()
    with pytest.raises(NotFound, match="No versionInfo"):
        document.baseline  # noqa: B018


def test_what_the_cluster_adds_does_not_make_it_another_run(body):
    before = admit(body)
    body["experiment"]["metadata"] |= {"uid": "u", "generation": 4, "managedFields": [{"a": 1}]}
    body["experiment"]["status"] = {"stage": "Running"}
    after = admit(body)

    assert after.asks_the_same(before)
    assert "status" not in after.to_json()["experiment"]
    assert "managedFields" not in after.to_json()["experiment"]["metadata"]
    body["experiment"]["spec"]["duration"]["maxLoops"] = 4
    assert not admit(body).asks_the_same(before)


def test_unquoted_floats_from_nats_are_the_quantities_they_spell(body):
    body["experiment"]["spec"]["criteria"]["objectives"][0]["upperLimit"] = 0.01
    body["experiment"]["spec"]["criteria"]["objectives"][1]["upperLimit"] = 1e-05
    first, second = admit(body).objectives

    assert (first.upper_limit, first.upper) == ("0.01", 0.01)
    assert second.upper == 1e-05
