"""The seed's two experiments: their documents as shipped, and what the lab must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crossfade.errors import Missing
from crossfade_lab.cluster.documents import read
from crossfade_lab.load import Version

__all__ = [
    "MODELS",
    "PROMETHEUS",
    "PROMOTE",
    "SEPARATE",
    "SINGLE",
    "Example",
    "deploy_folder",
]

PROMETHEUS = "seldon-core-analytics-prometheus-seldon.seldon-system"
"""The host that the seed's metrics ask."""

PROMOTE = "http://promote.crossfade.test"
"""Where the shipped experiments say that the promote manifests are."""

MODELS = {"iris-v1": "sklearn-iris", "iris-v2": "xgboost-iris"}
"""The `x-model` of the answers of each version."""


def deploy_folder() -> Path:
    """`deploy/` of the checkout, or its copy in the wheel; Missing where there is neither."""
    here = Path(__file__).resolve().parent
    for folder in (here / "deploy", here.parents[1] / "deploy"):
        if (folder / "examples").is_dir():
            return folder
    raise Missing(
        "deploy/examples: not found; install crossfade anew, or run from its checkout"
    )


@dataclass(frozen=True, slots=True)
class Example:
    """One of the two; `carrier` is the object with the weights, as `Kind/namespace/name`."""

    name: Literal["iris-single", "iris-separate"]
    versions: tuple[Version, Version]
    carrier: str
    host: str | None = None

    @property
    def folder(self) -> Path:
        """Its documents."""
        return deploy_folder() / "examples" / self.name

    def cluster(self) -> list[dict[str, Any]]:
        """What must be in the cluster before an experiment starts, but for the metrics."""
        names = ("namespaces.yaml", "models.yaml", "routing-rule.yaml")
        return read(path for name in names if (path := self.folder / name).exists())

    def metrics(self, *, corrected: bool = False) -> list[dict[str, Any]]:
        """The six Metrics; `corrected` counts requests and measures latency in milliseconds."""
        documents = read([self.folder / f"metrics{_suffix(corrected)}.yaml"])
        return [document for document in documents if document["kind"] == "Metric"]

    def experiment(
        self,
        promote_url: str = PROMOTE,
        *,
        corrected: bool = False,
        interval_seconds: int = 10,
        iterations: int | None = None,
        policy: str = "iter8",
        namespace: str = "default",
    ) -> dict[str, Any]:
        """The Experiment; as written but for the promote addresses and what is asked here.

        `corrected` has limits that can bind, `assured` such that its load can prove; both go with
        the corrected metrics.
        """
        suffix = "-assured" if policy == "assured" else _suffix(corrected)
        (document,) = read([self.folder / f"experiment{suffix}.yaml"])
        document["metadata"]["namespace"] = namespace
        spec = document["spec"]
        spec["duration"]["intervalSeconds"] = interval_seconds
        if iterations is not None:
            spec["duration"]["iterationsPerLoop"] = iterations
        info = spec["versionInfo"]
        for version in (info["baseline"], *info["candidates"]):
            version["variables"] = [_moved(each, promote_url) for each in version["variables"]]
        return document


def _suffix(corrected: bool) -> str:
    return "-corrected" if corrected else ""


def _moved(variable: Mapping[str, str], promote_url: str) -> dict[str, str]:
    value = variable["value"].replace(PROMOTE, promote_url)
    return {**variable, "value": value}


SINGLE = Example(
    name="iris-single",
    versions=(
        Version("ns-production", "iris", "baseline"),
        Version("ns-production", "iris", "candidate"),
    ),
    carrier="SeldonDeployment/ns-production/iris",
)

SEPARATE = Example(
    name="iris-separate",
    versions=(
        Version("ns-baseline", "iris", "default"),
        Version("ns-candidate", "iris", "default"),
    ),
    carrier="VirtualService/default/routing-rule",
    host="iris.example.com",
)
