"""The console: what it folds, shows, streams, lets people do, and lets nobody do."""

import asyncio
import re
import tracemalloc
from datetime import timedelta

import jsonschema
import orjson
import pytest
import yaml
from pydantic import SecretStr

from crossfade.events import Assessment, Incident, StageChange, WeightChange
from crossfade.runtime.service import Logged
from crossfade.testing.runs import NAME, NAMESPACE, START, UID, IrisRun
from crossfade_console.histories import History
from crossfade_console.openapi import document
from crossfade_console.projection import Projection
from crossfade_console.trust import trust
from crossfade_console.views import detail, row

ONE = f"/api/experiments/{NAMESPACE}/{NAME}"


def folded(events):
    projection = Projection()
    for n, (at, event) in enumerate(events):
        projection.take(Logged(event, n + 1, at, 0))
    return projection


def test_a_run_is_folded_into_what_its_page_shows():
    run = folded(IrisRun().events(upto=7)).find(NAMESPACE, NAME)
    view = detail(run, START + timedelta(seconds=74))

    assert view["headline"] == "iris-v2 is ahead"
    assert (view["iteration"], view["of"], view["phase"]) == (7, 15, "running")
    assert view["weights"]["observed"] == {"iris-v1": 25, "iris-v2": 75}
    assert view["weights"]["inForce"] == {"iris-v1": 35, "iris-v2": 65}
    assert view["weights"]["measured"]["iris-v2"] == pytest.approx(67, abs=4)
    assert view["nextAt"] == (START + timedelta(seconds=80)).isoformat()
    assert view["reward"]["ratio"] == pytest.approx(1.45, abs=0.01)
    assert [o["standing"] for o in view["objectives"]] == ["held"] * 6
    points = orjson.loads(run.history.points())
    assert [p["i"] for p in points] == list(range(8))
    assert points[3]["o"] == {"iris-v1": 65, "iris-v2": 35}
    assert points[7]["d"] == "continue"


def test_folding_again_gives_the_same_views():
    events = IrisRun().events()
    at = START + timedelta(hours=1)
    once, again = (folded(events).find(NAMESPACE, NAME) for _ in range(2))

    assert detail(once, at) == detail(again, at)
    assert once.history.points() == again.history.points()


def test_an_objective_beyond_its_limit_is_bad_news():
    events = IrisRun().events(upto=3)
    at, sample = next(
        (a, e) for a, e in events if e.kind == "metric-sample" and e.iteration == 3
    )
    slow = tuple(
        r.model_copy(update={"value": 9000.0})
        if (r.version, r.metric) == ("iris-v2", "iter8-seldon/p95-latency")
        else r
        for r in sample.readings
    )
    broken = sample.model_copy(update={"readings": slow})
    run = folded([(a, broken if e is sample else e) for a, e in events]).find(NAMESPACE, NAME)

    assert row(run)["tone"] == "bad"  # the one that is ahead itself
    missed = [o for o in detail(run, at)["objectives"] if o["standing"] == "missed"]
    assert [(o["version"], o["value"], o["limit"]) for o in missed] == [
        ("iris-v2", 9000.0, "≤ 5000 ms")
    ]


def test_evidence_of_a_proof_is_shown_with_what_it_still_needs():
    judged = Assessment(
        uid=UID,
        iteration=4,
        recommended="iris-v1",
        verdict="continue",
        evidence=(
            {
                "candidate": "iris-v2",
                "claim": "error-rate",
                "n": 208,
                "nMore": 91,
                "proved": False,
            },
            {"candidate": "iris-v2", "claim": "mean-latency", "n": 208, "proved": True},
            {
                "candidate": "iris-v2",
                "claim": "user-engagement",
                "estimate": 0.1,
                "low": -0.02,
                "high": 0.2,
                "pBest": 0.996,
            },
        ),
    )
    events = [*IrisRun().events(upto=3), (START, judged.about(NAMESPACE, NAME))]
    run = folded(events).find(NAMESPACE, NAME)
    view = detail(run, START)

    states = {(o["name"], o["version"]): o for o in view["objectives"]}
    assert states["error rate", "iris-v2"]["standing"] == "not-yet"
    assert states["error rate", "iris-v2"]["need"] == 299
    assert states["error rate", "iris-v2"]["share"] == pytest.approx(208 / 299)
    assert states["mean latency", "iris-v2"]["standing"] == "proved"
    assert view["reward"]["intervals"] == {"iris-v2": [0.1, -0.02, 0.2]}
    assert view["reward"]["best"] == {"iris-v2": 0.996}


