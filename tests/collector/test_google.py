"""Google Cloud Monitoring: a token for each account, kept, and carried to nobody else."""

import asyncio
import logging
import sys

import pytest
from aiohttp import web
from tests.collector.builders import FIRST, a_metric, vector
from tests.collector.google_cloud import (
    HOST,
    Monitoring,
    Tokens,
    failure,
    series,
    service_account,
)
from tests.collector.test_readings import first, questions

from crossfade.events import fatal

PROMQL = f"https://{HOST}/v1/projects/p/location/global/prometheus/api/v1/query"
LIST = f"https://{HOST}/v3/projects/p/timeSeries"
SUM = "[.timeSeries[0].points[].value.doubleValue] | add"
ONE = [{"name": "query", "value": "sum(up)"}]


def asked(**spec):
    written = {
        "provider": "google",
        "authType": "Google",
        "urlTemplate": PROMQL,
        "params": ONE,
        "secret": "ns/google",
        "jqExpression": FIRST,
        "tls": {"caSecret": "ns/ca"},
    }
    return a_metric("m", **{k: v for k, v in (written | spec).items() if v is not None})


@pytest.fixture
async def tokens(start_backend):
    return Tokens(await start_backend())


@pytest.fixture
async def api(start_backend, certificate, secrets, tokens):
    """Monitoring behind TLS, with the key file of the account in a Secret."""
    secrets("ns/ca", ca__crt=certificate[0])
    secrets("ns/google", serviceAccount=service_account(tokens.uri))
    backend = await start_backend(certificate[1])
    monitoring = Monitoring(backend, tokens, [vector(21.5)])
    monitoring.backend = backend
    return monitoring


@pytest.fixture
def reaching(a_broker, api):
    def make(timeout=2.0):
        return a_broker(timeout=timeout, connect_to={HOST: f"127.0.0.1:{api.backend.port}"})

    return make


async def test_a_key_file_is_exchanged_for_a_token_once(reaching, api, tokens):
    broker = reaching()
    metrics = [asked(), asked(urlTemplate=LIST, params=None, jqExpression=SUM)]
    api.says = [vector(21.5)]
    one = await first(broker, metrics[0])
    api.says = [series(3.0, 4.0)]
    two = await broker.read(questions(metrics[1]))

    assert [one.value, *(r.value for r in two)] == [21.5, 7.0, 7.0]
    assert len(tokens.given) == 1
    assert set(api.bearers) == {"Bearer ya29.token-number-1"}
    assert {r.host for r in api.backend.asked} == {HOST}


async def test_queries_of_one_tick_name_one_instant(reaching, api):
    await first(reaching(), asked(params=[{"name": "query", "value": "sum(up{v='$name'})"}]))

    assert len({r.query["time"] for r in api.backend.asked}) == 1


async def test_a_token_about_to_run_out_is_replaced(reaching, api, tokens):
    tokens.seconds = 60
    broker = reaching()
    readings = [await first(broker, asked())]
    for account in broker.requests.identities.accounts.values():
        account.forget()
    readings.append(await first(broker, asked()))

    assert [r.value for r in readings] == [21.5, 21.5]
    assert len(tokens.given) == 2


async def test_a_token_that_was_taken_back_is_replaced_at_once(reaching, api, tokens):
    broker = reaching()
    each = [{"name": "query", "value": "sum(up{v='$name'})"}]
    await broker.read(questions(asked(params=each)))
    tokens.given.append("ya29.token-of-somebody-else")
    readings = await broker.read(questions(asked(params=each)))

    assert [r.value for r in readings] == [21.5, 21.5]
    assert api.bearers[-1] == "Bearer ya29.token-number-3"
    assert len(tokens.given) == 3


@pytest.mark.parametrize(
    ("said", "absent", "says", "ends"),
    [
        (vector(None), "empty-result", "null", False),
        (failure(400, "INVALID_ARGUMENT", "bad filter"), "http-status", "bad filter", True),
        (failure(401, "UNAUTHENTICATED", "invalid credentials"), "unauthorized", "invalid", True),
        (failure(403, "PERMISSION_DENIED", "monitoring.timeSeries.list"), "unauthorized",
         "monitoring.timeSeries.list", True),
        (failure(404, "NOT_FOUND", "no such metric"), "http-status", "no such metric", False),
        (failure(500, "INTERNAL", "sorry"), "http-status", "sorry", False),
        ({"status": "error", "errorType": "bad_data", "error": "parse error"}, "empty-result",
         "null", False),
        (web.Response(text="<html>"), "not-json", "<html>", True),
    ],
    ids=lambda v: getattr(v, "text", None) or str(v),
)  # fmt: skip
async def test_what_is_no_number_has_its_reason(reaching, api, said, absent, says, ends):
    async def again():
        return web.json_response(said) if isinstance(said, dict) else copied(said)

    api.says = [again]
    reading = await first(reaching(), asked())

    assert (reading.absent, says in reading.detail) == (absent, True), reading
    assert fatal(reading) is ends


@pytest.mark.parametrize(
    ("said", "absent", "says"),
    [
        (series(), "empty-result", "null"),
        (series(1.0, nextPageToken="more"), "http-status", "first page"),
        (series(1.0, executionErrors=[{"code": 4, "message": "region is out"}]), "http-status",
         "region is out"),
    ],
)  # fmt: skip
async def test_a_part_of_the_points_is_no_number(reaching, api, said, absent, says):
    api.says = [said]
    reading = await first(reaching(), asked(urlTemplate=LIST, params=None, jqExpression=SUM))

    assert (reading.absent, says in reading.detail) == (absent, True)
    assert not fatal(reading)


