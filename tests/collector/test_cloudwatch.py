"""CloudWatch: signed as AWS checks it, read as AWS answers it, never a number that is none."""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.collector.amazon import ACCESS, SECRET, TOKEN, CloudWatch, answer, failure, result
from tests.collector.builders import FIRST, a_metric, vector
from tests.collector.test_readings import first, questions

from crossfade.events import fatal
from crossfade_collector.sources import cloudwatch as cloudwatch_says_no
from crossfade_collector.sources import google_monitoring as google_says_no
from crossfade_collector.sources.aws_identity import region_in
from crossfade_collector.sources.port import NoValue

BODY = json.dumps({
    "StartTime": "${startEpoch}", "EndTime": "${nowEpoch}",
    "MetricDataQueries": [{"Id": "hits", "MetricStat": {
        "Metric": {"Namespace": "Web", "MetricName": "Hits",
                   "Dimensions": [{"Name": "Version", "Value": "$name"}]},
        "Period": 60, "Stat": "Sum"}}],
}).replace('"${startEpoch}"', "${startEpoch}").replace('"${nowEpoch}"', "${nowEpoch}")  # fmt: skip
SUM = "[.MetricDataResults[0].Values[]] | add"
REGION = {"region": "eu-west-1"}
KEYS = {"accessKeyId": ACCESS, "secretAccessKey": SECRET}

