"""What goes over the wire: once, at once, at one instant, to the right address, with its secret."""

import asyncio

import pytest
from aiohttp import web
from tests.collector.builders import START, asking, vector
from tests.collector.test_readings import first, questions

from crossfade.errors import Malformed
from crossfade_collector.sources.connections import ConnectTo

QUERY = [{"name": "query", "value": "sum(x{v='$name'}[${elapsedTime}s])"}]
SAME = [{"name": "query", "value": "up"}]


async def test_identical_queries_are_asked_once_whatever_jq_makes_of_them(a_broker, backend):
    one = asking(backend, "one", params=SAME)
    two = asking(backend, "two", params=SAME, jqExpression=".data.result | length")
    readings = await a_broker().read(questions(one, two))

    assert [r.value or r.detail for r in readings] == [21.5, 21.5, 1.0, 1.0]
    assert len(backend.asked) == 1


async def test_the_next_tick_asks_anew(a_broker, backend):
    broker = a_broker()
    await broker.read(questions(asking(backend, params=SAME)))
    await broker.read(questions(asking(backend, params=SAME)))

    assert len(backend.asked) == 2


async def test_all_queries_of_a_tick_name_one_instant(a_broker, backend):
    metrics = [
        asking(
            backend, n, params=[{"name": "query", "value": n + "$name"}], provider="prometheus"
        )
        for n in "abc"
    ]
    await a_broker().read(questions(*metrics))

    assert {r.query["time"] for r in backend.asked} == {f"{START.timestamp():.3f}"}
    assert len(backend.asked) == 6


@pytest.mark.parametrize(
    "spec",
    [
        {"params": [*SAME, {"name": "time", "value": "7"}], "provider": "prometheus"},
        {"params": SAME, "path": "/api/v1/query?time=7", "provider": "prometheus"},
        {"params": SAME},
        {"params": SAME, "path": "/elsewhere", "provider": "prometheus"},
    ],
)
async def test_the_instant_is_not_forced_upon_others(a_broker, backend, spec):
    await first(a_broker(), asking(backend, **spec))

    assert backend.asked[0].query.getall("time", []) in ([], ["7"])


async def test_queries_go_out_together_but_within_the_budget_of_a_back_end(a_broker, backend):
    async def slow(_request):
        await asyncio.sleep(0.03)
        return web.json_response(vector(1))

    backend.say = slow
    metrics = [asking(backend, f"m{i}", params=[*QUERY, {"name": "i", "value": str(i)}])
               for i in range(5)]  # fmt: skip
    readings = await a_broker(concurrency=4).read(questions(*metrics))

    assert [r.value for r in readings] == [1.0] * 10
    assert backend.most == 4


async def test_one_silent_back_end_does_not_hold_up_another(a_broker, backend, start_backend):
    silent = await start_backend()
    silent.say = lambda _: asyncio.sleep(5)
    broker = a_broker(timeout=0.2, concurrency=1)
    readings = await broker.read(questions(asking(silent, "a"), asking(backend, "b")))

    assert [r.value for r in readings[2:]] == [21.5, 21.5]
    assert {r.absent for r in readings[:2]} == {"timeout"}


async def test_params_extend_the_query_that_the_address_has(a_broker, backend):
    await first(a_broker(), asking(backend, path="/q?a=1&b=%26", params=QUERY))

    (request, *_) = backend.asked
    assert dict(request.query) == {"a": "1", "b": "&", "query": "sum(x{v='v1'}[10s])"}


async def test_a_body_is_filled_and_sent_as_json(a_broker, backend):
    metric = asking(
        backend, method="POST", body='{"last": ${elapsedTime}, "f": "v = \'$name\'"}'
    )
    await first(a_broker(), metric)

    (request, *_) = backend.asked
    assert (request.method, request.content_type) == ("POST", "application/json")
    assert backend.texts[0] == '{"last": 10, "f": "v = \'v1\'"}'


async def test_a_content_type_of_the_authors_own_is_kept(a_broker, backend):
    headers = [{"name": "content-type", "value": "application/vnd.x+json"}]
    await first(a_broker(), asking(backend, method="POST", body="{}", headerTemplates=headers))

    assert backend.asked[0].headers.getall("Content-Type") == ["application/vnd.x+json"]


