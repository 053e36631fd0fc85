"""The load: evenly paced, and every answer counted once."""

import asyncio
import json
import signal
import sys

import pytest
from aiohttp import web

from crossfade_lab.load import Counts, Load, Mode, Stream, Version

BASELINE = Version("ns-production", "iris", "baseline")
CANDIDATE = Version("ns-production", "iris", "candidate")


class Far:
    """Whatever the far side of the load does, and when it was asked."""

    def __init__(self):
        self.url = ""
        self.asked = []
        self.status = 200
        self.headers = {"x-model": "sklearn-iris"}
        self.delay_seconds = 0.0

    async def answer(self, request):
        self.asked.append((asyncio.get_running_loop().time(), request))
        await asyncio.sleep(self.delay_seconds)
        return web.Response(status=self.status, headers=self.headers, text="told")


@pytest.fixture
async def far():
    far = Far()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    far.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield far
    await runner.cleanup()


async def sent(stream, seconds):
    async with Load(stream, []):
        await asyncio.sleep(seconds)
    return stream.counts


def a_stream(far, url=None, per_second=50):
    return Stream("predictions", url or (lambda: far.url), {}, per_second)


async def test_requests_leave_on_an_absolute_schedule_however_slow_the_answers(far):
    far.delay_seconds = 0.4

    counts = await sent(a_stream(far), 0.99)

    assert counts.sent == counts.ok == pytest.approx(50, abs=3)
    times = [at for at, _ in far.asked]
    assert times[-1] - times[0] == pytest.approx(0.98, abs=0.15)


async def test_a_pause_of_the_machine_is_made_up_for(far):
    async def pause():
        await asyncio.sleep(0.2)
        until = asyncio.get_running_loop().time() + 0.3
        while asyncio.get_running_loop().time() < until:
            pass

    paused = asyncio.create_task(pause())
    counts = await sent(a_stream(far), 0.99)
    await paused

    assert counts.sent == pytest.approx(50, abs=3)


async def test_every_answer_is_counted_by_its_model_and_the_last_are_kept(far):
    counts = await sent(a_stream(far, per_second=500), 0.8)

    assert counts.sent == counts.ok == counts.by_model["sklearn-iris"] > 200
    assert len(counts.recent) == 200
    assert counts.share_of_recent("sklearn-iris") == 1.0
    assert Counts().share_of_recent("sklearn-iris") == 0.0


async def test_a_failure_that_was_meant_is_not_a_lost_request(far):
    far.status, far.headers = 500, {"x-model": "xgboost-iris", "x-deliberate": "true"}

    counts = await sent(a_stream(far), 0.1)

    assert counts.failed == counts.sent == counts.by_model["xgboost-iris"]
    assert counts.lost == 0


@pytest.mark.parametrize("status", [500, 503, 404])
async def test_any_other_answer_that_is_not_good_is_a_lost_request(far, status):
    far.status = status

    counts = await sent(a_stream(far), 0.1)

    assert counts.lost == counts.sent > 0
    assert f"predictions: {status} told" in counts.losses


async def test_nobody_there_is_a_lost_request(far):
    counts = await sent(a_stream(far, url=lambda: "http://127.0.0.1:1/"), 0.1)

    assert counts.lost == counts.sent > 0


async def test_no_answer_in_time_is_a_lost_request(far, monkeypatch):
    monkeypatch.setattr("crossfade_lab.load.streams.TIMEOUT_SECONDS", 0.05)
    far.delay_seconds = 0.5

    counts = await sent(a_stream(far), 0.1)

    assert counts.lost == counts.sent > 0


async def test_feedback_to_a_predictor_that_is_gone_is_not_sent_and_the_pace_is_kept(far):
    counts = await sent(a_stream(far, url=lambda: None), 0.5)

    assert counts.sent == counts.lost == 0
    assert counts.unsent == pytest.approx(25, abs=2)


async def test_an_address_that_changes_is_followed(far):
    addresses = iter(["/first", "/second"])
    now = {"path": next(addresses)}
    stream = a_stream(far, url=lambda: far.url + now["path"])

    async with Load(stream, []):
        await asyncio.sleep(0.1)
        now["path"] = next(addresses)
        await asyncio.sleep(0.1)

    assert {request.path for _, request in far.asked} == {"/first", "/second"}


