"""The examples as documents: complete, documented, and queries that Prometheus can parse."""

from __future__ import annotations

import pytest
from promql_parser import parse
from tests.samples.outcomes import OUTCOMES
from tests.samples.worlds import EXAMPLES, example

from crossfade.resources import admit

NAMES = list(OUTCOMES)


def test_every_example_has_its_documented_outcome():
    documented = (EXAMPLES / "README.md").read_text()
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}

    assert {name for name in folders if not name.startswith("iris-")} == set(NAMES)
    assert all(f"| `{name}` |" in documented for name in folders)


@pytest.mark.parametrize("name", NAMES)
def test_the_metrics_for_prometheus_are_admitted_and_are_promql(name):
    experiment, metrics, _ = example(name, mocked=False)

    document = admit({"experiment": experiment, "metrics": metrics}, on_cluster=True)
    assert document.warnings == ()
    for metric in metrics:
        (query,) = [p["value"] for p in metric["spec"]["params"] if p["name"] == "query"]
        parse(query.replace("${elapsedTime}", "10"))


@pytest.mark.parametrize("name", NAMES)
def test_made_up_metrics_bear_the_names_of_the_real_ones(name):
    experiment, mocked, _ = example(name)
    document = admit({"experiment": experiment, "metrics": mocked}, on_cluster=True)
    _, real, _ = example(name, mocked=False)

    assert document.warnings == ()
    assert set(document.metrics) <= {
        f"{m['metadata']['namespace']}/{m['metadata']['name']}" for m in real
    }
