"""The real Prometheus, started on a free port over a targets file."""

import asyncio
import json

import pytest

from crossfade.errors import Missing, Permanent
from crossfade_lab.metrics import RealPrometheus, find_prometheus


@pytest.fixture
def prometheus_on_path():
    if find_prometheus() is None:
        pytest.skip("no `prometheus` on PATH")


async def test_a_target_is_scraped_with_its_labels(prometheus_on_path, tmp_path, target):
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([target.group(predictor_name="candidate")]))
    async with RealPrometheus(tmp_path / "p", targets, 0.2) as prometheus:
        async with asyncio.timeout(15):
            while await prometheus.scrapes() < 3:
                await asyncio.sleep(0.05)
        answer = await prometheus.query('hits_total{predictor_name="candidate"}')
    [series] = answer["result"]
    assert series["metric"]["job"] == "lab"
    assert float(series["value"][1]) >= 3


async def test_a_start_again_keeps_the_port_and_the_series(prometheus_on_path, tmp_path):
    async with RealPrometheus(tmp_path / "p", tmp_path / "targets.json") as prometheus:
        url = prometheus.url
        await prometheus.stop()
        await prometheus.start()
        assert prometheus.url == url
        assert await prometheus.scrapes() == 0


async def test_a_query_that_does_not_parse_is_told_in_its_own_words(
    prometheus_on_path, tmp_path
):
    async with RealPrometheus(tmp_path / "p", tmp_path / "targets.json") as prometheus:
        with pytest.raises(Permanent, match=r"bad_data: .*parse error"):
            await prometheus.query("sum(")


async def test_a_machine_without_prometheus_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt-get install prometheus"):
        await RealPrometheus(tmp_path / "p", tmp_path / "targets.json").start()
