"""What tests of every room may ask for."""

import ipaddress
import os
import shutil
import socket
import sys
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from crossfade.errors import Missing
from crossfade_lab.broker import Broker, find_nats_server

# Other people's programs that several rooms meet: a browser.
sys.path.insert(0, str(Path(__file__).with_name("peers")))

# A shared machine's pauses are not failures; and one seed makes a red run repeatable.
hypothesis.settings.register_profile("crossfade", deadline=None, derandomize=True)
hypothesis.settings.load_profile("crossfade")


DEFINITIONS = Path(__file__).parents[1] / "deploy/crds"

SKIPPED = []
"""What was left out, and why; where CI is set that is a failure."""


def pytest_runtest_logreport(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        SKIPPED.append((report.nodeid, report.longrepr[-1]))


def pytest_collectreport(report):
    if report.skipped:
        SKIPPED.append((report.nodeid, report.longrepr[-1]))


def pytest_sessionfinish(session, exitstatus):
    if os.environ.get("CI") and SKIPPED and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if os.environ.get("CI") and SKIPPED:
        terminalreporter.section("with CI set nothing may be skipped", red=True)
        for test, reason in SKIPPED:
            terminalreporter.line(f"{test}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def loopback_only():
    """No test reaches beyond this machine; one that tries is told so."""
    genuine = socket.socket.connect

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not stays_here(address[0]):
            raise RuntimeError(f"a test tried to reach {address}; tests stay on loopback")
        return genuine(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


def stays_here(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture
async def broker(tmp_path):
    """A fresh nats-server with JetStream for this test alone (about 40 ms)."""
    try:
        find_nats_server()
    except Missing as missing:
        pytest.skip(str(missing))
    async with Broker(tmp_path / "nats") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kube_apiserver():
    """A real etcd and kube-apiserver with every definition, one for all tests (about 5 s).

    Tests keep to namespaces of their own and leave no experiment running; `crossfade` is a user
    without rights.
    """
    from crossfade_lab.cluster import CRDS, ControlPlane

    if program := ControlPlane.missing():
        pytest.skip(
            f"no {program}: set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"
        )
    async with ControlPlane(users={"crossfade": ()}) as plane:
        await plane.apply(CRDS, DEFINITIONS)
        yield plane


@pytest.fixture
async def chromium(tmp_path):
    """A headless Chromium on an empty page (about 1 s); see `browsing.py`."""
    from browsing import Browser

    if shutil.which("chromium") is None:
        pytest.skip("chromium is not on PATH: apt-get install chromium")
    async with Browser(tmp_path / "profile") as opened:
        yield opened
