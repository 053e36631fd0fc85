"""First drafts of documents for `crossfade init`: few fields, each one to be edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crossfade.resources import API_VERSION

Kind = Literal["seldon", "istio", "mock"]
Json = dict[str, Any]
WINDOW = "[${elapsedTime}s]"
SELDON = "seldon_deployment_id='$sid',predictor_name='$predictor',kubernetes_namespace='$ns'"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of the author."""

    kind: Kind
    name: str
    namespace: str
    prometheus: str
    object: str
    """The SeldonDeployment or VirtualService that carries the weights."""
    baseline: str
    candidate: str


def documents(wishes: Wishes) -> tuple[Json, list[Json]]:
    """The Experiment and its Metrics."""
    return _experiment(wishes), _metrics(wishes)


def _experiment(wishes: Wishes) -> Json:
    names = (wishes.baseline, wishes.candidate)
    versions = [_version(wishes, name, at) for at, name in enumerate(names)]
    objectives = [
        {"metric": "error-rate", "upperLimit": "0.01"},
        {"metric": "mean-latency", "upperLimit": "0.5"},
    ]
    return {
        "apiVersion": API_VERSION,
        "kind": "Experiment",
        "metadata": {"name": wishes.name, "namespace": wishes.namespace},
        "spec": {
            "target": f"{wishes.namespace}/{wishes.object}",
            "strategy": {"testingPattern": "Canary", "deploymentPattern": "Progressive"},
            "criteria": {"requestCount": "request-count", "objectives": objectives},
            "duration": {"intervalSeconds": 10, "iterationsPerLoop": 15},
            "versionInfo": {"baseline": versions[0], "candidates": versions[1:]},
        },
    }


def _version(wishes: Wishes, name: str, at: int) -> Json:
    if wishes.kind == "mock":
        return {"name": name}
    reference = {"name": wishes.object, "namespace": wishes.namespace}
    if wishes.kind == "seldon":
        held = {
            "apiVersion": "machinelearning.seldon.io/v1",
            "kind": "SeldonDeployment",
            **reference,
            "fieldPath": f".spec.predictors[{at}].traffic",
        }
        variables = {"ns": wishes.namespace, "sid": wishes.object, "predictor": name}
    else:
        held = {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "VirtualService",
            **reference,
            "fieldPath": f".spec.http[0].route[{at}].weight",
        }
        variables = {"ns": wishes.namespace, "workload": name}
    listed = [{"name": key, "value": value} for key, value in variables.items()]
    return {"name": name, "weightObjRef": held, "variables": listed}


def _metrics(wishes: Wishes) -> list[Json]:
    return [_metric(wishes, *drafted) for drafted in _DRAFTS[wishes.kind]]


def _metric(wishes: Wishes, name: str, kind: str, units: str, source: str) -> Json:
    spec: Json = {"type": kind} | ({"units": units} if units else {})
    if wishes.kind == "mock":
        levels = [wishes.baseline, wishes.candidate]
        spec["mock"] = [{"name": version, "level": source} for version in levels]
    else:
        spec |= {
            "provider": "prometheus",
            "urlTemplate": f"{wishes.prometheus.rstrip('/')}/api/v1/query",
            "params": [{"name": "query", "value": source}],
            "jqExpression": ".data.result[0].value[1] | tonumber",
        }
    if name != "request-count":
        spec["sampleSize"] = "request-count"
    metadata = {"name": name, "namespace": wishes.namespace}
    return {"apiVersion": API_VERSION, "kind": "Metric", "metadata": metadata, "spec": spec}


def _queries(count: str, failed: str, total: str, labels: str, scale: str = "") -> Any:
    def increase(metric: str, more: str = "") -> str:
        return f"sum(increase({metric}{{{labels}{more}}}{WINDOW}))"

    served = f"({increase(count)} > 0)"
    return (
        ("request-count", "Counter", "", f"{increase(count)} or on() vector(0)"),
        (
            "error-rate",
            "Gauge",
            "",
            f"({increase(count, failed)} or on() vector(0)) / {served}",
        ),
        ("mean-latency", "Gauge", "seconds", f"{increase(total)}{scale} / {served}"),
    )


_DRAFTS: Mapping[str, Any] = {
    "seldon": _queries(
        "seldon_api_executor_server_requests_seconds_count",
        ",code!~'200|OK'",
        "seldon_api_executor_server_requests_seconds_sum",
        SELDON + ",service='predictions'",
    ),
    "istio": _queries(
        "istio_requests_total",
        ",response_code=~'5..'",
        "istio_request_duration_milliseconds_sum",
        "reporter='destination',destination_workload='$workload',"
        "destination_workload_namespace='$ns'",
        " / 1000",
    ),
    "mock": (
        ("request-count", "Counter", "", "100"),
        ("error-rate", "Gauge", "", "0.001"),
        ("mean-latency", "Gauge", "seconds", "0.05"),
    ),
}