async def test_a_body_that_is_no_json_once_filled_names_the_field(a_broker, backend):
    reading = await first(a_broker(), asking(backend, body='{"v": $unknown}'))

    assert (reading.absent, "spec.body" in reading.detail) == ("jq-error", True)


class TestConnectTo:
    async def test_a_name_goes_to_its_address_and_the_host_stays(self, a_broker, backend):
        name = "seldon-prometheus.seldon-system"
        metric = asking(backend) | {}
        metric["spec"] = metric["spec"] | {"urlTemplate": f"http://{name}/api/v1/query"}
        broker = a_broker(connect_to={name: f"127.0.0.1:{backend.port}"})

        assert (await first(broker, metric)).value == 21.5
        assert backend.asked[0].host == name

    async def test_a_port_picks_the_more_specific_entry(self):
        resolver = ConnectTo({"h": "127.0.0.1:1", "h:81": "127.0.0.1:2"})

        assert [(await resolver.resolve("h", p))[0]["port"] for p in (80, 81)] == [1, 2]

    def test_a_target_without_a_port_names_the_setting(self):
        with pytest.raises(Malformed, match=r"CONNECT_TO\[h\].*address:port"):
            ConnectTo({"h": "127.0.0.1"})


class TestSecrets:
    async def test_basic_sends_username_and_password(self, a_broker, backend, secrets):
        secrets("myns/creds", username="u", password="p4ssword")
        await first(a_broker(), asking(backend, authType="Basic", secret="myns/creds"))

        assert backend.asked[0].headers["Authorization"] == "Basic dTpwNHNzd29yZA=="

    @pytest.mark.parametrize("kind", ["Bearer", "APIKey"])
    async def test_headers_and_address_take_the_secret(self, a_broker, backend, secrets, kind):
        secrets("own/creds", token="s3cret", account="acme")
        headers = [{"name": "X-Key", "value": "Key ${token}"}]
        metric = asking(backend, path="/${account}/q", authType=kind, secret="creds",
                        headerTemplates=headers)  # fmt: skip
        await first(a_broker(), metric)

        assert backend.asked[0].path == "/acme/q"
        assert backend.asked[0].headers["X-Key"] == "Key s3cret"

    async def test_without_an_auth_type_headers_are_literal(self, a_broker, backend, secrets):
        secrets("own/creds", token="s3cret")
        headers = [{"name": "X-Key", "value": "${token}"}]
        await first(a_broker(), asking(backend, secret="creds", headerTemplates=headers))

        assert backend.asked[0].headers["X-Key"] == "${token}"

    async def test_the_secret_does_not_reach_params_or_body(self, a_broker, backend, secrets):
        secrets("own/creds", token="s3cret")
        params = [{"name": "q", "value": "$token"}]
        metric = asking(
            backend, authType="Bearer", secret="creds", params=params, body='"$token"'
        )
        await first(a_broker(), metric)

        assert backend.asked[0].query["q"] == "$token"
        assert backend.texts[0] == '"$token"'

    @pytest.mark.parametrize(
        ("kind", "says"), [("Basic", "no key password"), ("missing", "does not exist")]
    )
    async def test_what_is_missing_is_named_and_nothing_is_asked(
        self, a_broker, backend, secrets, kind, says
    ):
        secrets("own/creds", username="u")
        metric = asking(
            backend, authType="Basic", secret="creds" if kind == "Basic" else "gone"
        )
        reading = await first(a_broker(), metric)

        assert (reading.absent, backend.asked) == ("unauthorized", [])
        assert says in reading.detail
        assert "spec.secret" in reading.detail

    @pytest.mark.parametrize("status", [401, 500, 200])
    async def test_a_secret_that_comes_back_is_masked(self, a_broker, backend, secrets, status):
        token = "tok-" + "x" * 150
        secrets("own/creds", token=token)
        backend.answers(f"<p>{'y' * 100}{token}".encode(), status=status)
        headers = [{"name": "Authorization", "value": "Bearer ${token}"}]
        metric = asking(backend, authType="Bearer", secret="creds", headerTemplates=headers)
        reading = await first(a_broker(), metric)

        assert "***" in reading.detail
        assert "tok-" not in reading.detail

    async def test_a_secret_in_an_address_is_masked_as_it_is_written_there(
        self, a_broker, backend, secrets
    ):
        secrets("own/creds", token="se cret/key")
        backend.say = lambda r: web.Response(text=f"no such page: {r.raw_path}", status=404)
        metric = asking(backend, path="/q?key=${token}", secret="creds")
        reading = await first(a_broker(), metric)

        assert "no such page" in reading.detail
        assert "cret" not in reading.detail

    async def test_a_request_never_shows_its_secret(self, a_broker, backend, secrets):
        secrets("own/creds", token="s3cret")
        headers = [{"name": "Authorization", "value": "Bearer ${token}"}]
        metric = asking(backend, authType="Bearer", secret="creds", headerTemplates=headers)
        request = await a_broker().requests.about(questions(metric)[0])

        assert "s3cret" not in repr(request)
        assert dict(request.headers)["Authorization"] == "Bearer s3cret"


