"""The real Prometheus as a child process: what goes wrong at its start is said."""

import pytest

from crossfade.errors import Missing, Permanent
from crossfade_lab.metrics import RealPrometheus, find_prometheus


async def test_a_machine_without_prometheus_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt-get install prometheus"):
        await RealPrometheus(tmp_path / "p", tmp_path / "targets.json").start()


@pytest.mark.skipif(find_prometheus() is None, reason="no `prometheus` on PATH")
async def test_a_start_that_fails_quotes_the_reason_and_leaves_no_process(tmp_path):
    prometheus = RealPrometheus(tmp_path / "p", tmp_path / "t.json", retention="for ever")
    with pytest.raises(Permanent, match="not a valid duration string"):
        await prometheus.start()
    with pytest.raises(Permanent, match="is not running"):
        await prometheus.query("up")
