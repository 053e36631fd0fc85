"""One run, told three times: the live page, Slack and Prometheus say the same at every turn."""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slack_server import CHANNEL, TOKEN, SlackServer
from storytelling import given
from witnesses import Page, prometheus, slack

from crossfade_lab.crew import SERVICES
from crossfade_lab.load import Mode
from crossfade_lab.metrics import open_metrics
from crossfade_lab.page import CONSOLE

EXPERIMENT = ("default", "quickstart-exp")
DRAWN = "document.querySelectorAll('.main-svg').length >= 4"
# A chart drawn twice at once once stayed at plotly's own 700 pixels.
FILLED = """['traffic', 'reward', 'evidence-chart'].map((id) => document.getElementById(id))
  .every((e) => !e._fullLayout || Math.abs(e._fullLayout.width - e.clientWidth) <= 1)"""
LATE_SECONDS = 10  # loosely: the figure is of benchmarks/page.py


@pytest.fixture
def pictures(tmp_path):
    """Where screenshots go; kept where CROSSFADE_TEST_PICTURES says."""
    return Path(os.environ.get("CROSSFADE_TEST_PICTURES") or tmp_path)


@asynccontextmanager
async def told(chromium, tmp_path, **options):
    """A story whose run is told on the page, in Slack and to Prometheus."""
    async with SlackServer() as server:
        settings = {
            "CROSSFADE_NOTIFIER__SLACK_TOKEN": TOKEN,
            "CROSSFADE_NOTIFIER__SLACK_CHANNEL": CHANNEL,
            "CROSSFADE_NOTIFIER__SLACK_API": server.api,
            "CROSSFADE_NOTIFIER__SLACK_PER_SECOND": "20",
            "CROSSFADE_NOTIFIER__COALESCE_SECONDS": "0.05",
        }
        names = (CONSOLE, *SERVICES)
        async with given(names=names, settings=settings, **options) as story:
            shown = story.installed.page
            targets = tmp_path / "targets.json"
            targets.write_text(json.dumps([{"targets": [shown.url.removeprefix("http://")]}]))
            async with open_metrics(tmp_path / "scraping", targets, 0.3) as metrics:
                await chromium.go(shown.of(*EXPERIMENT))
                async with asyncio.timeout(20):
                    while not await metrics.scrapes():
                        await asyncio.sleep(0.1)
                yield story, Page(chromium), server, metrics


@asynccontextmanager
async def watching(page):
    """With what happens on the page remembered."""
    task = asyncio.create_task(page.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
    await page.hear()


async def test_a_promotion_is_told_alike_on_the_page_in_slack_and_to_prometheus(
    chromium, tmp_path, pictures
):
    async with told(chromium, tmp_path, interval=2) as (story, page, server, metrics):
        await chromium.picture(pictures / "telling-before.png")
        async with watching(page):
            await story.when_it_starts(iterations=5)
            ending = asyncio.create_task(story.when_it_ends())
            await page.until(lambda said: said.look == 0 and said.split)
            await chromium.until(DRAWN)
            await chromium.picture(pictures / "telling-start.png")
            await page.until(lambda said: said.look >= 3 and said.split["iris-v2"] >= 30)
            await chromium.until(FILLED, seconds=2)
            await chromium.picture(pictures / "telling-midway.png")
            await ending
            await page.until(lambda said: said.headline == "iris-v2 is promoted")
        await chromium.picture(pictures / "telling-decision.png")
        story.then_it_ends_with("promoted", "iris-v2")
        await then_only_what_came_while_it_was_busy_was_passed_over(page, story, range(6))
        await then_all_said_the_same(page, server, metrics, looks=sorted(page.last))

        for look, said in page.last.items():
            assert said.split["iris-v2"] == 10 * look
            assert look not in (3, 4) or said.headline == "iris-v2 is ahead"
            assert look < 3 or set(said.standings.values()) == {"held"}
        then_the_page_was_never_late(story, page)
        then_slack_has_one_message_and_its_end_is_seen_by_all(server, "iris-v2 is promoted")
        assert f"{story.installed.page.of(*EXPERIMENT)}" in str(server.parents[0]["blocks"])


async def test_a_rollback_is_told_alike_and_by_a_console_that_was_killed_meanwhile(
    chromium, tmp_path, pictures
):
    slow = told(chromium, tmp_path, candidate=Mode.SLOW)
    async with slow as (story, page, server, metrics):
        crew = story.installed.crew

        async def kill(event):
            if event.id.endswith("/2/metric-sample"):
                await crew.kill(CONSOLE)

        async with watching(page):
            await story.when_it_starts(iterations=5, corrected=True)
            await story.when_it_ends(kill)
            await page.until(lambda said: said.headline == "Rolled back to iris-v1")
            await chromium.until("document.getElementById('lost').hidden")
            await asyncio.sleep(1)  # for Prometheus to have seen it, too
        assert crew.members[CONSOLE].starts == 2
        await chromium.picture(pictures / "telling-rollback.png")
        story.then_it_ends_with("rolled-back", "iris-v1")
        await then_all_said_the_same(page, server, metrics, looks=[max(page.last)])

        end = page.last[max(page.last)]
        assert "iris-v2 misses mean-latency ≤ 200" in end.why
        assert end.split == {"iris-v1": 100, "iris-v2": 0}
        assert end.standings["mean latency", "iris-v2"] == "missed"
        then_slack_has_one_message_and_its_end_is_seen_by_all(server, "Rolled back to iris-v1")


async def then_only_what_came_while_it_was_busy_was_passed_over(page, story, looks):
    """Beside busy processes drawing the first charts takes longer than a look."""
    at = sampled(story)
    for look in set(looks) - set(page.last):
        assert {look, look + 1} <= set(at), look  # never the first or the last of them
        assert await page.busy(at[look], at[look + 1]), look


async def then_all_said_the_same(page, server, metrics, looks):
    posted = slack(server)
    for look in looks:
        seen = page.last[look]
        scraped = await prometheus(metrics, look)
        assert (seen.headline, seen.why) == (posted[look].headline, posted[look].why)
        assert seen.split == posted[look].split == scraped.split, look
        if look:
            assert seen.standings == posted[look].standings == scraped.standings, look


def sampled(story):
    """When each look was taken, as Unix time."""
    samples = [e for e in story.logged if e.event.kind == "metric-sample"]
    return {e.event.iteration: e.at.timestamp() for e in samples}


def then_the_page_was_never_late(story, page):
    at = sampled(story)
    for look, said in page.first.items():
        if look:
            assert said.at - at[look] < LATE_SECONDS


def then_slack_has_one_message_and_its_end_is_seen_by_all(server, words):
    assert len(server.parents) == 1
    broadcast = [m["text"] for m in server.replies if m.get("reply_broadcast")]
    assert len(broadcast) == 1
    assert words in broadcast[0]
