"""Every Metric of docs/how-to/providers, taken from its page, against its vendor's answers."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
import yaml
from tests.collector import amazon, google_cloud
from tests.collector.builders import vector
from tests.collector.test_readings import first

from crossfade.errors import Malformed
from crossfade.resources import parse_metric
from crossfade.resources.identities import misidentified

PAGES = Path(__file__).parents[2] / "docs/how-to/providers"
VARIABLES = [{"name": "revision", "value": "sample-v1"}, {"name": "account", "value": "42"}]
KEYS = {
    "username": "user",
    "password": "pass-word",
    "token": "tok-en",
    "userKey": "user-key",
    "apiKey": "api-key",
    "appKey": "app-key",
    "accessKeyId": "AKIDEXAMPLE",
    "secretAccessKey": "secret-access-key",
    "region": "eu-west-1",
}


@dataclass
class Case:
    page: str
    status: int
    answer: object
    expected: object
    says: str = ""

    def __str__(self):
        return f"{self.page}-{self.status}-{self.expected}"


def nerdgraph(results):
    return {"data": {"actor": {"account": {"nrql": {"results": results}}}}}


def shards(failed, value):
    return {
        "took": 4,
        "timed_out": False,
        "_shards": {"total": 3, "successful": 3 - failed, "skipped": 0, "failed": failed},
        "hits": {"total": {"value": 6, "relation": "eq"}, "max_score": None, "hits": []},
        "aggregations": {"avg_sales": {"value": value}},
    }


def datadog(*series):
    return {
        "status": "ok",
        "res_type": "time_series",
        "resp_version": 1,
        "query": "sum:trace.http.request.hits{*}.as_count()",
        "from_date": 1700000000000,
        "to_date": 1700000010000,
        "series": list(series),
        "values": [],
        "times": [],
        "message": "",
        "group_by": [],
    }


POINTS = {"metric": "hits", "pointlist": [[1700000000000.0, 30.0], [1700000005000.0, 12.5]]}
GAPS = {"metric": "hits", "pointlist": [[1700000000000.0, None], [1700000005000.0, 12.5]]}

CASES = [
    Case("prometheus", 200, vector("21.7639"), 21.7639),
    Case("prometheus", 200, vector(None), "empty-result"),
    Case("prometheus", 401, b"Unauthorized", "unauthorized"),
    Case(
        "prometheus",
        400,
        {"status": "error", "errorType": "bad_data", "error": "1:5: parse error"},
        "http-status",
        "parse error",
    ),
    Case(
        "prometheus",
        503,
        {"status": "error", "errorType": "timeout", "error": "query timed out"},
        "http-status",
        "timed out",
    ),
    Case("datadog", 200, datadog(POINTS), 42.5),
    Case("datadog", 200, datadog(GAPS), 12.5),
    Case("datadog", 200, datadog(), "empty-result"),
    Case(
        "datadog",
        200,
        {"status": "error", "error": "Unable to parse query"},
        "jq-error",
        "Unable to parse",
    ),
    Case("datadog", 400, {"errors": ["Missing required parameter"]}, "http-status", "Missing"),
    Case("datadog", 403, {"errors": ["Forbidden"]}, "unauthorized", "Forbidden"),
    Case(
        "datadog",
        429,
        {"errors": ["Rate limit of 300 requests in 3600 seconds reached"]},
        "http-status",
        "Rate limit",
    ),
    Case("newrelic", 200, nerdgraph([{"value": 80275388}]), 80275388.0),
    Case("newrelic", 200, nerdgraph([{"value": None}]), "empty-result"),
    Case("newrelic", 200, nerdgraph([]), "empty-result"),
    Case(
        "newrelic",
        200,
        {"data": {"actor": {"account": None}}, "errors": [{"message": "NRQL Syntax Error"}]},
        "jq-error",
        "NRQL Syntax Error",
    ),
    Case(
        "newrelic", 401, {"errors": [{"message": "Invalid API key"}]}, "unauthorized", "Invalid"
    ),
    Case(
        "newrelic",
        429,
        {"errors": [{"message": "Too many requests"}]},
        "http-status",
        "Too many",
    ),
    Case(
        "sysdig",
        200,
        {"data": [{"t": 1582756200, "d": [6.481]}], "start": 1582755600, "end": 1582756200},
        6.481,
    ),
    Case("sysdig", 200, {"data": [], "start": 1582755600, "end": 1582756200}, "empty-result"),
    Case("sysdig", 401, b"", "unauthorized"),
    Case(
        "sysdig",
        422,
        {"errors": [{"reason": "Invalid metric", "message": "Unknown metric id"}]},
        "http-status",
        "Unknown metric",
    ),
    Case(
        "sysdig", 429, {"errors": [{"reason": "Too many requests"}]}, "http-status", "Too many"
    ),
    Case("elastic", 200, shards(0, 128.33333333333334), 128.33333333333334),
    Case("elastic", 200, shards(0, None), "empty-result"),
    Case("elastic", 200, shards(1, 100.0), "jq-error", "1 shards failed"),
    Case(
        "elastic",
        401,
        {"error": {"type": "security_exception"}, "status": 401},
        "unauthorized",
        "security",
    ),
    Case(
        "elastic",
        404,
        {"error": {"type": "index_not_found_exception"}, "status": 404},
        "http-status",
        "index",
    ),
    Case(
        "elastic",
        429,
        {"error": {"type": "circuit_breaking_exception"}, "status": 429},
        "http-status",
        "circuit_breaking",
    ),
    Case(
        "influxdb",
        200,
        {
            "results": [
                {
                    "statement_id": 0,
                    "series": [
                        {
                            "name": "requests",
                            "columns": ["time", "sum"],
                            "values": [["2026-03-01T12:00:00Z", 93]],
                        }
                    ],
                }
            ]
        },
        93.0,
    ),
    Case("influxdb", 200, {"results": [{"statement_id": 0}]}, "empty-result"),
    Case(
        "influxdb",
        200,
        {"results": [{"statement_id": 0, "error": "database not found: web"}]},
        "jq-error",
        "database not found",
    ),
    Case(
        "influxdb",
        400,
        {"error": "error parsing query: found SUMM"},
        "http-status",
        "error parsing",
    ),
    Case(
        "influxdb",
        401,
        {"error": "authorization failed"},
        "unauthorized",
        "authorization failed",
    ),
    Case(
        "influxdb",
        429,
        {"code": "too many requests", "message": "org has exceeded limited"},
        "http-status",
        "exceeded",
    ),
    Case(
        "graphite",
        200,
        [
            {
                "target": "sumSeries(web)",
                "tags": {},
                "datapoints": [[4.0, 1700000000], [None, 1700000010], [7.0, 1700000020]],
            }
        ],
        11.0,
    ),
    Case("graphite", 200, [], "empty-result"),
    Case(
        "graphite",
        200,
        [{"target": "sumSeries(web)", "datapoints": [[None, 1700000000]]}],
        "empty-result",
    ),
    Case("graphite", 400, b"Invalid target", "http-status", "Invalid target"),
    Case("graphite", 503, b"<html>busy</html>", "http-status", "busy"),
]

CASES += [
    Case("google", 200, vector("21.7639"), 21.7639),
    Case("google", 200, vector(None), "empty-result"),
    Case("google", 400, {"status": "error", "error": "parse error"}, "http-status", "parse"),
    Case("google", 403, google_cloud.said(403, "PERMISSION_DENIED"), "unauthorized", "PERM"),
    Case("google", 429, google_cloud.said(429, "RESOURCE_EXHAUSTED"), "http-status", "429"),
    Case("google-timeseries", 200, google_cloud.series("30", "12", kind="int64Value"), 42.0),
    Case("google-timeseries", 200, google_cloud.series(), "empty-result"),
    Case(
        "google-timeseries",
        200,
        google_cloud.series("1", kind="int64Value", nextPageToken="more"),
        "http-status",
        "first page",
    ),
    Case("google-timeseries", 503, google_cloud.said(503, "UNAVAILABLE"), "http-status", "503"),
    Case("cloudwatch", 200, amazon.answer(amazon.result(30.0, 12.5)), 42.5),
    Case("cloudwatch", 200, amazon.answer(amazon.result()), "empty-result"),
    Case(
        "cloudwatch", 200, amazon.answer(amazon.result(1.0, code="PartialData")), "http-status"
    ),
    Case("cloudwatch", 400, {"__type": "ThrottlingException"}, "http-status", "throttled"),
    Case("cloudwatch", 403, {"__type": "ExpiredTokenException"}, "unauthorized", "Expired"),
]

ASKED = {
    "google": (
        "GET",
        "/v1/projects/my-project/location/global/prometheus/api/v1/query",
        "revision='sample-v1'}[10s]",
        "Bearer ya29.token-number-1",
    ),
    "google-timeseries": (
        "GET",
        "/v3/projects/my-project/timeSeries",
        "2026-03-01T11:59:50Z",
        "Bearer ya29.token-number-1",
    ),
    "cloudwatch": ("POST", "/", '"Value": "sample-v1"', "application/x-amz-json-1.0"),
    "prometheus": (
        "GET",
        "/api/v1/query",
        "revision='sample-v1'}[10s]",
        "Basic dXNlcjpwYXNzLXdvcmQ=",
    ),
    "datadog": ("GET", "/api/v1/query", "{version:sample-v1}", "api-key"),
    "newrelic": ("POST", "/graphql", "SINCE 10 seconds ago", "user-key"),
    "sysdig": ("POST", "/api/data", '"last": 10', "Bearer tok-en"),
    "elastic": ("POST", "/sales/_search", "now-10s", "Basic dXNlcjpwYXNzLXdvcmQ="),
    "influxdb": ("GET", "/query", "now() - 10s", "Token tok-en"),
    "graphite": ("GET", "/render", "web.sample-v1.*", ""),
}


def written_on(page):
    (block,) = re.findall(r"```yaml\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL)
    return yaml.safe_load(block)


@pytest.fixture
async def vendor(start_backend, a_broker, certificate, secrets):
    """Stands in for the vendor of a page: its server, its keys, a broker that finds it."""

    async def make(page, answer=None, status=200):
        google = page.startswith("google")
        tokens = google_cloud.Tokens(await start_backend()) if google else None
        key = {"serviceAccount": google_cloud.service_account(tokens.uri)} if google else {}
        metric = written_on(page)
        secrets(metric["spec"].get("secret", "metrics/none"), **KEYS, **key)
        backend = await start_backend(certificate[1] if google else None)
        if answer is not None:
            backend.answers(answer, status=status)
        if not google:
            return backend, a_broker(), aimed_at(backend, metric)
        secrets("ns/ca", ca__crt=certificate[0])
        metric["metadata"]["namespace"] = "ns"
        metric["spec"]["tls"] = {"caSecret": "ns/ca"}
        there = {google_cloud.HOST: f"127.0.0.1:{backend.port}"}
        return backend, a_broker(connect_to=there), metric

    return make


def aimed_at(backend, metric):
    """A page's Metric, with only scheme and host of its address replaced."""
    url = urlsplit(metric["spec"]["urlTemplate"])
    host = f"127.0.0.1:{backend.port}"
    metric["spec"]["urlTemplate"] = url._replace(scheme="http", netloc=host).geturl()
    metric["metadata"]["namespace"] = "ns"
    return metric


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_answer_of_the_vendor_is_read_as_the_page_says(vendor, case):
    _, broker, metric = await vendor(case.page, case.answer, case.status)
    reading = await first(broker, metric, variables=VARIABLES)

    assert (reading.value if reading.absent is None else reading.absent) == case.expected
    assert case.says in (reading.detail or "")


