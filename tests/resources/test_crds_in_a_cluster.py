"""The definitions in an API server, emulated and real: what it takes, prunes, shows, refuses."""

import copy
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from crossfade.errors import Malformed
from crossfade.resources import admit
from crossfade.resources.status import ConditionType, ExperimentStatus, Stage, split_data
from crossfade.resources.yaml import load_documents
from crossfade_lab.cluster import ApiServer, ControlPlane

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
EXPERIMENT, *METRICS = load_documents(Path(__file__).with_name("right.yaml").read_text())
GROUP = "/apis/iter8.tools/v2alpha2/namespaces/ns-production"
NOW = datetime(2021, 6, 22, 15, 20, 18, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["emulated", "real"])
async def cluster(request):
    """An open client of an API server that has nothing but our two definitions."""
    if request.param == "real" and (program := ControlPlane.missing()):
        pytest.skip(f"no {program}: set KUBEBUILDER_ASSETS to a folder with it and etcd")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns-production"}}
    started = ControlPlane() if request.param == "real" else ApiServer()
    async with started as server, server.client() as client:
        await client.apply(ROOT / "deploy/crds", namespace)
        yield client


def broken(field, value):
    """The right experiment with one value at a field of its spec; `...` takes it away."""
    document = copy.deepcopy(EXPERIMENT)
    *steps, last = [
        int(s) if s.isdigit() else s for s in re.findall(r"[\w-]+", f"spec.{field}")
    ]
    holder: Any = document
    for step in steps:
        holder = holder[step]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return document


async def tried(client, document):
    """The answer to creating an object without keeping it."""
    return await client.request(
        "POST", f"{GROUP}/{document['kind'].lower()}s?dryRun=All", document
    )


async def test_a_definition_is_structural(cluster):
    for name in ("experiments", "metrics"):
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}.iter8.tools"
        crd = (await cluster.request("GET", path)).body
        conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"


async def test_everything_that_v2alpha2_has_comes_back_as_it_was(cluster):
    for document in [EXPERIMENT, *METRICS]:
        sent = copy.deepcopy(document)
        sent["metadata"]["namespace"] = "ns-production"
        answer = await tried(cluster, sent)
        assert answer.status == 201, answer.body
        spec = answer.body["spec"]
        if document["kind"] == "Metric":
            assert spec == {"type": "Gauge", "method": "GET", **document["spec"]}
        else:
            assert spec == document["spec"]


async def test_the_additions_of_crossfade_come_back_as_they_were(cluster):
    document = copy.deepcopy(EXPERIMENT)
    document["spec"]["decision"] = {
        "policy": "assured",
        "alpha": 0.05,
        "futility": 0,
        "soak": 2,
        "earlyStop": True,
        "onNoData": {"action": "hold", "after": 3},
        "gates": ["start", "promote"],
        "deadlines": {"initializing": 60},
    }
    document["spec"]["criteria"]["objectives"][0] |= {
        "minSamples": 10,
        "burden": "monitor",
        "margin": "5m",
        "relativeTo": "baseline",
    }
    answer = await tried(cluster, document)

    assert answer.status == 201, answer.body
    assert answer.body["spec"] == document["spec"]


async def test_the_examples_are_accepted(cluster):
    for path in sorted((ROOT / "deploy/examples").glob("iris-*/*.yaml")):
        for document in load_documents(path.read_text()):
            if document["kind"] in ("Experiment", "Metric"):
                document["metadata"]["namespace"] = "ns-production"
                answer = await tried(cluster, document)
                assert answer.status == 201, (path, answer.body)


async def test_unknown_fields_are_pruned_but_where_upstream_keeps_them(cluster):
    document = broken("colour", "red")
    document["spec"]["criteria"]["strength"] = {"any": {"thing": [1]}}
    document["spec"]["criteria"]["objectives"][0]["upperlimit"] = "5"
    spec = (await tried(cluster, document)).body["spec"]

    assert "colour" not in spec
    assert "upperlimit" not in spec["criteria"]["objectives"][0]
    assert spec["criteria"]["strength"] == {"any": {"thing": [1]}}
    assert spec["strategy"]["actions"]["finish"][0]["with"]["odd"] == {"kept": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", ...),
        ("target", ""),
        ("target", 5),
        ("strategy", ...),
        ("strategy.testingPattern", ...),
        ("strategy.testingPattern", "AB"),
        ("strategy.deploymentPattern", "Fast"),
        ("strategy.weights.maxCandidateWeight", 101),
        ("strategy.weights.maxCandidateWeight", "90"),
        ("strategy.weights.maxCandidateWeight", 1.5),
        ("strategy.actions.finish", {}),
        ("strategy.actions.finish[0].task", 1),
        ("duration.intervalSeconds", 0),
        ("criteria.rewards[0].preferredDirection", "higher"),
        ("criteria.rewards[0].metric", ...),
        ("criteria.objectives[1].upperLimit", "1 %"),
        ("criteria.objectives[1].upperLimit", "1K"),
        ("criteria.objectives[1].upperLimit", True),
        ("criteria.objectives[1].rollback_on_failure", "yes"),
        ("criteria.indicators[0]", 3),
        ("versionInfo.baseline", ...),
        ("versionInfo.baseline.variables[0].value", 8080),
        ("decision", {"policy": "luck"}),
        ("decision", {"alpha": 0}),
        ("decision", {"alpha": 1}),
        ("decision", {"futility": 1}),
        ("decision", {"soak": -1}),
    ],
)
async def test_what_the_server_refuses_admission_refuses_too(cluster, field, value):
    document = broken(field, value)
    answer = await tried(cluster, document)

    assert answer.status in (400, 422), answer.body
    with pytest.raises(Malformed):
        admit({"experiment": document, "metrics": METRICS})


