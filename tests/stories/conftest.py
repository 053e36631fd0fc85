"""The stories share how they are told; see `storytelling.py`."""

import sys
from pathlib import Path

import pytest

from crossfade.errors import Missing
from crossfade_lab.broker import find_nats_server
from crossfade_lab.cluster.kubectl import find_kubectl

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "notifier"))  # Slack's local server


@pytest.fixture(autouse=True)
def _programs():
    """Every story needs a broker and kubectl, as the seed's finish action does."""
    try:
        find_nats_server()
        find_kubectl()
    except Missing as missing:
        pytest.skip(str(missing))