@pytest.mark.parametrize("page", sorted(ASKED))
async def test_the_vendor_is_asked_as_it_documents(vendor, page):
    backend, broker, metric = await vendor(page)
    await first(broker, metric, variables=VARIABLES)
    method, path, query, credential = ASKED[page]
    request, text = backend.asked[0], backend.texts[0]

    assert (request.method, request.path) == (method, path)
    assert query in (text or " ".join(request.query.values()))
    assert credential in request.headers.values() or not credential
    assert not text or orjson.loads(text)
    assert "${" not in str(request.url) + text


def test_datadog_is_given_the_span_in_epochs(backend):
    params = {p["name"]: p["value"] for p in written_on("datadog")["spec"]["params"]}

    assert (params["from"], params["to"]) == ("${startEpoch}", "${nowEpoch}")


def test_every_page_is_tested_and_linked():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    index = (PAGES / "README.md").read_text()

    assert pages == set(ASKED) == {case.page for case in CASES}
    assert all(f"({page}.md)" in index for page in pages)


@pytest.mark.parametrize("page", sorted(ASKED))
def test_every_metric_is_admitted(page):
    try:
        metric = parse_metric(written_on(page))
        assert metric.spec.provider == page.partition("-")[0]
        assert list(misidentified(metric.spec, "spec")) == []
    except Malformed as refused:
        pytest.fail(str(refused))