@pytest.mark.parametrize("code", [429, 503])
async def test_too_fast_is_tried_again_and_then_read(reaching, api, code):
    async def busy():
        return failure(code, "RESOURCE_EXHAUSTED", "Quota exceeded")

    api.says = [busy, vector(7)]

    assert (await first(reaching(timeout=3), asked())).value == 7.0


async def test_too_fast_for_too_long_is_a_reason_that_waiting_may_mend(reaching, api):
    async def busy():
        return failure(429, "RESOURCE_EXHAUSTED", "Quota exceeded")

    api.says = [busy]
    reading = await first(reaching(timeout=0.5), asked())

    assert (reading.absent, "Quota exceeded" in reading.detail) == ("http-status", True)
    assert not fatal(reading)


class TestWithoutAToken:
    @pytest.mark.parametrize(
        ("key", "says"),
        [
            ("", "no key serviceAccount"),
            ("{", "spec.secret"),
            ('{"type": "external_account"}', "service account"),
            ('{"type": "service_account"}', "spec.secret"),
        ],
    )
    async def test_a_key_that_is_none_is_named(self, reaching, api, secrets, key, says):
        secrets("ns/google", serviceAccount=key)
        reading = await first(reaching(), asked())

        assert (reading.absent, api.backend.asked) == ("unauthorized", [])
        assert says in reading.detail

    async def test_an_account_that_was_deleted_is_unauthorized(self, reaching, tokens, api):
        async def gone(_request):
            said = {"error": "invalid_grant", "error_description": "Invalid grant: not found"}
            return web.json_response(said, status=400)

        tokens.say = gone
        reading = await first(reaching(), asked())

        assert (reading.absent, "invalid_grant" in reading.detail) == ("unauthorized", True)

    async def test_a_token_endpoint_that_hangs_is_a_timeout(self, reaching, tokens, api):
        tokens.say = lambda _: asyncio.sleep(30)
        started = asyncio.get_running_loop().time()
        reading = await first(reaching(timeout=0.4), asked())

        assert reading.absent == "timeout"
        assert asyncio.get_running_loop().time() - started < 2

    async def test_a_token_endpoint_that_is_down_is_a_reason_that_waiting_may_mend(
        self, reaching, secrets, api
    ):
        key = service_account("http://127.0.0.1:9/token")
        secrets("ns/google", serviceAccount=key)

        assert (await first(reaching(timeout=1), asked())).absent == "timeout"

    @pytest.mark.parametrize(
        "url",
        [
            f"http://{HOST}/q",
            "https://evil.test/q",
            f"https://{HOST}.evil.test/q",
            "https://evilgoogleapis.com/q",
        ],
    )
    async def test_a_token_goes_to_nobody_but_google(self, reaching, tokens, api, url):
        reading = await first(reaching(), asked(urlTemplate=url))

        assert (reading.absent, tokens.given) == ("unauthorized", [])
        assert "spec.urlTemplate" in reading.detail

    async def test_a_token_goes_to_nobody_unknown(self, reaching, tokens, api):
        reading = await first(reaching(), asked(tls={"insecureSkipVerify": True}))

        assert (reading.absent, tokens.given) == ("unauthorized", [])
        assert "spec.tls.insecureSkipVerify" in reading.detail


class TestWhatTheMachineHas:
    async def test_a_file_that_the_environment_names(
        self, reaching, api, tokens, monkeypatch, tmp_path
    ):
        (tmp_path / "key.json").write_text(service_account(tokens.uri))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))

        assert (await first(reaching(), asked(secret=None))).value == 21.5

    async def test_the_metadata_server(self, reaching, api, tokens, start_backend, metadata):
        seen = []

        def serve(request):
            seen.append((request.path, request.headers.get("Metadata-Flavor")))
            said = (
                tokens.token()
                if request.path.endswith("/token")
                else web.json_response({"email": "default", "scopes": [], "aliases": []})
            )
            said.headers["Metadata-Flavor"] = "Google"
            return said

        server = await start_backend()
        server.say = serve
        metadata(server)
        reading = await first(reaching(), asked(secret=None))

        assert (reading.value, reading.detail) == (21.5, None)
        assert ("/computeMetadata/v1/instance/service-accounts/default/token", "Google") in seen

    async def test_nothing_at_all_says_so(self, reaching, api, metadata, start_backend):
        server = await start_backend()
        server.say = lambda _: web.Response(status=404)
        metadata(server)
        reading = await first(reaching(), asked(secret=None))

        assert (reading.absent, api.backend.asked) == ("unauthorized", [])
        assert "the credentials of Google" in reading.detail


@pytest.fixture
def metadata(monkeypatch, tmp_path):
    """Points google-auth at a metadata server of the test's own, and away from files."""
    from google.auth.compute_engine import _metadata

    def aim(server):
        host = f"127.0.0.1:{server.port}"
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    return aim


async def test_without_the_library_the_extra_is_named(reaching, api, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
    reading = await first(reaching(), asked())

    assert (reading.absent, api.backend.asked) == ("unauthorized", [])
    assert "crossfade[google]" in reading.detail


async def test_an_answer_or_a_log_never_shows_a_token_or_a_key(reaching, api, tokens, caplog):
    caplog.set_level(logging.DEBUG)

    async def quoting():
        return failure(403, "PERMISSION_DENIED", f"no rights for {tokens.given[-1]}")

    api.says = [quoting]
    broker = reaching()
    reading = await first(broker, asked())
    request = await broker.requests.about(questions(asked())[0])
    proof = await request.identity.signed(request)
    shown = reading.model_dump_json() + repr(request) + repr(proof) + caplog.text

    assert "***" in reading.detail
    assert "ya29" not in shown + repr(broker)
    assert "PRIVATE KEY" not in shown + repr(broker)


def copied(said):
    return web.Response(body=said.body, status=said.status, content_type=said.content_type)
