"""Documents that are right, for the tests to break."""

import copy
from pathlib import Path

import pytest

from crossfade.resources.yaml import load_documents

EXPERIMENT, *METRICS = load_documents(Path(__file__).with_name("right.yaml").read_text())


@pytest.fixture
def experiment():
    return copy.deepcopy(EXPERIMENT)


@pytest.fixture
def metrics():
    return copy.deepcopy(METRICS)


@pytest.fixture
def body(experiment, metrics):
    return {"experiment": experiment, "metrics": metrics}