WORDS = st.sampled_from([
    "MetricDataResults", "StatusCode", "Messages", "Code", "Id", "NextToken", "__type", "error",
    "message", "status", "executionErrors", "nextPageToken", "timeSeries", "PartialData",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda held: st.lists(held, max_size=3) | st.dictionaries(WORDS, held, max_size=4),
)


def signed(backend, **spec):
    written = {"urlTemplate": backend.url, "provider": "cloudwatch", "authType": "SigV4",
               "secret": "ns/aws", "body": BODY, "jqExpression": SUM}  # fmt: skip
    return a_metric("m", **{k: v for k, v in (written | spec).items() if v is not None})


@pytest.fixture
def cloudwatch(backend, secrets):
    secrets("ns/aws", **KEYS, **REGION)
    return CloudWatch(backend)


@pytest.fixture
def no_ambient_keys(monkeypatch, tmp_path):
    """A machine on which AWS's tools find nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
                 "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN",
                 "AWS_WEB_IDENTITY_TOKEN_FILE"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


async def test_a_sum_is_read_with_a_signature_that_aws_takes(a_broker, backend, cloudwatch):
    cloudwatch.says = [answer(result(30.0, 12.5))]
    readings = await a_broker().read(questions(signed(backend)))

    assert [r.value for r in readings] == [42.5, 42.5]
    assert cloudwatch.scopes == ["eu-west-1/monitoring/aws4_request"] * 2
    assert cloudwatch.problems == ["", ""]
    asked = sorted(json.loads(text)["MetricDataQueries"][0]["MetricStat"]["Metric"]
                   ["Dimensions"][0]["Value"] for text in backend.texts)  # fmt: skip
    assert asked == ["v1", "v2"]


async def test_a_wrong_key_is_unauthorized(a_broker, backend, cloudwatch, secrets):
    secrets("ns/aws", secretAccessKey="another-secret-key")
    reading = await first(a_broker(), signed(backend))

    assert (reading.absent, "InvalidSignature" in reading.detail) == ("unauthorized", True)


async def test_a_session_token_is_sent_and_signed(a_broker, backend, secrets):
    secrets("ns/aws", **KEYS, **REGION, sessionToken=TOKEN)
    cloudwatch = CloudWatch(backend, token=TOKEN)

    assert (await first(a_broker(), signed(backend))).value == 1.0
    assert cloudwatch.scopes


async def test_nothing_but_get_metric_data_is_asked_whatever_the_headers_say(
    a_broker, backend, cloudwatch
):
    headers = [{"name": "x-amz-target", "value": "GraniteServiceVersion20100801.DeleteAlarms"}]
    await first(a_broker(), signed(backend, headerTemplates=headers, method="GET"))
    request = backend.asked[0]

    assert request.method == "POST"
    assert request.headers.getall("X-Amz-Target") == [
        "GraniteServiceVersion20100801.GetMetricData"
    ]
    assert request.content_type == "application/x-amz-json-1.0"


@pytest.mark.parametrize(
    ("said", "absent", "says", "ends"),
    [
        (answer(result()), "empty-result", "null", False),
        (answer(), "empty-result", "null", False),
        (answer(result(1.0, code="PartialData")), "http-status", "PartialData", False),
        (answer(result(code="InternalError", Messages=[{"Code": "E", "Value": "sorry"}])),
         "http-status", "E: sorry", False),
        (answer(result(code="Forbidden")), "unauthorized", "Forbidden", True),
        (answer(result(1.0), NextToken="more"), "http-status", "first page", False),
        (failure("ExpiredTokenException", "is expired"), "unauthorized", "is expired", True),
        (failure("UnrecognizedClientException"), "unauthorized", "Unrecognized", True),
        (failure("AccessDeniedException", "cloudwatch:GetMetricData"), "unauthorized",
         "cloudwatch:GetMetricData", True),
        (failure("ValidationError", "The parameter Period"), "http-status", "Period", True),
        (failure("InternalServiceFault", "", 500), "http-status", "HTTP 500", False),
        (web.Response(status=502, text="<html>"), "http-status", "HTTP 502", False),
        (web.Response(text="<html>"), "not-json", "<html>", True),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_no_number_has_its_reason(
    a_broker, backend, cloudwatch, said, absent, says, ends
):
    cloudwatch.says = [said]
    reading = await first(a_broker(), signed(backend, body=BODY.replace("$name", "v")))

    assert (reading.absent, says in reading.detail) == (absent, True), reading
    assert fatal(reading) is ends
    assert len(backend.asked) == 1


async def test_too_fast_is_tried_again_and_then_read(a_broker, backend, cloudwatch):
    busy = failure("ThrottlingException", "Rate exceeded")
    cloudwatch.says = [busy, answer(result(7.0))]
    reading = await first(a_broker(timeout=3), signed(backend, body=BODY.replace("$name", "v")))

    assert (reading.value, len(backend.asked)) == (7.0, 2)


async def test_too_fast_for_too_long_is_a_reason_that_waiting_may_mend(
    a_broker, backend, cloudwatch
):
    async def busy():
        return failure("ThrottlingException", "Rate exceeded", headers={"Retry-After": "60"})

    cloudwatch.says = [busy]
    started = asyncio.get_running_loop().time()
    reading = await first(a_broker(timeout=2), signed(backend, body=BODY.replace("$name", "v")))

    assert (reading.absent, "Rate exceeded" in reading.detail) == ("http-status", True)
    assert not fatal(reading)
    assert (len(backend.asked), asyncio.get_running_loop().time() - started < 1) == (1, True)


async def test_a_slow_answer_is_a_timeout(a_broker, backend, cloudwatch):
    async def slow():
        await asyncio.sleep(5)

    cloudwatch.says = [slow]

    assert (await first(a_broker(timeout=0.3), signed(backend))).absent == "timeout"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"accessKeyId": ACCESS}, "no key secretAccessKey"),
        ({**KEYS}, "names no region"),
    ],
)
async def test_what_the_secret_lacks_is_named_and_nothing_is_asked(
    a_broker, backend, secrets, keys, says
):
    secrets("ns/bare", **keys)
    reading = await first(a_broker(), signed(backend, secret="ns/bare"))

    assert (reading.absent, backend.asked) == ("unauthorized", [])
    assert says in reading.detail


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("monitoring.eu-west-1.amazonaws.com", "eu-west-1"),
        ("monitoring-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("monitoring.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("monitoring.ap-southeast-2.api.aws", "ap-southeast-2"),
        ("vpce-0a1b-2c3d.monitoring.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
        ("aps-workspaces.eu-west-1.amazonaws.com", "eu-west-1"),
        ("monitoring.amazonaws.com", "us-east-1"),
        ("monitoring.eu-west-1.amazonaws.com.evil.test", None),
        ("127.0.0.1", None),
        (None, None),
    ],
)
def test_the_region_is_that_of_the_host(host, region):
    assert region_in(host) == region


class TestTheChain:
    async def test_keys_come_from_the_environment(self, a_broker, backend, no_ambient_keys):
        no_ambient_keys.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        no_ambient_keys.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        no_ambient_keys.setenv("AWS_SESSION_TOKEN", TOKEN)
        no_ambient_keys.setenv("AWS_DEFAULT_REGION", "eu-north-1")
        cloudwatch = CloudWatch(backend, token=TOKEN)

        assert (await first(a_broker(), signed(backend, secret=None))).value == 1.0
        assert cloudwatch.scopes[0] == "eu-north-1/monitoring/aws4_request"

    async def test_no_keys_anywhere_say_where_they_were_looked_for(
        self, a_broker, backend, no_ambient_keys
    ):
        reading = await first(a_broker(), signed(backend, secret=None))

        assert (reading.absent, backend.asked) == ("unauthorized", [])
        assert "no credentials of AWS" in reading.detail

    async def test_a_role_is_assumed_with_a_web_identity(
        self, a_broker, backend, start_backend, no_ambient_keys, tmp_path
    ):
        sts = await start_backend()
        sts.say = lambda _: web.Response(text=assumed(SECRET, TOKEN), content_type="text/xml")
        (tmp_path / "jwt").write_text("the.projected.token")
        no_ambient_keys.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
        no_ambient_keys.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "jwt"))
        no_ambient_keys.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        no_ambient_keys.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        CloudWatch(backend, token=TOKEN)
        broker = a_broker()
        readings = [*await broker.read(questions(signed(backend, secret=None))),
                    await first(broker, signed(backend, secret=None))]  # fmt: skip

        assert [(r.value, r.detail) for r in readings] == [(1.0, None)] * 3
        assert (len(sts.asked), "the.projected.token" in sts.texts[0]) == (1, True)

    async def test_keys_that_ran_out_are_fetched_anew_once(
        self, a_broker, backend, start_backend, no_ambient_keys
    ):
        """A container's keys, as ECS and EKS Pod Identity hand them out."""
        metadata = await start_backend()
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        metadata.say = lambda _: web.json_response({
            "AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "Expiration": until,
            "Token": f"token-number-{len(metadata.asked)}",
        })  # fmt: skip
        no_ambient_keys.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata.url}/keys")
        no_ambient_keys.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        cloudwatch = CloudWatch(backend, token="token-number-1")
        broker = a_broker()
        before = await broker.read(questions(signed(backend, secret=None)))
        cloudwatch.token = "token-number-2"
        after = await broker.read(questions(signed(backend, secret=None)))

        assert [(r.value, r.detail) for r in (*before, *after)] == [(1.0, None)] * 4
        assert len(metadata.asked) == 2

    async def test_an_instance_has_the_keys_of_its_role(
        self, a_broker, backend, start_backend, no_ambient_keys
    ):
        """IMDSv2: a session by PUT, the name of the role, its keys."""
        imds, path = await start_backend(), "/latest/meta-data/iam/security-credentials/"
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        keys = {"Code": "Success", "AccessKeyId": ACCESS, "SecretAccessKey": SECRET,
                "Token": TOKEN, "Expiration": until}  # fmt: skip

        def say(request):
            if request.method == "PUT":
                return web.Response(text="session")
            if request.headers.get("x-aws-ec2-metadata-token") != "session":
                return web.Response(status=401)
            if request.path == path:
                return web.Response(text="reader")
            known = request.path == path + "reader"
            return web.json_response(keys) if known else web.Response(status=404)

        imds.say = say
        no_ambient_keys.delenv("AWS_EC2_METADATA_DISABLED")
        no_ambient_keys.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url + "/")
        no_ambient_keys.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        CloudWatch(backend, token=TOKEN)
        reading = await first(a_broker(), signed(backend, secret=None))

        assert (reading.value, reading.detail) == (1.0, None)

    async def test_a_metadata_server_that_hangs_is_a_timeout_and_stops_nobody(
        self, a_broker, backend, start_backend, no_ambient_keys
    ):
        hung = await start_backend()
        hung.say = lambda _: asyncio.sleep(30)
        no_ambient_keys.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{hung.url}/keys")
        no_ambient_keys.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        backend.answers(vector(5))
        started = asyncio.get_running_loop().time()
        readings = await a_broker(timeout=0.4).read(questions(signed(backend, secret=None)))

        assert {r.absent for r in readings} == {"timeout"}
        assert asyncio.get_running_loop().time() - started < 2