def test_a_weight_fight_shakes_the_trust():
    fight = Incident(uid=UID, iteration=2, what_happened="weights-fought-over", text="kubectl")
    run = folded([*IrisRun().events(upto=2), (START, fight.about(NAMESPACE, NAME))]).find(
        NAMESPACE, NAME
    )

    assert {t["what"]: t["tone"] for t in trust(run)}["weights touched by others"] == "bad"
    assert row(run)["tone"] == "warn"


def test_a_split_that_nobody_moves_is_no_cause_for_doubt():
    events = []
    for at, event in IrisRun().events(upto=2):
        if event.kind == "stage-change" and event.document:
            body = orjson.dumps(event.document).replace(b"Progressive", b"FixedSplit")
            event = event.model_copy(update={"document": orjson.loads(body)})
        elif event.kind == "weight-change" and event.iteration:
            continue
        events.append((at, event))
    shown = trust(folded(events).find(NAMESPACE, NAME))[0]

    assert (shown["answer"], shown["tone"]) == ("left as it is", "")


def test_what_a_finish_action_moved_is_shown_as_asked_for_and_in_force():
    whole = {"iris-v1": 0, "iris-v2": 100}
    *events, end = IrisRun().events()
    moved = WeightChange(
        uid=UID, iteration=15, cause="action", action="finish", observed=whole
    ).about(NAMESPACE, NAME)
    run = folded([*events, (end[0], moved), end]).find(NAMESPACE, NAME)
    point = orjson.loads(run.history.points())[-1]

    assert (point["i"], point["w"], point["o"]) == (15, whole, whole)
    assert {t["what"]: t["answer"] for t in trust(run)}["split asked = observed"] == "yes"
    assert run.known.split == whole


def test_a_new_run_of_a_name_takes_its_place_and_the_old_one_stays_findable():
    projection = folded(IrisRun().events() + IrisRun(uid="second").events(upto=1))

    assert projection.find(NAMESPACE, NAME).known.uid == "second"
    assert projection.find(NAMESPACE, NAME, UID).known.outcome == "promoted"
    assert len(list(projection.latest())) == 1


def test_runs_that_ended_long_ago_are_forgotten_and_open_ones_never():
    projection = folded(IrisRun().events() + IrisRun(name="open", uid="o").events(upto=1))

    projection.forget(START + timedelta(days=30), timedelta(days=7))

    assert list(projection.runs) == ["o"]
    assert (NAMESPACE, NAME) not in projection.by_name


def test_a_history_is_bounded_and_exact_about_the_recent_past():
    projection = Projection(history_limit=60)
    for n, (at, event) in enumerate(IrisRun(iterations=1000).events()):
        projection.take(Logged(event, n, at, 0))
    points = orjson.loads(projection.find(NAMESPACE, NAME).history.points())

    assert len(points) <= 61
    assert points[0]["i"] == 0
    assert [p["i"] for p in points[-30:]] == list(range(971, 1001))
    assert History(60).points() == b"[]"


def test_a_run_of_fifteen_looks_weighs_less_than_sixty_kilobytes():
    events = [IrisRun(name=f"exp-{i}", uid=f"uid-{i}").events() for i in range(50)]
    projection = Projection()
    tracemalloc.start()
    for run in events:
        for n, (at, event) in enumerate(run):
            projection.take(Logged(event, n, at, 0))
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert len(projection.runs) == 50
    assert size / 50 < 60_000


