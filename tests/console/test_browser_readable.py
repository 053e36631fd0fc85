"""What people read in a real browser: units, times of day, long names, what does not apply."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from crossfade.events import Assessment, MetricSample, StageChange, WeightChange
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun, iris_document

PAGE = f"/experiments/{NAMESPACE}/{NAME}"
LONG = tuple(f"recommender-of-the-winter-season-{n}-release-candidate-7" for n in range(3))


def words(element):
    return f"document.getElementById('{element}').textContent"


def stage(name, reason, **more):
    return StageChange(uid=UID, stage=name, reason=reason, **more).about(NAMESPACE, NAME)


@pytest.fixture
def start(now):
    now[0] = datetime.now(UTC)
    return now[0] - timedelta(seconds=95)


def running(start, versions, reward=True):
    """A run with other versions than the usual ones, up to its second look."""
    document = iris_document()
    spec = document["experiment"]["spec"]
    spec["versionInfo"] = {"baseline": {"name": versions[0]}}
    if versions[1:]:
        spec["versionInfo"]["candidates"] = [{"name": name} for name in versions[1:]]
    else:
        spec["strategy"] = {"testingPattern": "Conformance"}
    if not reward:
        del spec["criteria"]["rewards"]
    split = dict.fromkeys(versions, 0) | {versions[0]: 100}
    readings = tuple(
        {"version": name, "metric": f"iter8-seldon/{metric}", "value": value}
        for name in versions
        for metric, value in (("mean-latency", 0.0000238), ("error-rate", 0.001))
    )
    said = [
        WeightChange(uid=UID, cause="found", observed=split),
        StageChange(uid=UID, stage="Running", reason="StageAdvanced", document=document),
    ]
    for look in (1, 2):
        at = start + timedelta(seconds=10 * look)
        sample = {"uid": UID, "iteration": look, "of": 15, "at": at, "elapsedSeconds": 10}
        said.append(MetricSample(**sample, split=split, readings=readings))
        judged = {"split": split, "recommended": versions[0], "verdict": "continue"}
        said.append(Assessment(uid=UID, iteration=look, **judged))
    return [(start, event.about(NAMESPACE, NAME)) for event in said]


async def test_a_time_far_below_its_unit_is_said_in_a_smaller_one(
    chromium, console, tell, start
):
    await tell(running(start, ("iris-v1", "iris-v2")))
    await chromium.go(console.url + PAGE)

    assert "23.8 ns" in await chromium.value(words("objectives"))


async def test_one_version_alone_has_limits_and_no_reward(chromium, console, tell, start):
    await tell(running(start, ("iris-v1",), reward=False))
    await chromium.go(console.url + PAGE)

    # p95-latency has no value: the worst news comes first.
    assert "P95 latency of iris-v1 is not known" in await chromium.value(words("headline"))
    assert await chromium.value("document.getElementById('reward-card').hidden")
    assert "2 / 3limits held" in await chromium.value(words("tiles"))


async def test_charts_show_the_readers_time_of_day_as_the_log_does(
    chromium, console, tell, start
):
    await tell(IrisRun(start=start).events(upto=9))
    await chromium.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    try:
        await chromium.go(console.url + PAGE)
        ticks = (
            "[...document.querySelectorAll('#traffic .xtick text')].map((t) => t.textContent)"
        )
        await chromium.until(f"{ticks}.length > 2")
        shown = await chromium.value(ticks)
        logged = await chromium.value("document.querySelector('#log time').textContent")
    finally:
        await chromium.call("Emulation.setTimezoneOverride", timezoneId="")

    kolkata = datetime.now(UTC) + timedelta(hours=5, minutes=30)
    near = {(kolkata + timedelta(minutes=m)).strftime("%H:%M") for m in range(-4, 5)}
    assert logged[:5] in near
    assert {tick[:5] for tick in shown} <= near


async def test_nobody_waits_for_a_look_while_a_run_is_paused(chromium, console, tell, start):
    await tell(IrisRun(start=start).events(upto=9))
    await tell([(None, stage("Running", "Paused", message="Paused by ada"))])
    await chromium.go(console.url + PAGE)

    assert await chromium.value(words("headline")) == "Paused by ada"
    assert await chromium.value(words("next")) == ""
    assert await chromium.value("document.querySelector('.trust .dot[data-tone=warn]')") is None


@pytest.mark.parametrize("width", [390, 768, 1320])
async def test_long_names_break_no_page(chromium, console, tell, start, width):
    await tell(running(start, LONG))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    await chromium.call("Emulation.setDeviceMetricsOverride", **size)
    for path in ("/", PAGE):
        await chromium.go(console.url + path)
        await asyncio.sleep(0.3)
        assert await chromium.value("document.documentElement.scrollWidth") <= width, path
    wide = "[...document.querySelectorAll('#objectives tr')].map((r) => r.clientHeight)"
    assert max(await chromium.value(wide)) < 100


async def test_charts_are_drawn_anew_where_a_window_becomes_wider(
    chromium, console, tell, start
):
    await tell(IrisRun(start=start).events(upto=9))
    size = {"height": 900, "deviceScaleFactor": 1, "mobile": False}
    await chromium.call("Emulation.setDeviceMetricsOverride", width=390, **size)
    await chromium.go(console.url + PAGE)
    await chromium.until("document.querySelectorAll('#traffic .legend').length > 0")
    await chromium.call("Emulation.setDeviceMetricsOverride", width=1320, **size)
    legend = "document.querySelector('#traffic .legend').getBoundingClientRect()"
    area = "document.querySelector('#traffic .nsewdrag').getBoundingClientRect()"

    await chromium.until(f"{area}.width > 600 && {legend}.bottom <= {area}.top + 1", seconds=5)


async def test_reasons_in_a_why_view_have_the_whole_width(chromium, console, tell, start):
    await tell(IrisRun(start=start).events(upto=3))
    await chromium.go(console.url + PAGE)
    button = "[...document.querySelectorAll('#log .more')].find((b) => b.textContent === 'why')"
    await chromium.until(f"{button} !== undefined")
    await chromium.value(f"{button}.click()")
    await chromium.until("document.querySelector('.whyview li') !== null")
    # One sentence on one line: in the log's own narrow columns it was a tower of words.
    assert await chromium.value("document.querySelector('.whyview li').clientHeight") < 60


async def test_a_look_that_is_thinned_out_is_shown_as_the_one_kept_before_it(
    chromium, make, run_console, tell, start
):
    async with run_console(make(history=30)) as console:
        run = IrisRun(start=start - timedelta(seconds=800), iterations=100)
        await tell(run.events(upto=90))
        whole = f"{console.url}/api/experiments/{NAMESPACE}/{NAME}"
        await chromium.go(console.url + PAGE)
        looks = f"fetch('{whole}').then((a) => a.json()).then((w) => w.points.map((p) => p.i))"
        kept = await chromium.value(looks)
        gone = next(look for look in range(5, 80) if look not in kept)
        slide = (
            f"const s = document.getElementById('look'); s.value = {gone}; "
            "s.dispatchEvent(new Event('input'))"
        )
        await chromium.value(f"(() => {{ {slide} }})()")
        shown = await chromium.value(words("tiles"))
        labelled = await chromium.value(words("lookat"))

    before = max(look for look in kept if look < gone)
    assert labelled == f"look {before}"
    assert shown.startswith(f"{before} / 100")


async def test_of_several_candidates_one_is_chosen_to_be_promoted(
    chromium, console, tell, start, commander
):
    await tell(running(start, ("iris-v1", "iris-v2", "iris-v3")))
    await chromium.go(f"{console.url}/sign-in?to={PAGE}")
    await chromium.value(
        "document.getElementById('token').value = 'open-sesame';"
        "document.querySelector('form[action=\"/sign-in\"]').requestSubmit()"
    )
    button = (
        "[...document.querySelectorAll('#acts button')].find((b) => b.className === 'main')"
    )
    await chromium.until(f"location.pathname === '{PAGE}' && {button} !== undefined")
    await chromium.value(f"{button}.click()")
    offered = "[...document.getElementById('c-version').options].map((o) => o.value)"
    assert await chromium.value(offered) == ["iris-v2", "iris-v3"]
    assert await chromium.value(words("c-title")) == "Promote which version?"
    await chromium.value(
        "document.getElementById('c-version').value = 'iris-v3';"
        "document.getElementById('c-yes').click()"
    )
    await chromium.until("!document.getElementById('confirm').open")

    (verb, body), *_ = commander.asked
    assert (verb, body["version"]) == ("promote", "iris-v3")
