"""Weights in a cluster: read, rehearsed, and written by compare-and-set."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.errors import NotFound, Permanent
from crossfade.resources import admit
from crossfade.resources.yaml import load_documents
from crossfade_actuator.targets.fieldpaths import InvalidTarget, look_up, parse
from crossfade_actuator.targets.weights import FoughtOver, TargetChanged, Weights

ROOT = Path(__file__).parents[2] / "deploy/examples"


def a_document(folder="iris-single", change=None):
    experiment = load_documents((ROOT / folder / "experiment.yaml").read_text())[0]
    metrics = load_documents((ROOT / folder / "metrics.yaml").read_text())
    if change:
        change(experiment["spec"])
    return admit(
        {"experiment": experiment, "metrics": [m for m in metrics if m["kind"] == "Metric"]}
    )


async def patched(cluster, document, *operations):
    ref = next(iter(document.weight_refs.values()))
    return await cluster.patch(ref, list(operations))


async def standing(cluster, document):
    return await cluster.get(next(iter(document.weight_refs.values())))


def versions(object_):
    """How often its spec was written; it begins as 1."""
    return object_["metadata"]["generation"]


def traffic(object_):
    return [predictor.get("traffic") for predictor in object_["spec"]["predictors"]]


async def test_a_split_is_read_and_written_in_one_patch(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    assert before.split == {"iris-v1": 100, "iris-v2": 0}
    after = await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    assert after.split == {"iris-v1": 90, "iris-v2": 10}
    stored = await standing(cluster, document)
    assert (traffic(stored), versions(stored)) == ([90, 10], 2)
    assert after.objects[0].resource_version == stored["metadata"]["resourceVersion"]


async def test_a_virtual_service_is_moved_the_same_way(cluster):
    document, weights = a_document("iris-separate"), Weights(cluster)
    before = await weights.read(document)
    after = await weights.write(document, before, {"iris-v1": 50, "iris-v2": 50})
    assert after.split == {"iris-v1": 50, "iris-v2": 50}


async def test_writing_what_stands_already_changes_no_object(cluster):
    document, weights = a_document(), Weights(cluster)
    await weights.write(document, await weights.read(document), {"iris-v1": 100, "iris-v2": 0})
    assert versions(await standing(cluster, document)) == 1


async def test_a_late_duplicate_of_a_write_is_recognised_as_done(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    again = await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    assert again.split == {"iris-v1": 90, "iris-v2": 10}
    assert versions(await standing(cluster, document)) == 2


async def test_somebody_elses_write_in_between_is_a_fight_and_stands(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    await patched(
        cluster,
        document,
        {"op": "add", "path": "/spec/predictors/0/traffic", "value": 70},
        {"op": "add", "path": "/spec/predictors/1/traffic", "value": 30},
    )
    with pytest.raises(FoughtOver) as fought:
        await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    assert fought.value.split == {"iris-v1": 70, "iris-v2": 30}
    assert "wanted iris-v1 90 %, iris-v2 10 %" in str(fought.value)
    assert (await weights.read(document)).split == {"iris-v1": 70, "iris-v2": 30}


async def test_a_status_update_in_between_does_not_matter(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    await patched(
        cluster, document, {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
    )
    after = await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    assert after.split == {"iris-v1": 90, "iris-v2": 10}


async def test_swapped_predictors_are_another_target(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    ref = next(iter(document.weight_refs.values()))
    first, second = (await cluster.get(ref))["spec"]["predictors"]
    swap = {"op": "add", "path": "/spec/predictors", "value": [second, first]}
    await patched(cluster, document, swap)
    with pytest.raises(TargetChanged):
        await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})


@pytest.mark.parametrize(
    ("path", "value", "comparable"),
    [
        ("/metadata/labels", {"a": "b"}, True),
        ("/spec/predictors/0/traffic", 100, True),
        ("/spec/predictors/0/name", "default", False),
    ],
)
async def test_splits_are_compared_only_where_their_neighbours_are_the_same(
    cluster, path, value, comparable
):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    await patched(cluster, document, {"op": "add", "path": path, "value": value})

    assert weights.comparable(before, await weights.read(document)) is comparable


async def test_a_dropped_zero_reads_as_zero_and_is_written_again(cluster):
    document, weights = a_document(), Weights(cluster)
    await patched(cluster, document, {"op": "remove", "path": "/spec/predictors/1/traffic"})
    before = await weights.read(document)
    assert before.split == {"iris-v1": 100, "iris-v2": 0}
    after = await weights.write(document, before, {"iris-v1": 90, "iris-v2": 10})
    assert after.split == {"iris-v1": 90, "iris-v2": 10}


async def test_a_split_that_does_not_add_up_is_never_sent(cluster):
    document, weights = a_document(), Weights(cluster)
    before = await weights.read(document)
    with pytest.raises(InvalidTarget, match="sum to 100"):
        await weights.write(document, before, {"iris-v1": 90, "iris-v2": 20})
    assert versions(await standing(cluster, document)) == 1


async def test_rehearsing_writes_nothing(cluster):
    document = a_document()
    await Weights(cluster).rehearse(document)
    assert versions(await standing(cluster, document)) == 1


async def test_an_object_that_is_not_there_is_named(cluster):
    def elsewhere(spec):
        spec["versionInfo"]["baseline"]["weightObjRef"]["name"] = "nobody"

    with pytest.raises(NotFound, match="nobody"):
        await Weights(cluster).read(a_document(change=elsewhere))


async def test_a_field_path_to_nowhere_says_which_field(cluster):
    def nowhere(spec):
        ref = spec["versionInfo"]["baseline"]["weightObjRef"]
        ref["fieldPath"] = ".spec.predictors[7].traffic"

    with pytest.raises(InvalidTarget) as told:
        await Weights(cluster).read(a_document(change=nowhere))
    where = ".spec.predictors[7].traffic of SeldonDeployment ns-production/iris"
    assert str(told.value) == f"traffic is not found: {where}, the weight of iris-v1"


@pytest.mark.parametrize("version", ["no.such/v1", "networking.istio.io/v9"])
async def test_a_kind_that_the_cluster_does_not_know_is_named(cluster, version):
    def unknown(spec):
        spec["versionInfo"]["baseline"]["weightObjRef"] |= {"apiVersion": version, "kind": "X"}

    with pytest.raises(NotFound, match=f"the cluster knows no X in {version}"):
        await Weights(cluster).read(a_document(change=unknown))


async def test_a_text_where_a_number_is_meant_is_refused(cluster):
    def name(spec):
        ref = spec["versionInfo"]["baseline"]["weightObjRef"]
        ref["fieldPath"] = ".spec.predictors[0].name"

    with pytest.raises(InvalidTarget, match="'baseline', not an integer"):
        await Weights(cluster).read(a_document(change=name))


async def test_one_version_without_a_reference_takes_the_rest(cluster):
    def only_candidate(spec):
        del spec["versionInfo"]["baseline"]["weightObjRef"]

    document = a_document(change=only_candidate)
    assert (await Weights(cluster).read(document)).split == {"iris-v1": 100, "iris-v2": 0}


async def test_two_versions_without_a_reference_cannot_be_read(cluster):
    def neither(spec):
        del spec["versionInfo"]["baseline"]["weightObjRef"]
        del spec["versionInfo"]["candidates"][0]["weightObjRef"]

    with pytest.raises(Permanent, match="insufficient number of weightObjRef specified"):
        await Weights(cluster).read(a_document(change=neither))


@pytest.mark.parametrize(
    "path",
    [
        "spec.x",
        ".spec.predictors[-1].traffic",
        ".spec.weights[0]",
        ".a[?(@.b)]",
        "..a",
        ".",
        "",
    ],
)
def test_a_path_that_names_no_field_is_refused(path):
    with pytest.raises(InvalidTarget):
        parse(path)


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, st.integers(0, 3) | st.none()), max_size=5), NAMES)
def test_a_path_leads_to_what_stands_there(steps, last):
    tree = {last: 42}
    written = f".{last}"
    for name, index in reversed(steps):
        tree = {name: [None] * index + [tree]} if index is not None else {name: tree}
        written = f".{name}" + (f"[{index}]" if index is not None else "") + written
    assert look_up(tree, parse(written).tokens) == 42