async def test_an_answer_or_a_log_never_shows_a_key(
    a_broker, backend, cloudwatch, secrets, caplog
):
    secrets("ns/aws", sessionToken=TOKEN)
    cloudwatch.token = TOKEN
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    cloudwatch.says = [failure("Odd", f"{SECRET} {TOKEN} {TOKEN[:-2]}%3D%3D")]
    reading = await first(a_broker(), signed(backend, body=BODY.replace("$name", "v")))
    request = await a_broker().requests.about(questions(signed(backend))[0])
    proof = await request.identity.signed(request)
    shown = reading.model_dump_json() + repr(request) + repr(proof) + caplog.text

    assert "***" in reading.detail
    assert SECRET not in shown
    assert TOKEN[:-2] not in shown


async def test_without_the_library_the_extra_is_named(
    a_broker, backend, cloudwatch, monkeypatch
):
    monkeypatch.setitem(sys.modules, "botocore", None)
    reading = await first(a_broker(), signed(backend))

    assert (reading.absent, backend.asked) == ("unauthorized", [])
    assert "crossfade[cloudwatch]" in reading.detail


async def test_a_cloudwatch_behind_somebody_elses_door_is_left_as_it_was(a_broker, backend):
    backend.answers({"v": 4})
    metric = a_metric(
        "m", provider="cloudwatch", urlTemplate=backend.url + "/proxy", jqExpression=".v"
    )

    assert (await first(a_broker(), metric)).value == 4.0
    assert (backend.asked[0].method, backend.asked[0].path) == ("GET", "/proxy")


