"""One suite for both kinds: what is scraped, what it is called, and when it is gone."""

import asyncio
import json

import pytest

from crossfade.errors import Permanent
from crossfade_lab.metrics import find_prometheus, open_metrics
from crossfade_lab.ports import lowest_given

PAGE = """\
# HELP hits_total How often.
# TYPE hits_total counter
hits_total{job="own"} 7
fleeting 1
"""


@pytest.fixture(params=["real", "embedded"])
async def prometheus(request, tmp_path):
    if request.param == "real" and find_prometheus() is None:
        pytest.skip("no `prometheus` on PATH")
    (tmp_path / "targets.json").write_text("[]")
    chosen = open_metrics(tmp_path / "p", tmp_path / "targets.json", 0.2, kind=request.param)
    async with chosen as running:
        assert running.kind == request.param
        yield running


async def comes(prometheus, expression, wanted):
    """The metrics that an expression selects, once there are as many as wanted."""
    async with asyncio.timeout(15):
        while True:
            result = (await prometheus.query(expression))["result"]
            if len(result) == wanted:
                return [series["metric"] for series in result]
            await asyncio.sleep(0.02)


async def test_a_target_is_seen_from_its_first_scrape_to_its_end(prometheus, target, tmp_path):
    target.text = PAGE
    targets = tmp_path / "targets.json"
    group = target.group(predictor_name="candidate", seldon_deployment_id="iris")
    assert await prometheus.scrapes() == 0
    targets.write_text(json.dumps([group]))

    [metric] = await comes(prometheus, "hits_total", 1)
    assert metric == {
        "__name__": "hits_total",
        "exported_job": "own",
        "instance": f"127.0.0.1:{target.port}",
        "job": "lab",
        "predictor_name": "candidate",
        "seldon_deployment_id": "iris",
    }
    async with asyncio.timeout(5):
        while await prometheus.scrapes() < 3:
            await asyncio.sleep(0.05)
    assert await prometheus.scrapes("lab") >= 3
    assert await prometheus.scrapes("another") == 0

    target.text = PAGE.replace("fleeting 1\n", "")
    await comes(prometheus, "fleeting", 0)

    target.status = 500
    await comes(prometheus, "up == 0", 1)
    await comes(prometheus, "hits_total", 0)
    before = await prometheus.scrapes()
    await comes(prometheus, "count_over_time(up[400ms]) > 1 and on () up == 0", 1)
    assert await prometheus.scrapes() == before

    target.status = 200
    await comes(prometheus, "hits_total and on () up == 1", 1)
    targets.write_text("[]")
    await comes(prometheus, "up", 0)
    await comes(prometheus, "hits_total", 0)
    assert len((await prometheus.query("hits_total[1m]"))["result"]) == 1


async def test_it_keeps_port_and_series_over_a_stop(prometheus):
    url = prometheus.url
    assert int(url.rpartition(":")[2]) < lowest_given()  # no connection takes it meanwhile
    await prometheus.start()  # already runs: nothing happens
    assert prometheus.url == url
    await prometheus.stop()
    with pytest.raises(Permanent, match="start it first"):
        await prometheus.query("up")
    await prometheus.start()
    assert prometheus.url == url
    assert (await prometheus.query("1 + 1"))["result"][1] == "2"


async def test_a_wrong_query_is_told_in_prometheus_words(prometheus):
    with pytest.raises(Permanent, match=r"bad_data: .*parse error"):
        await prometheus.query("sum(")
    with pytest.raises(Permanent, match=r"execution: .*invalid destination label name"):
        await prometheus.query('label_replace(vector(1), "9", "", "", "")')
