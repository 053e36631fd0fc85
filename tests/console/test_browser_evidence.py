"""Evidence in a real browser: the boundary, the reasons behind a verdict, places in line, width."""

import asyncio
import math
from datetime import UTC, datetime, timedelta

import pytest

from crossfade.events import StageChange
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun

PAGE = f"/experiments/{NAMESPACE}/{NAME}"
EVIDENCE = "document.getElementById('evidence-chart')"
BARS = {"logBar": math.log(20), "alarmBar": math.log(40)}


def claims(iteration):
    """One claim on its way to a proof, one on its way to an alarm, one that lacks something."""
    reward = {"claim": "user-engagement", "role": "reward", "logE": 0.5 * iteration}
    errors = {"claim": "error-rate", "role": "objective", "logE": -1, "upper": 0.01}
    interval = {"estimate": 0.1, "low": 0.1 - 0.9 / iteration, "high": 0.1 + 0.9 / iteration}
    shared = {"candidate": "iris-v2", "z": 1.2, "critical": 1.67, "proved": False} | BARS
    return (
        reward | interval | shared | {"logAlarm": None},
        errors | shared | {"logAlarm": 0.3 * iteration},
        {"candidate": "iris-v2", "claim": "p95-latency", "lacks": "x", "why": "name a bucket"},
    )


@pytest.fixture
def proved(now):
    """A run under way whose assessments carry evidence."""
    now[0] = datetime.now(UTC)
    run = IrisRun(start=now[0] - timedelta(seconds=95))
    return [
        (at, e.model_copy(update={"evidence": claims(e.iteration), "policy": "assured"}))
        if e.kind == "assessment"
        else (at, e)
        for at, e in run.events(upto=9)
    ]


async def test_each_claim_is_drawn_between_proof_and_alarm(chromium, console, tell, proved):
    await tell(proved)
    await chromium.go(console.url + PAGE)
    await chromium.until(f"{EVIDENCE}.querySelector('.main-svg') !== null")

    said = await chromium.value(f"{EVIDENCE}.ariaLabel")
    share = round(100 * 4.5 / math.log(20))
    alarm = round(100 * 2.7 / math.log(40))
    assert said.endswith(f"user engagement {share} %, error rate -{alarm} %")
    drawn = await chromium.value(f"{EVIDENCE}.textContent")
    assert "proved: e-value 20" in drawn
    assert "violated: the run ends" in drawn
    reward = await chromium.value("document.getElementById('reward').textContent")
    assert "proved above 0" in reward


async def test_without_evidence_it_is_said_what_is_lacking(chromium, console, tell, now):
    now[0] = datetime.now(UTC)
    events = IrisRun(start=now[0] - timedelta(seconds=35)).events(upto=3)
    lacking = [
        (at, e.model_copy(update={"evidence": claims(1)[2:]}) if e.kind == "assessment" else e)
        for at, e in events
    ]
    await tell(lacking)
    await chromium.go(console.url + PAGE)
    await chromium.until(f"{EVIDENCE}.textContent.includes('p95 latency: name a bucket')")


async def test_why_opens_into_what_was_read_judged_and_said_and_stays_open(
    chromium, console, tell, proved
):
    await tell(proved)
    await chromium.go(console.url + PAGE)
    button = "[...document.querySelectorAll('#log .more')].find((b) => b.textContent === 'why')"
    await chromium.until(f"{button} !== undefined")
    await chromium.value(f"{button}.focus(); {button}.click()")
    await chromium.until("document.querySelector('.whyview') !== null")
    await tell([(None, stage("Running", "Paused"))])
    await chromium.until("document.getElementById('phase').textContent === 'paused'")
    told = await chromium.value("document.querySelector('.whyview').textContent")

    assert await chromium.value("document.activeElement.ariaExpanded") == "true"
    for part in ("Read", "share in force", "error rate", "16.", "Judged by assured", "e-value"):
        assert part in told
    assert "p95 latency of iris-v2 cannot be proved: name a bucket" in told
    assert "continue · the split stays" in told or "iris-v2 85 → 95 %" in told


def stage(name, reason):
    return StageChange(uid=UID, stage=name, reason=reason, epoch=3).about(NAMESPACE, NAME)


async def test_a_run_that_waits_shows_its_place_and_nothing_empty(chromium, console, tell):
    events = []
    for n, name in enumerate(("holder", "first", "second")):
        for reason in ("ExperimentInitialized", "TargetBusy" if n else "StageAdvanced"):
            stage = "Initializing" if reason == "StageAdvanced" else "Waiting"
            said = StageChange(uid=name, stage=stage, reason=reason, target="iris")
            events.append((None, said.about("default", name)))
    await tell(events)
    await chromium.go(f"{console.url}/experiments/default/second")
    place = "2nd in line behind default/first"
    await chromium.until(f"document.getElementById('pattern').textContent.includes('{place}')")
    assert await chromium.value("document.getElementById('tiles').hidden")
    await chromium.go(f"{console.url}/")
    await chromium.until("document.getElementById('runs').textContent.includes('2nd in line')")
    assert "2 wait behind it" in await chromium.value(
        "document.getElementById('runs').textContent"
    )


async def test_grafana_opens_at_the_run_and_its_time(chromium, make, run_console, tell, now):
    now[0] = datetime.now(UTC)
    start = now[0] - timedelta(seconds=200)
    async with run_console(make(grafana_url="https://grafana.test/")) as console:
        await tell(IrisRun(start=start).events())
        await chromium.go(console.url + PAGE)
        await chromium.until("document.getElementById('grafana').href.includes('/d/')")
        link = await chromium.value("document.getElementById('grafana').href")

    address, _, query = link.partition("?")
    assert address == "https://grafana.test/d/crossfade-experiment"
    asked = dict(pair.split("=") for pair in query.split("&"))
    assert (asked["var-namespace"], asked["var-experiment"]) == (NAMESPACE, NAME)
    began, ended = int(asked["from"]), int(asked["to"])
    assert began < start.timestamp() * 1000 < ended
    assert ended - began == pytest.approx(155_000 + 120_000, abs=1000)


@pytest.mark.parametrize("width", [390, 768, 1320])
async def test_no_page_is_wider_than_its_window(chromium, console, tell, proved, width):
    await tell(proved)
    await chromium.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    for path in ("/", PAGE, "/sign-in"):
        await chromium.go(console.url + path)
        await asyncio.sleep(0.3)
        assert await chromium.value("document.documentElement.scrollWidth") <= width, path