async def test_the_list_and_one_run_are_served_as_json(client, tell):
    await tell(IrisRun().events(upto=5))

    listed = await (await client.get("/api/experiments")).json()
    one = await (await client.get(ONE)).json()

    assert [r["name"] for r in listed["experiments"]] == [NAME]
    assert listed["experiments"][0]["spark"] == [5, 15, 25, 35, 45, 55]
    assert one["view"]["iteration"] == 5
    assert one["lines"][-1]["text"].startswith("iris-v1 55 → 45, iris-v2 45 → 55")
    for body, name in ((listed["experiments"][0], "Row"), (one, "Whole")):
        schema = {"$ref": f"#/components/schemas/{name}"}
        jsonschema.validate(body, schema | {"components": document("1")["components"]})


async def test_the_list_can_be_filtered(client, tell):
    await tell(IrisRun().events())
    await tell(IrisRun(name="open", uid="o").events(upto=2))

    got = await (await client.get("/api/experiments", params={"phase": "running"})).json()

    assert [r["name"] for r in got["experiments"]] == ["open"]


async def test_an_unknown_experiment_is_named_in_the_refusal(client, tell):
    await tell(IrisRun().events(upto=1))
    answer = await client.get("/api/experiments/default/nobody")
    page = await client.get("/experiments/default/nobody")

    assert answer.status == page.status == 404
    assert "default/nobody" in (await answer.json())["errors"][0]["message"]


async def test_a_change_is_on_the_stream_within_a_second(client, tell):
    await tell(IrisRun().events(upto=2))
    async with client.get(f"{ONE}/events") as stream:
        first = await _next(stream)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await tell(IrisRun().look(3))
        second = await _next(stream)
        took = loop.time() - before

    assert first["view"]["iteration"] == 2
    assert [p["i"] for p in first["points"]] == [0, 1, 2]
    assert second["view"]["iteration"] == 3
    assert [p["i"] for p in second["points"]] == [2, 3] or second["points"][-1]["i"] == 3
    assert took < 1


async def test_a_slow_reader_gets_the_present_not_a_backlog(client, tell):
    await tell(IrisRun().events(upto=1))
    async with client.get(f"{ONE}/events") as stream:
        await _next(stream)
        for iteration in range(2, 15):
            await tell(IrisRun().look(iteration))
        seen = await _next(stream)
        if seen["view"]["iteration"] < 14:
            seen = await _next(stream)

    assert seen["view"]["iteration"] == 14
    assert seen["points"][-1]["i"] == 14


async def test_the_list_streams_only_the_rows_that_changed(client, tell):
    await tell(IrisRun().events(upto=1))
    await tell(IrisRun(name="other", uid="o").events(upto=1))
    async with client.get("/api/events") as stream:
        await asyncio.sleep(0.05)
        await tell(IrisRun().look(2))
        rows = await _next(stream)

    assert [(r["name"], r["iteration"]) for r in rows] == [(NAME, 2)]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_whoever_comes_back_to_the_list_gets_what_changed_meanwhile(client, tell, way):
    await tell(IrisRun().events(upto=1))
    await tell(IrisRun(name="other", uid="o").events(upto=1))
    cursor = (await (await client.get("/api/experiments")).json())["cursor"]
    await tell(IrisRun().look(2))  # while nobody listens
    back = {"headers": {"Last-Event-ID": cursor}} if way == "header" else {}
    query = {"params": {"after": cursor}} if way == "query" else {}
    async with client.get("/api/events", **back, **query) as stream:
        rows = await _next(stream)

    assert [(r["name"], r["iteration"]) for r in rows] == [(NAME, 2)]


