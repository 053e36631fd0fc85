"""The definitions in the repository follow from the models and are structural."""

from pathlib import Path

import pytest
import yaml

from crossfade.resources.crds import experiment_crd, metric_crd, rendered, write

FOLDER = Path(__file__).parents[2] / "deploy/crds"
CRDS = [experiment_crd(), metric_crd()]
ALLOWED = {
    "additionalProperties", "anyOf", "default", "description", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "items", "maximum", "minLength", "minimum", "pattern",
    "properties", "required", "type", "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields",
}  # fmt: skip


def schema_of(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def every(schema, way=""):
    yield way, schema
    for name, inner in schema.get("properties", {}).items():
        yield from every(inner, f"{way}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from every(schema[name], f"{way}.*")


@pytest.mark.parametrize("crd", CRDS, ids=["experiments", "metrics"])
def test_the_file_is_what_the_models_say(crd):
    path = FOLDER / f"{crd['metadata']['name']}.yaml"

    assert path.read_text() == rendered(crd), (
        "run: python -m crossfade.resources.crds deploy/crds"
    )
    assert yaml.safe_load(path.read_text()) == crd


def test_writing_says_which_files(tmp_path):
    assert [path.name for path in write(tmp_path / "new")] == [
        "experiments.iter8.tools.yaml",
        "metrics.iter8.tools.yaml",
    ]


@pytest.mark.parametrize("crd", CRDS, ids=["experiments", "metrics"])
def test_schemas_are_structural(crd):
    for way, schema in every(schema_of(crd)):
        assert schema.keys() <= ALLOWED, way
        free = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
        assert "type" in schema or free & schema.keys(), way


def test_unknown_fields_are_kept_exactly_where_upstream_keeps_them():
    keeping = [
        way
        for way, schema in every(schema_of(CRDS[0]))
        if "x-kubernetes-preserve-unknown-fields" in schema
    ]

    assert keeping == [
        ".spec.strategy.actions.*.*.with.*",
        ".spec.criteria.strength",
        ".status.analysis.aggregatedBuiltinHists.data",
    ]


def test_only_a_metric_has_defaults_and_only_two():
    defaults = {
        way: schema["default"]
        for crd in CRDS
        for way, schema in every(schema_of(crd))
        if "default" in schema
    }

    assert defaults == {".spec.type": "Gauge", ".spec.method": "GET"}


def test_required_fields_are_upstreams():
    required = {way: s["required"] for way, s in every(schema_of(CRDS[0])) if "required" in s}

    assert "" not in required
    assert required[".spec"] == ["target", "strategy"]
    assert required[".spec.strategy"] == ["testingPattern"]
    assert required[".spec.versionInfo"] == ["baseline"]
    assert required[".spec.criteria.objectives.*"] == ["metric"]
    assert required[".spec.criteria.rewards.*"] == ["metric", "preferredDirection"]
    assert ".spec" not in {way for way, s in every(schema_of(CRDS[1])) if "required" in s}


def test_columns_are_upstreams():
    columns = CRDS[0]["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [(c["name"], c["type"], c["jsonPath"]) for c in columns] == [
        ("type", "string", ".spec.strategy.testingPattern"),
        ("target", "string", ".spec.target"),
        ("stage", "string", ".status.stage"),
        ("completed iterations", "string", ".status.completedIterations"),
        ("message", "string", ".status.message"),
    ]
