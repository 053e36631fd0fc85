"""Recorded files: compared always, written anew where CROSSFADE_TEST_RECORD is set."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root():
    """The repository."""
    return ROOT


@pytest.fixture
def recorded():
    """`recorded(path, text)`: the file says exactly this."""

    def compare(path, text):
        file = ROOT / path
        if os.environ.get("CROSSFADE_TEST_RECORD"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.is_file(), f"{path} is missing; CROSSFADE_TEST_RECORD=1 writes it"
        assert file.read_text(encoding="utf-8") == text, (
            f"{path} is not what the code says; if that is meant, CROSSFADE_TEST_RECORD=1 "
            "writes it anew, and the change is named in the changelog"
        )

    return compare