async def test_whoever_stood_with_another_process_gets_every_row(client, tell):
    await tell(IrisRun().events(upto=1))
    await tell(IrisRun(name="other", uid="o").events(upto=1))
    async with client.get("/api/events", headers={"Last-Event-ID": "0badf00d.9999"}) as stream:
        rows = await _next(stream)

    assert {r["name"] for r in rows} == {NAME, "other"}


async def test_the_log_answers_with_the_event_behind_a_line(client, tell):
    await tell(IrisRun().events(upto=3))

    answer = await client.get(f"{ONE}/log", params={"id": f"{UID}/2/assessment"})
    event = orjson.loads(await answer.read())
    whole = (await (await client.get(f"{ONE}/log")).text()).splitlines()

    assert event["type"] == "crossfade.assessment.v1"
    assert event["data"]["verdict"] == "continue"
    assert len(whole) == len(IrisRun().events(upto=3))


async def test_the_document_of_a_run_is_served_as_json_and_as_yaml(client, tell):
    await tell(IrisRun().events(upto=1))
    await tell(
        [(START, e) for _, e in IrisRun(name="other", uid="o", iterations=3).beginning()]
    )

    body = await (await client.get(f"{ONE}/document")).json()
    text = await (await client.get(f"{ONE}/document?form=yaml")).text()
    odd = await client.get(f"{ONE}/document?form=xml")

    assert body["experiment"]["metadata"]["name"] == NAME
    parts = list(yaml.safe_load_all(text))
    assert parts == [*body["metrics"], body["experiment"]]
    assert odd.status == 422


async def test_a_run_that_waits_has_no_document_yet(client, tell):
    await tell(list(IrisRun().beginning())[:1])

    assert (await client.get(f"{ONE}/document")).status == 404


async def test_pages_allow_no_inline_script_or_style(client, tell):
    await tell(IrisRun().events(upto=2))
    for path in ("/", f"/experiments/{NAMESPACE}/{NAME}", "/sign-in"):
        answer = await client.get(path)
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"\son\w+=|style=|<script>", text)


async def test_a_name_that_looks_like_markup_stays_text(client, tell):
    nasty = StageChange(
        uid="x", stage="Waiting", reason="TargetBusy", message="</script><script>alert(1)"
    )
    await tell([(START, nasty.about("default", "a"))])
    for path in ("/", "/experiments/default/a"):
        text = await (await client.get(path)).text()
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text or "\\u003cscript\\u003e" in text


async def test_a_huge_message_makes_no_huge_page(client, tell):
    huge = "<script>alert(1)</script> " * 20_000
    said = Incident(uid=UID, iteration=2, what_happened="x", text=huge).about(NAMESPACE, NAME)
    pause = StageChange(uid=UID, stage="Running", reason="Paused", message=huge)
    await tell([*IrisRun().events(upto=2), (START, said)])
    await tell([(START, pause.about(NAMESPACE, NAME))])

    for path in ("/", f"/experiments/{NAMESPACE}/{NAME}", "/api/experiments", ONE):
        text = await (await client.get(path)).text()
        assert len(text) < 60_000, path
        assert path.startswith("/api/") or "<script>alert" not in text
    whole = await (await client.get(f"{ONE}/log?id={said.id}")).json()
    assert whole["data"]["text"] == huge


async def test_without_the_token_nobody_acts(client, tell, commander):
    await tell(IrisRun().events(upto=2))

    answer = await client.post(f"{ONE}/actions", json={"verb": "abort", "confirm": True})

    assert answer.status == 401
    assert not commander.asked


