"""What goes wrong ends in a readable line and an exit code."""

import os
import subprocess
import sys
import time

import pytest


@pytest.fixture
def nobody_there(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URL", "nats://secret@127.0.0.1:1")


@pytest.mark.parametrize(
    "words",
    [["get"], ["why"], ["bootstrap"], ["events", "--follow"], ["abort", "x"], ["watch"]],
)
def test_a_broker_that_is_down_is_said_within_seconds(call, nobody_there, words):
    begun = time.monotonic()
    result = call(*words)
    assert result.exit_code == 1
    assert result.stderr == (
        "the broker at nats://127.0.0.1:1 does not answer: is it running?\n"
    )
    assert time.monotonic() - begun < 5


def test_a_wrong_token_is_said_and_ends_with_code_1(broker):
    # A process of its own: the client's callback for a connection closed for good ends one.
    wrong = {"CROSSFADE_BUS__URL": broker.url.replace(broker.token, "wrong-token")}
    done = subprocess.run(
        [sys.executable, "-m", "crossfade_cli.main", "get"],
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | wrong,
    )
    assert done.returncode == 1, done.stderr
    assert "does not let us in: are CROSSFADE_BUS__URL and" in done.stderr


def test_a_start_while_the_broker_is_down_says_so(call, nobody_there, tmp_path):
    assert call("init", "--kind", "mock", "--name", "iris", "--folder", tmp_path).exit_code == 0
    result = call("start", "-f", tmp_path)
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


def test_doctor_with_the_broker_down_is_trouble(call, nobody_there):
    result = call("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith("trouble  broker       the broker at nats://127.0.0.1:1")


def test_a_wrong_setting_is_named(call, monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URI", "nats://x")
    result = call("get")
    assert result.exit_code == 1
    assert result.stderr.startswith("CROSSFADE_BUS__URI: ")


def test_an_unknown_service_is_named():
    # A process of its own: `run` takes over the logs of the one it is in.
    command = [sys.executable, "-m", "crossfade_cli.main", "run", "collektor"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("service: found collektor; right is one or more of collector")


def test_a_missing_file_and_broken_yaml_name_the_file(call, tmp_path):
    missing = call("start", "-f", tmp_path / "nowhere.yaml")
    assert missing.exit_code == 1
    assert missing.stderr.endswith("nowhere.yaml: cannot be read: No such file or directory\n")
    (tmp_path / "broken.yaml").write_text("kind: [")
    broken = call("start", "-f", tmp_path)
    assert broken.exit_code == 1
    assert f"{tmp_path}/broken.yaml: line 1, column 8" in broken.stderr


def test_an_unknown_kind_of_event_is_named(call):
    result = call("events", "--kinds", "sample")
    assert result.exit_code == 1
    assert result.stderr.startswith("--kinds: found 'sample', right is one of stage-change")


def test_init_writes_documents_that_are_admitted_and_read(call, tmp_path):
    folder = tmp_path / "not" / "yet"
    result = call("init", "--kind", "mock", "--name", "iris", "--folder", folder)
    assert result.exit_code == 0, result.output
    assert "read default/error-rate of candidate: 0.001" in result.stdout
    again = call("init", "--kind", "mock", "--name", "iris", "--folder", folder)
    assert again.exit_code == 1
    assert "experiment.yaml: exists already; --force replaces it" in again.stderr


@pytest.mark.parametrize("kind", ["seldon", "istio"])
def test_init_asks_for_what_it_is_not_told(call, tmp_path, kind):
    answers = f"{kind}\niris\nhttp://127.0.0.1:1\n"
    result = call("init", "--folder", tmp_path, stdin=answers)
    assert result.exit_code == 0, result.output
    assert "read default/request-count of baseline: unreachable" in result.stdout
    assert "fieldPath" in (tmp_path / "experiment.yaml").read_text()


def test_the_catalogue_names_every_kind_and_subject(call):
    from crossfade.events import CATALOGUE

    out = call("events", "--catalogue").stdout
    assert "questions      replay; change nothing" in out
    for kind in CATALOGUE:
        assert f"crossfade.event.{kind}.<namespace>.<name>" in out
