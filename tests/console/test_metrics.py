"""`/metrics` and the dashboards over it: families, bounds, and every query on a real Prometheus."""

import asyncio
import json
import pathlib
import re
from datetime import timedelta

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from crossfade.events import StageChange
from crossfade.runtime.service import Logged
from crossfade.testing.runs import NAME, NAMESPACE, START, IrisRun
from crossfade_console.metrics import ProjectedMetrics
from crossfade_console.projection import Projection
from crossfade_console.series import label
from crossfade_console.tallies import Tally
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus
from crossfade_notifier import couriers  # noqa: F401  registers what the services board draws

GRAFANA = pathlib.Path(__file__).parents[2] / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
VARIABLES = {
    "$namespace": NAMESPACE,
    "$experiment": NAME,
    "$reward": ".*engagement.*",
}


async def scraped(client):
    text = await (await client.get("/metrics")).text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name, **labels):
    wanted = (
        labels if "outcome" in labels else {"namespace": NAMESPACE, "experiment": NAME} | labels
    )
    return found.get((name, tuple(sorted(wanted.items()))))


async def test_a_run_is_projected_onto_its_families(client, tell):
    await tell(IrisRun().events(upto=7))
    found = await scraped(client)

    def weight(kind):
        return value(found, "crossfade_weight_percent", version="iris-v2", kind=kind)

    assert (weight("desired"), weight("observed")) == (75, 75)
    assert value(found, "crossfade_experiment_phase", phase="running") == 1
    assert value(found, "crossfade_experiment_phase", phase="completed") == 0
    assert value(found, "crossfade_experiment_iteration") == 7
    assert value(found, "crossfade_decisions_total", decision="continue") == 7
    assert value(found, "crossfade_sample_age_seconds") == 90
    error = {"version": "iris-v2", "metric": "error-rate"}
    assert value(found, "crossfade_metric_value", **error) == 0.0016
    assert value(found, "crossfade_objective_margin", **error) == pytest.approx(0.84)
    assert value(found, "crossfade_objective_verdict", **error, verdict="held") == 1
    assert 0.5 < value(found, "crossfade_traffic_share_ratio", version="iris-v2") < 0.8


async def test_series_are_dropped_some_time_after_the_end_and_counters_stay(client, tell, now):
    await tell(IrisRun().events())
    soon = await scraped(client)
    now[0] = START + timedelta(minutes=20)
    later = await scraped(client)

    assert value(soon, "crossfade_experiment_phase", phase="completed") == 1
    assert not [name for name, labels in later if dict(labels).get("experiment") == NAME]
    assert value(later, "crossfade_experiments_finished_total", outcome="promoted") == 1
    count = later["crossfade_experiment_duration_seconds_count", ()]
    assert count == 1


async def test_what_waits_for_people_is_told_apart_from_what_works(client, tell):
    run = IrisRun()
    *before, finishing, completed = run.events()
    at = before[-1][0]

    def stage(seconds, reason):
        said = StageChange(uid=run.uid, stage="Running", reason=reason)
        return at + timedelta(seconds=seconds), said.about(NAMESPACE, NAME)

    held = [stage(1, "Paused"), stage(301, "Resumed"), stage(302, "ApprovalNeeded")]
    ends = [
        (at + timedelta(seconds=402 + n), e) for n, (_, e) in enumerate((finishing, completed))
    ]
    await tell([*before, *held, *ends])
    found = await scraped(client)

    assert found["crossfade_experiment_waiting_human_seconds_sum", ()] == 400
    bucket = "crossfade_experiment_waiting_human_seconds_bucket"
    assert found[bucket, (("le", "300.0"),)] == 0
    assert found[bucket, (("le", "900.0"),)] == 1


def test_a_histogram_only_grows():
    tally = Tally()
    for n in range(20_000):
        tally.add(60.0 if n % 2 else 7200.0)

    counts = dict(tally.buckets())
    assert (counts["60.0"], counts["3600.0"], counts["14400.0"]) == (10_000, 10_000, 20_000)
    assert counts["+Inf"] == 20_000
    assert tally.seconds == 10_000 * 7260


async def test_two_hundred_runs_of_one_name_make_no_more_series_than_one(client, tell):
    await tell(IrisRun().events(upto=2))
    before = len(await scraped(client))
    for i in range(200):
        await tell(IrisRun(uid=f"uid-{i}").events(upto=2))

    assert len(await scraped(client)) == before


@pytest.mark.parametrize("path", BOARDS, ids=lambda p: p.stem)
def test_a_dashboard_is_whole(path):
    board = json.loads(path.read_text())

    assert board["uid"] == f"crossfade-{path.stem}"
    assert "id" not in board
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] not in ("singlestat", "graph")
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "crossfade-prom"}


def test_provisioning_points_at_what_the_dashboards_use():
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/crossfade.yaml").read_text())[
        "datasources"
    ][0]
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/crossfade.yaml").read_text())[
        "providers"
    ][0]

    assert (source["uid"], source["type"]) == ("crossfade-prom", "prometheus")
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards/crossfade"
    assert provider["allowUiUpdates"] is False


async def test_no_panel_asks_for_a_family_that_nobody_exposes(client, tell):
    await tell(IrisRun().events(upto=3))
    text = await (await client.get("/metrics")).text()
    exposed = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    exposed |= {
        f"{m.name}{'_total' if m.type == 'counter' else ''}" for m in REGISTRY.collect()
    }
    asked = {
        re.sub("_(bucket|sum|count)$", "", name)
        for _, _, query in queries()
        for name in re.findall(r"crossfade_\w+", query)
    }

    assert asked <= exposed


async def test_every_query_of_every_panel_returns_data_from_a_real_prometheus(
    console, tell, tmp_path
):
    if find_prometheus() is None:
        pytest.skip("prometheus is not on PATH: apt-get install prometheus")
    await tell(IrisRun().events(upto=4))
    await tell(IrisRun(name="other", uid="o", promoted=False).events())
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{console.port}"]}]))
    async with RealPrometheus(tmp_path / "prometheus", targets, 0.2) as prometheus:
        async with asyncio.timeout(30):
            while await prometheus.scrapes() < 4:
                await asyncio.sleep(0.1)
        empty = [
            f"{board} · {title}: {query}"
            for board, title, query in queries()
            if not (await prometheus.query(query))["result"]
        ]

    assert not empty


def queries():
    """Every query with its variables filled in: board, panel, expression."""
    found = []
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                query = target["expr"]
                for variable, text in VARIABLES.items():
                    query = query.replace(variable, text)
                found.append((path.stem, panel["title"], query))
    assert len(found) > 30
    return found


async def test_a_scrape_of_many_runs_lets_others_have_their_turn(now):
    projection = Projection()
    for i in range(200):
        for at, event in IrisRun(name=f"iris-{i}", uid=f"uid-{i}").events(upto=2):
            projection.take(Logged(event, projection.version + 1, at, pending=0))
    metrics = ProjectedMetrics(projection, lambda: now[0], timedelta(hours=1))
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    first = await metrics.text()
    waiting.cancel()

    assert turns > 10
    assert await metrics.text() == first


def test_names_that_need_escaping_are_read_back_as_they_are():
    odd = 'a"b\\c\nd'
    (family,) = text_string_to_metric_families(f"x{{{label('version', odd)}}} 1\n")

    assert family.samples[0].labels == {"version": odd}