async def test_whoever_signs_in_may_act_with_the_pages_word_and_a_confirmation(
    client, tell, commander
):
    await tell(IrisRun().events(upto=2))
    wrong = await client.post("/sign-in", data={"token": "guess"})
    assert wrong.status == 403
    page = await client.post("/sign-in", data={"token": "open-sesame", "who": "Ada", "to": "/"})
    word = re.search(r'name="csrf" content="([^"]+)"', await page.text()).group(1)
    body = {"verb": "abort", "confirm": True, "reason": "looks odd", "uid": UID}

    without = await client.post(f"{ONE}/actions", json=body)
    abroad = await client.post(
        f"{ONE}/actions",
        json=body,
        headers={"X-Crossfade-Csrf": word, "Origin": "http://evil.test"},
    )
    unsure = await client.post(
        f"{ONE}/actions", json=body | {"confirm": False}, headers={"X-Crossfade-Csrf": word}
    )
    done = await client.post(f"{ONE}/actions", json=body, headers={"X-Crossfade-Csrf": word})

    assert (without.status, abroad.status, unsure.status, done.status) == (401, 401, 422, 202)
    assert commander.asked == [
        (
            "abort",
            {
                "namespace": NAMESPACE,
                "name": NAME,
                "uid": UID,
                "requestedBy": "console:Ada",
                "reason": "looks odd",
            },
        )
    ]


async def test_a_bearer_token_acts_for_tools_and_a_stale_page_does_not(client, tell, commander):
    await tell(IrisRun().events(upto=2))
    head = {"Authorization": "Bearer open-sesame"}
    body = {"verb": "abort", "confirm": True, "expected": {"stage": "Initializing"}}

    stale = await client.post(f"{ONE}/actions", json=body, headers=head)
    unknown = await client.post(
        f"{ONE}/actions", json={"verb": "start-experiment", "confirm": True}, headers=head
    )
    commander.answer = {"accepted": False, "errors": [{"field": "verb", "message": "not yet"}]}
    refused = await client.post(
        f"{ONE}/actions", json={"verb": "pause", "confirm": True}, headers=head
    )

    assert (stale.status, unknown.status, refused.status) == (409, 422, 422)
    assert len(commander.asked) == 1


async def test_a_sign_in_never_leads_away_from_here(client, tell):
    await tell(IrisRun().events(upto=1))
    answer = await client.post(
        "/sign-in", data={"token": "open-sesame", "to": "//evil.test"}, allow_redirects=False
    )

    assert answer.headers["Location"] == "/"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]


async def test_nothing_is_shown_before_the_log_has_been_read(make, log, run_console):
    class Slow:
        async def follow(self, **_):
            at, event = IrisRun().events(upto=1)[0]
            yield Logged(event, 1, at, 5000)
            await asyncio.Event().wait()

    import aiohttp

    console = make()
    object.__setattr__(console, "log", Slow())
    async with run_console(console), aiohttp.ClientSession(console.url) as session:
        ready = await session.get("/readyz")
        page = await session.get("/metrics")

    assert (ready.status, page.status) == (503, 503)
    assert page.headers["Retry-After"] == "1"


async def test_an_empty_log_is_no_reason_to_wait_for_ever(client):
    answer = await client.get("/")

    assert answer.status == 200
    assert "No experiment yet" in await answer.text()


async def test_plotly_is_served_from_its_wheel_and_nothing_else_from_outside(client, tell):
    pytest.importorskip("plotly", reason="the extra crossfade[console] is not installed")
    await tell(IrisRun().events(upto=1))
    script = await client.get("/static/plotly.min.js")
    outside = await client.get("/static/..%2Fservice.py")

    assert script.status == 200
    assert len(await script.read()) > 1_000_000
    assert outside.status == 404


async def test_a_taken_port_is_said_with_what_to_do(console, make):
    from crossfade.errors import Permanent

    second = make(token=SecretStr("x"))
    taken = second.settings.model_copy(update={"port": console.port})
    object.__setattr__(second, "settings", taken)

    with pytest.raises(Permanent, match="CROSSFADE_CONSOLE__PORT"):
        await second.serve()


async def _next(stream):
    """The next event's data."""
    async with asyncio.timeout(5):
        while True:
            line = await stream.content.readline()
            if line.startswith(b"data: "):
                return orjson.loads(line[6:])
