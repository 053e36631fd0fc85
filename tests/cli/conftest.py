"""The commands as people type them, against a real broker."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crossfade.runtime.bootstrap import bootstrap
from crossfade.settings import BusSettings, load
from crossfade_cli.main import app
from crossfade_cli.talking import talking

sys.path.insert(0, str(Path(__file__).parent))  # builders live beside the tests


@pytest.fixture(autouse=True)
def plain_screen(monkeypatch):
    """One width, no colours, no settings of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "96")
    monkeypatch.setenv("TERMINAL_WIDTH", "96")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("FORCE_COLOR", "CROSSFADE_BUS__URL", "CROSSFADE_CLUSTER__KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def call():
    """A command by its words: the result with exit code, stdout and stderr."""

    def run(*words, stdin=None):
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return run


@pytest.fixture
def crossfade(call):
    """The same from within a running loop: a command has a loop of its own."""

    async def run(*words, stdin=None):
        return await asyncio.to_thread(call, *words, stdin=stdin)

    return run


@pytest.fixture
async def settings(broker, monkeypatch):
    """Settings of a broker on which everything stands, for commands and services alike."""
    monkeypatch.setenv("CROSSFADE_BUS__URL", broker.url)
    await bootstrap(BusSettings(url=broker.url))
    return load()


@pytest.fixture
async def talk(settings):
    """A talk of the test's own."""
    async with talking(settings.bus) as opened:
        yield opened
