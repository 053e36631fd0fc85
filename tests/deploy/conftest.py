"""What the deployment tests read: files of the repository, parsed once."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def compose():
    """`docker-compose.yml`."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="session")
def manifests():
    """Every object under `deploy/kubernetes` and `deploy/nats`, kustomizations left out."""
    files = [
        *(ROOT / "deploy/kubernetes").rglob("*.yaml"),
        *(ROOT / "deploy/nats").glob("*.yaml"),
    ]
    found = []
    for file in sorted(files):
        if not re.match(r"values|kustomization", file.name):
            found += [d for d in yaml.safe_load_all(file.read_text()) if d]
    return found
