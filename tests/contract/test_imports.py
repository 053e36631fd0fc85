"""Importing does nothing: no socket, no clock, no environment, and little of what is heavy."""

import subprocess
import sys

import pytest

CLOSED = """
import importlib, os, pkgutil, socket, sys
def refuse(*args, **kwargs): raise RuntimeError("a module opened a socket while it was imported")
socket.socket.connect = socket.socket.bind = refuse
socket.getaddrinfo = socket.create_connection = refuse
before = dict(os.environ)
for root in sys.argv[1:]:
    package = importlib.import_module(root)
    for found in pkgutil.walk_packages(package.__path__, root + "."):
        if not found.name.endswith((".__main__", ".train")):
            importlib.import_module(found.name)
assert dict(os.environ) == before, "a module changed the environment"
print(len(sys.modules))
"""
SERVICES = ("actuator", "analyzer", "cli", "collector", "console", "lab", "notifier")
PACKAGES = ["crossfade", *(f"crossfade_{name}" for name in SERVICES)]


def python(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_can_be_imported_with_sockets_closed():
    assert int(python(CLOSED, *PACKAGES)) > 100


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("crossfade.domain.lifecycle", ("pydantic", "asyncio", "aiohttp")),
        ("crossfade.events", ("faststream", "nats", "aiohttp", "kubernetes_asyncio")),
        ("crossfade_cli.run", ("kubernetes_asyncio", "numpy", "scipy", "slack_sdk", "plotly")),
        ("crossfade_actuator.api", ("kubernetes_asyncio",)),
    ],
)
def test_what_is_heavy_is_imported_where_it_is_needed(module, heavy):
    loaded = python(f"import sys, {module}; print(' '.join(sys.modules))").split()
    assert not set(heavy) & set(loaded)