@pytest.mark.parametrize("refusal", [cloudwatch_says_no.refusal, google_says_no.refusal])
@given(status=st.sampled_from([200, 400, 403, 503]), said=JSON)
def test_whatever_json_comes_saying_no_breaks_nothing(refusal, status, said):
    found = refusal(status, json.dumps(said), None)

    assert found is None or isinstance(found, NoValue)


async def test_amazons_own_prometheus_is_asked_again_when_busy(a_broker, backend, secrets):
    secrets("ns/aws", **KEYS, **REGION)
    cloudwatch = CloudWatch(backend)
    cloudwatch.says = [web.Response(status=429), vector(2.5)]
    metric = signed(backend, provider="prometheus", body=None, jqExpression=FIRST,
                    params=[{"name": "query", "value": "up"}])  # fmt: skip

    assert (await first(a_broker(timeout=3), metric)).value == 2.5


async def test_amazons_own_prometheus_is_signed_too(a_broker, backend, secrets):
    secrets("ns/aws", **KEYS, **REGION)
    cloudwatch = CloudWatch(backend)
    cloudwatch.says = [vector(2.5)]
    query = [{"name": "query", "value": "sum(x{v=~'$name', p=\"/a b+c*\"}[${elapsedTime}s])"}]
    metric = a_metric("m", provider="prometheus", authType="SigV4", secret="ns/aws",
                      urlTemplate=backend.url + "/workspaces/ws-1/api/v1/query", params=query,
                      headerTemplates=[{"name": "X-Amz-Target", "value": "none"}],
                      jqExpression=".data.result[0].value[1] | tonumber")  # fmt: skip

    assert (await first(a_broker(), metric)).value == 2.5
    assert set(cloudwatch.scopes) == {"eu-west-1/aps/aws4_request"}
    assert backend.asked[0].query["query"] == "sum(x{v=~'v1', p=\"/a b+c*\"}[10s])"


def assumed(secret, token):
    """The answer of STS to AssumeRoleWithWebIdentity."""
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult><Credentials>
        <AccessKeyId>{ACCESS}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
        <SessionToken>{token}</SessionToken><Expiration>{until}</Expiration>
      </Credentials></AssumeRoleWithWebIdentityResult>
      <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
    </AssumeRoleWithWebIdentityResponse>"""