def moved(to, status=302):
    return web.Response(status=status, headers={"Location": to})


class TestRedirects:
    async def test_a_redirect_is_followed_with_its_key(self, a_broker, backend):
        backend.say = lambda r: (
            moved("/new") if r.path == "/old" else web.json_response(vector(5))
        )
        headers = [{"name": "X-Key", "value": "k"}]
        reading = await first(a_broker(), asking(backend, path="/old", headerTemplates=headers))

        assert reading.value == 5.0
        assert backend.asked[-1].headers["X-Key"] == "k"

    async def test_a_key_does_not_follow_to_another_origin(
        self, a_broker, backend, start_backend
    ):
        other = await start_backend()
        backend.say = lambda _: moved(other.url + "/new", 307)
        headers = [{"name": "X-Key", "value": "k"}]
        metric = asking(backend, method="POST", body="{}", headerTemplates=headers)

        assert (await first(a_broker(), metric)).value == 21.5
        assert "X-Key" not in other.asked[0].headers
        assert (other.asked[0].method, other.texts[0]) == ("POST", "{}")

    @pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (308, "POST")])
    async def test_a_post_goes_on_as_its_redirect_says(self, a_broker, backend, status, method):
        backend.say = lambda r: (
            moved("/new", status) if r.path == "/old" else web.json_response(vector(5))
        )
        metric = asking(backend, path="/old", method="POST", body="{}")

        assert (await first(a_broker(), metric)).value == 5.0
        assert backend.asked[-1].method == method
        assert backend.texts[-1] == ("{}" if method == "POST" else "")

    async def test_a_circle_of_redirects_ends(self, a_broker, backend):
        backend.say = lambda r: moved(r.path)
        reading = await first(a_broker(), asking(backend))

        assert (reading.absent, "redirects" in reading.detail) == ("unreachable", True)


class TestTls:
    async def reading(self, a_broker, start_backend, certificate, **tls):
        backend = await start_backend(certificate[1])
        url = f"https://metrics.test:{backend.port}/"
        spec = {"urlTemplate": url} | ({"tls": tls} if tls else {})
        broker = a_broker(connect_to={"metrics.test": f"127.0.0.1:{backend.port}"})
        return await first(broker, asking(backend, **spec))

    async def test_an_unknown_certificate_is_refused(
        self, a_broker, start_backend, certificate
    ):
        reading = await self.reading(a_broker, start_backend, certificate)

        assert (reading.absent, "certificate" in reading.detail) == ("unreachable", True)

    async def test_a_metric_may_opt_out(self, a_broker, start_backend, certificate):
        reading = await self.reading(
            a_broker, start_backend, certificate, insecureSkipVerify=True
        )

        assert reading.value == 21.5

    async def test_the_ca_secret_makes_it_trusted(
        self, a_broker, start_backend, certificate, secrets
    ):
        secrets("own/ca", ca__crt=certificate[0])
        reading = await self.reading(a_broker, start_backend, certificate, caSecret="ca")

        assert reading.value == 21.5

    async def test_a_ca_secret_without_a_certificate_names_the_field(
        self, a_broker, start_backend, certificate, secrets
    ):
        secrets("own/ca", ca__crt="nothing")
        reading = await self.reading(a_broker, start_backend, certificate, caSecret="ca")

        assert reading.absent == "unauthorized"
        assert "spec.tls.caSecret" in reading.detail
