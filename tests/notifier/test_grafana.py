"""Annotations: against a server that keeps them as Grafana's HTTP API does."""

import asyncio
import itertools

import pytest
from aiohttp import web
from pydantic import SecretStr

from crossfade.errors import Malformed
from crossfade.settings import NotifierSettings
from crossfade.testing.runs import IrisRun
from crossfade_notifier.building import build
from crossfade_notifier.channels.grafana import GrafanaAnnotations


class Grafana:
    def __init__(self):
        self.kept = {}
        self.break_after = 0

    def allowed(self, request):
        if request.headers.get("Authorization") != "Bearer glsa_test":
            raise web.HTTPUnauthorized

    async def post(self, request):
        self.allowed(request)
        number = len(self.kept) + 1
        self.kept[number] = await request.json()
        if self.break_after == number:
            await asyncio.sleep(5)  # kept, but the answer never arrives
        return web.json_response({"message": "Annotation added", "id": number})

    async def patch(self, request):
        self.allowed(request)
        self.kept[int(request.match_info["id"])] |= await request.json()
        return web.json_response({"message": "Annotation patched"})

    async def find(self, request):
        self.allowed(request)
        tags = request.query.getall("tags")
        found = [{"id": n, **a} for n, a in self.kept.items() if set(tags) <= set(a["tags"])]
        return web.json_response(found)


@pytest.fixture
async def grafana():
    server = Grafana()
    app = web.Application()
    app.router.add_post("/api/annotations", server.post)
    app.router.add_get("/api/annotations", server.find)
    app.router.add_patch("/api/annotations/{id}", server.patch)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def channel(grafana, **changes):
    wanted = {"token": SecretStr("glsa_test"), "timeout_seconds": 0.5, "per_second": 500.0}
    return GrafanaAnnotations(grafana.url, **(wanted | changes))


async def test_every_step_of_the_split_is_a_region_up_to_the_next_one(world, grafana):
    notifier = world.notifier(channel(grafana))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: any("winner" in a["tags"] for a in grafana.kept.values()))

    drawn = list(grafana.kept.values())
    steps = [a for a in drawn if "weights" in a["tags"]]
    assert len(drawn) == 11  # the start, nine steps, the winner
    assert len(steps) == 9
    for step, following in itertools.pairwise(steps):
        assert step["timeEnd"] == following["time"]
    assert steps[-1]["timeEnd"] == drawn[-1]["time"]
    assert {"crossfade", "exp:quickstart-exp", "ns:ns-production"} <= set(drawn[0]["tags"])
    assert "85 → 95 %" in steps[-1]["text"]


async def test_a_lost_answer_draws_nothing_twice(world, grafana):
    grafana.break_after = 3
    notifier = world.notifier(channel(grafana))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: any("winner" in a["tags"] for a in grafana.kept.values()))

    events = [tag for a in grafana.kept.values() for tag in a["tags"] if tag.startswith("evt:")]
    assert len(events) == len(set(events)) == 11
    assert all("timeEnd" in a for a in grafana.kept.values() if "weights" in a["tags"])


async def test_a_token_without_the_right_is_an_incident(world, grafana):
    notifier = world.notifier(channel(grafana, token=SecretStr("glsa_other")))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: world.publisher.said)

    assert world.publisher.said[0].what_happened == "notifications-lost-grafana"
    assert "401" in world.publisher.said[0].text


def test_a_token_without_an_address_is_refused_by_field(world):
    settings = NotifierSettings(grafana_token=SecretStr("glsa"))

    with pytest.raises(Malformed, match="CROSSFADE_NOTIFIER__GRAFANA_URL"):
        build(settings, state=world.state, publisher=world.publisher, commander=None)
