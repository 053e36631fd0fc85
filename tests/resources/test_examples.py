"""The examples are right, and say what the seed says."""

from pathlib import Path

import pytest

from crossfade.resources import admit
from crossfade.resources.yaml import load_documents

ROOT = Path(__file__).parents[2] / "deploy/examples"
FOLDERS = ["iris-single", "iris-separate"]


def documents(folder, name):
    return load_documents((ROOT / folder / name).read_text())


def admitted(folder, suffix=""):
    (experiment,) = documents(folder, f"experiment{suffix}.yaml")
    metrics = [d for d in documents(folder, f"metrics{suffix}.yaml") if d["kind"] == "Metric"]
    return admit({"experiment": experiment, "metrics": metrics}, on_cluster=True)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("suffix", ["", "-corrected"])
def test_an_example_is_admitted_without_a_warning(folder, suffix):
    document = admitted(folder, suffix)

    assert document.warnings == ()
    assert (document.name, document.target, document.pattern) == (
        "quickstart-exp",
        "iris",
        "A/B",
    )
    assert [v.name for v in document.versions] == ["iris-v1", "iris-v2"]
    assert document.interval_seconds == 10
    assert document.iterations == {"iris-single": 15, "iris-separate": 10}[folder]
    assert document.actions["finish"][0].with_["args"] == [
        "-c",
        "kubectl apply -f {{ .promote }}",
    ]


@pytest.mark.parametrize(
    ("suffix", "limits"), [("", [2000, 5000, 0.01]), ("-corrected", [200, 500, 0.01])]
)
def test_limits_are_the_seeds_or_ones_that_can_bind(suffix, limits):
    document = admitted("iris-single", suffix)

    assert [objective.upper for objective in document.objectives] == limits
    further = ("iter8-seldon/requests-within-500-milliseconds",) if suffix else ()
    assert document.references == (
        "iter8-seldon/request-count",
        "iter8-seldon/user-engagement",
        "iter8-seldon/mean-latency",
        "iter8-seldon/95th-percentile-tail-latency",
        "iter8-seldon/error-rate",
        *further,
    )


def query(name, suffix):
    return admitted("iris-single", suffix).metric(f"iter8-seldon/{name}").spec.params[0].value


def test_the_seeds_queries_stand_as_published():
    seconds = "seldon_api_executor_client_requests_seconds_sum"

    assert query("request-count", "").startswith(f"sum(increase({seconds}{{")
    assert "code!='200'" in query("error-rate", "")
    assert not query("mean-latency", "").startswith("1000")
    assert query("user-engagement", "").endswith("[${elapsedTime}s])) or on() vector(0)\n")


def test_the_corrected_queries_mend_the_three_mistakes():
    counted = "seldon_api_executor_client_requests_seconds_count"

    assert query("request-count", "-corrected").startswith(f"sum(increase({counted}{{")
    assert "code!~'200|OK'" in query("error-rate", "-corrected")
    assert query("mean-latency", "-corrected").startswith("1000 * ")
    assert query("95th-percentile-tail-latency", "-corrected").startswith("1000 * ")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_field_path_leads_to_a_number_in_the_objects(folder):
    names = ["models.yaml"] + ["routing-rule.yaml"] * (folder == "iris-separate")
    objects = {
        (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]): o
        for name in names
        for o in documents(folder, name)
    }
    weights = []
    for version in admitted(folder).versions:
        ref = version.weight_obj_ref
        found = objects[ref.kind, ref.namespace, ref.name]
        for step in ref.field_path.replace("[", ".").replace("]", "").split(".")[1:]:
            found = found[int(step) if step.isdigit() else step]
        weights.append(found)

    assert weights == [100, 0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_version_names_its_own_promotion_which_exists(folder):
    for version in admitted(folder).versions:
        number = version.name.removeprefix("iris-")
        address = f"http://promote.crossfade.test/{folder}/promote-{number}.yaml"
        assert version.values["promote"] == address
        assert documents(folder, f"promote-{number}.yaml")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_namespace_that_is_used_is_created(folder):
    created = {o["metadata"]["name"] for o in documents(folder, "namespaces.yaml")} | {
        "default"
    }
    used = {
        o["metadata"]["namespace"]
        for path in (ROOT / folder).glob("*.yaml")
        for o in load_documents(path.read_text())
        if o["kind"] != "Namespace" and "namespace" in o["metadata"]
    }

    assert used <= created