async def test_without_a_router_the_models_are_asked_in_turn_and_each_is_told(far):
    load = Load.even([f"{far.url}/v1", f"{far.url}/v2"], mode=Mode.BETTER)

    async with load:
        await asyncio.sleep(1.5)

    paths = [request.path for _, request in far.asked]
    asked = [path for path in paths if path.endswith("predictions")]
    assert len(asked) >= 7
    assert {*asked[::2]} == {"/v1/api/v1.0/predictions"}
    assert {*asked[1::2]} == {"/v2/api/v1.0/predictions"}
    assert {"/v1/api/v1.0/feedback", "/v2/api/v1.0/feedback"} <= {*paths}


async def test_users_as_a_process_say_at_the_end_what_became_of_their_requests(far):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crossfade_lab.load",
        far.url,
        far.url,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        while len(far.asked) < 3:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        told, _ = await process.communicate()

    assert process.returncode == 0
    counts = json.loads(told)
    assert counts["sent"] == counts["answered"] == len(far.asked)


async def test_the_first_experiment_asks_through_the_router_and_tells_each_model(far):
    load = Load.single(
        far.url,
        lambda namespace, deployment, predictor: f"{far.url}/direct/{predictor}",
        [BASELINE, CANDIDATE],
        interval_seconds=0.5,
    )
    async with load:
        await asyncio.sleep(1.0)

    asked = count(far)
    assert asked["/seldon/ns-production/iris/api/v1.0/predictions"] == pytest.approx(100, abs=2)
    assert asked["/direct/baseline/api/v1.0/feedback"] == pytest.approx(14, abs=1)
    assert asked["/direct/candidate/api/v1.0/feedback"] == pytest.approx(20, abs=1)
    assert load.counts.ok == load.counts.sent == len(far.asked)
    users = {r.headers["x-user"] for _, r in far.asked if "x-user" in r.headers}
    assert len(users) == pytest.approx(100, abs=2)


async def test_the_second_experiment_asks_a_host_and_tells_by_ingress_paths(far):
    versions = [
        Version("ns-baseline", "iris", "default"),
        Version("ns-candidate", "iris", "default"),
    ]
    load = Load.separate(far.url, "iris.example.com", versions, interval_seconds=0.5)
    async with load:
        await asyncio.sleep(0.5)

    asked = count(far)
    assert set(asked) == {
        "/api/v1.0/predictions",
        "/seldon/ns-baseline/iris/api/v1.0/feedback",
        "/seldon/ns-candidate/iris/api/v1.0/feedback",
    }
    hosts = {r.host for _, r in far.asked if r.path == "/api/v1.0/predictions"}
    assert hosts == {"iris.example.com"}


def count(far):
    paths = [request.path for _, request in far.asked]
    return {path: paths.count(path) for path in paths}


@pytest.mark.parametrize(
    ("interval_seconds", "predictions", "feedback"),
    [(10, 5, [0.7, 1.0]), (2, 25, [3.5, 5.0]), (30, 5, [0.7, 1.0])],
)
def test_the_pace_of_the_seed_rises_below_its_interval(interval_seconds, predictions, feedback):
    load = Load.single(
        "", lambda *_: None, [BASELINE, CANDIDATE], interval_seconds=interval_seconds
    )

    first, *others = (s.per_second for s in load.streams)
    assert first == pytest.approx(predictions)
    assert others == pytest.approx(feedback)


@pytest.mark.parametrize(
    ("mode", "baseline_earns", "candidate_earns"),
    [("better", 0.7, 1.0), ("slow", 0.7, 1.0), ("worse", 1.0, 0.7), ("equal", 1.0, 1.0)],
)
def test_a_worse_candidate_is_one_that_earns_less(mode, baseline_earns, candidate_earns):
    assert Mode(mode).feedback_per_second == (baseline_earns, candidate_earns)


def test_only_the_slow_and_the_failing_candidate_have_faults():
    faulty = {m.value for m in Mode if m.faults.delay_seconds or m.faults.failures}
    assert faulty == {"slow", "failing"}
    assert Mode.SLOW.faults.delay_seconds > 0.2
    assert Mode.FAILING.faults.failures > 0.01


async def test_stopping_twice_and_before_the_start_does_nothing(far):
    load = Load(a_stream(far), [])
    await load.stop()
    await load.start()
    await load.stop()
    await load.stop()

    assert load.counts.sent == load.counts.ok
