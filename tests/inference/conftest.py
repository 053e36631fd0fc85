"""The engine's tests share builders; slow ones run only when asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def when_slow():
    """Skip a test that takes minutes, unless CROSSFADE_TEST_SLOW is set."""
    if not os.environ.get("CROSSFADE_TEST_SLOW"):
        pytest.skip("set CROSSFADE_TEST_SLOW to run what takes minutes")
