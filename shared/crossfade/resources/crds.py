"""Writes the custom resource definitions that follow from the models.

    python -m crossfade.resources.crds deploy/crds

Structural OpenAPI v3 as Kubernetes 1.16 and later want it: no references, no unions other than
int-or-string, unknown fields pruned but where upstream keeps them.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crossfade.resources.experiments import Experiment
from crossfade.resources.fields import QUANTITY_SCHEMA, Resource
from crossfade.resources.metrics import Metric
from crossfade.resources.status import ExperimentStatus

GROUP = "iter8.tools"
VERSION = "v2alpha2"

Schema = dict[str, Any]

_ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_KEPT = (
    "description",
    "enum",
    "format",
    "maximum",
    "minimum",
    "minLength",
    "maxLength",
    "type",
)
_METRIC_DEFAULTS = {"type": "Gauge", "method": "GET"}


def experiment_crd() -> Schema:
    """The definition of `experiments.iter8.tools`; upstream sets no defaults, nor do we."""
    schema = _top_level(Experiment)
    schema["properties"]["status"] = structural(ExperimentStatus)
    metric = schema["properties"]["status"]["properties"]["metrics"]["items"]["properties"]
    metric["metricObj"] = _top_level(Metric) | {"x-kubernetes-embedded-resource": True}
    columns = [
        ("type", ".spec.strategy.testingPattern"),
        ("target", ".spec.target"),
        ("stage", ".status.stage"),
        ("completed iterations", ".status.completedIterations"),
        ("message", ".status.message"),
    ]
    return _definition("Experiment", schema, columns, {"status": {}})


def metric_crd() -> Schema:
    """The definition of `metrics.iter8.tools`, with the schema's two defaults."""
    schema = _top_level(Metric)
    for field, default in _METRIC_DEFAULTS.items():
        schema["properties"]["spec"]["properties"][field]["default"] = default
    columns = [("type", ".spec.type"), ("description", ".spec.description")]
    return _definition("Metric", schema, columns, None)


def structural(model: type[Resource]) -> Schema:
    """A model's schema with every reference written out."""
    schema = model.model_json_schema(by_alias=True)
    return _plain(schema, schema.get("$defs", {}))


def write(folder: Path) -> list[Path]:
    """Writes both definitions, and says where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for crd in (experiment_crd(), metric_crd()):
        path = folder / f"{crd['spec']['names']['plural']}.{GROUP}.yaml"
        path.write_text(rendered(crd), encoding="utf-8")
        written.append(path)
    return written


def rendered(crd: Schema) -> str:
    """The text of a definition's file."""
    return "# Written by `python -m crossfade.resources.crds deploy/crds`.\n" + yaml.safe_dump(
        crd, sort_keys=False, width=96, allow_unicode=True
    )


def _top_level(model: type[Resource]) -> Schema:
    schema = structural(model)
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    properties.pop("status", None)
    schema.pop("required", None)
    return schema


def _plain(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Schema:
    """One schema as Kubernetes takes it: inlined, unions of one with nothing undone."""
    if "$ref" in schema:
        target = known[schema["$ref"].rpartition("/")[2]]
        told = {k: v for k, v in schema.items() if k == "description"}
        return _plain({**target, **told}, known)
    if "x-kubernetes-int-or-string" in schema:
        return {**_described(schema), **copy.deepcopy(QUANTITY_SCHEMA)}  # no YAML aliases
    if "anyOf" in schema:
        (one,) = [part for part in schema["anyOf"] if part.get("type") != "null"]
        return _plain({**one, **_described(schema)}, known)
    if not {"type", "enum", "const", "properties"} & schema.keys():
        return {**_described(schema), **_ANYTHING}
    return {**_scalar(schema), **_nested(schema, known)}


def _described(schema: Mapping[str, Any]) -> Schema:
    return {k: _folded(v) for k, v in schema.items() if k == "description"}


def _scalar(schema: Mapping[str, Any]) -> Schema:
    plain = {k: schema[k] for k in _KEPT if k in schema} | _described(schema)
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in schema:
            plain |= {limit: schema[bound], bound: True}
    return plain


def _nested(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Schema:
    nested: Schema = {}
    if "items" in schema:
        nested["items"] = _plain(schema["items"], known)
    if "properties" in schema:
        nested["properties"] = {k: _plain(v, known) for k, v in schema["properties"].items()}
    elif schema.get("type") == "object":
        values = schema.get("additionalProperties", True)
        nested["additionalProperties"] = _plain({} if values is True else values, known)
    if "required" in schema:
        nested["required"] = list(schema["required"])
    return nested


def _folded(text: str) -> str:
    return " ".join(text.split())


def _definition(
    kind: str, schema: Schema, columns: list[tuple[str, str]], subresources: Schema | None
) -> Schema:
    plural = f"{kind.lower()}s"
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            {"name": name, "type": "string", "jsonPath": path} for name, path in columns
        ],
        "schema": {"openAPIV3Schema": schema},
    }
    if subresources:
        version["subresources"] = subresources
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


if __name__ == "__main__":
    for _path in write(Path(sys.argv[1])):
        sys.stdout.write(f"{_path}\n")