async def test_fields_without_a_value_are_left_out_by_the_server_and_by_admission(cluster):
    document = broken("strategy.actions.loop", None)
    document["spec"]["duration"]["maxLoops"] = None
    answer = await tried(cluster, document)

    assert answer.status == 201, answer.body
    spec = answer.body["spec"]
    assert "loop" not in spec["strategy"]["actions"]
    assert "maxLoops" not in spec["duration"]
    admitted = admit({"experiment": document, "metrics": METRICS}).experiment.dump()["spec"]
    assert "loop" not in admitted["strategy"]["actions"]
    assert "maxLoops" not in admitted["duration"]

    answer = await tried(cluster, broken("target", None))
    assert answer.status == 422


async def test_only_the_server_refuses_a_quantity_written_as_a_bare_float(cluster):
    document = broken("criteria.objectives[1].upperLimit", 0.01)

    assert (await tried(cluster, document)).status == 422
    admitted = admit({"experiment": document, "metrics": METRICS})
    assert (await tried(cluster, admitted.experiment.dump())).status == 201


async def test_an_experiment_without_a_spec_is_accepted_as_upstream_does(cluster):
    bare = {key: EXPERIMENT[key] for key in ("apiVersion", "kind", "metadata")}

    assert (await tried(cluster, bare)).status == 201


async def test_the_status_is_a_subresource_and_shows_in_the_columns(cluster):
    await cluster.apply(EXPERIMENT)
    metric = {**METRICS[0], "metadata": {**METRICS[0]["metadata"], "labels": {"a": "b"}}}
    status = ExperimentStatus.model_validate(
        {
            **ExperimentStatus.fresh(NOW)
            .marked(
                ConditionType.COMPLETED,
                True,
                "ExperimentCompleted",
                "Experiment Completed",
                NOW,
            )
            .changed(
                stage=Stage.COMPLETED,
                start_time="2021-06-22T15:20:20Z",
                completed_iterations=15,
                current_weight_distribution=split_data({"iris-v1": 5, "iris-v2": 95}),
                version_recommended_for_promotion="iris-v2",
            )
            .dump(),
            "analysis": ANALYSIS,
            "metrics": [{"name": "iter8-seldon/request-count", "metricObj": metric}],
        }
    ).dump()
    path = f"{GROUP}/experiments/quickstart-exp"
    merge = "application/merge-patch+json"
    await cluster.request("PATCH", path, {"status": {"stage": "Running"}}, content_type=merge)
    assert "status" not in (await cluster.request("GET", path)).body
    await cluster.request("PATCH", f"{path}/status", {"status": status}, content_type=merge)

    assert (await cluster.request("GET", path)).body["status"] == status
    table = await cluster.request(
        "GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io"
    )
    assert [c["name"] for c in table.body["columnDefinitions"]] == [
        "Name",
        "type",
        "target",
        "stage",
        "completed iterations",
        "message",
    ]
    (row,) = table.body["rows"]
    assert [str(cell) for cell in row["cells"]] == [
        "quickstart-exp",
        "A/B",
        "iris",
        "Completed",
        "15",
        "ExperimentCompleted: Experiment Completed",
    ]


def block(data, **more):
    return {
        "provenance": "crossfade",
        "timestamp": "2021-06-22T15:20:20Z",
        "data": data,
        **more,
    }


ANALYSIS = {
    "aggregatedBuiltinHists": block(
        {"v1": {"DurationHistogram": {"Count": 1}, "RetCodes": {"200": 1}}}
    ),
    "aggregatedMetrics": block(
        {
            "iter8-seldon/mean-latency": {
                "data": {"iris-v1": {"value": "13352538n"}, "iris-v2": {}},
            }
        },
        message="all ok",
    ),
    "versionAssessments": block({"iris-v1": [True], "iris-v2": [False]}),
    "winnerAssessment": block({"winnerFound": True, "winner": "iris-v2"}),
    "weights": block([{"name": "iris-v1", "value": 5}, {"name": "iris-v2", "value": 95}]),
}
