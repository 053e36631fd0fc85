"""The API answers as its own description says: status, kind of content, and shape."""

import re

import jsonschema
import pytest
from pydantic import SecretStr

from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun, iris_document
from crossfade_console.openapi import document

ONE = f"/api/experiments/{NAMESPACE}/{NAME}"
NOBODY = "/api/experiments/default/nobody"
BEARER = {"Authorization": "Bearer open-sesame"}
ABORT = {"verb": "abort", "confirm": True}
WHOLE = document("1")

ASKED = [
    ("get", "/api/experiments", {}, 200),
    ("get", "/api/experiments?phase=running&namespace=nowhere", {}, 200),
    ("get", ONE, {}, 200),
    ("get", f"{ONE}?uid={UID}", {}, 200),
    ("get", f"{ONE}?uid=other", {}, 404),
    ("get", NOBODY, {}, 404),
    ("get", f"{ONE}/log", {}, 200),
    ("get", f"{ONE}/log?id={UID}/1/metric-sample", {}, 200),
    ("get", f"{ONE}/log?id=nothing", {}, 404),
    ("get", f"{ONE}/log?id=", {}, 404),
    ("get", f"{NOBODY}/log", {}, 404),
    ("get", f"{NOBODY}/events", {}, 404),
    ("get", f"{ONE}/document", {}, 200),
    ("get", f"{ONE}/document?form=yaml", {}, 200),
    ("get", f"{ONE}/document?form=toml", {}, 422),
    ("get", f"{NOBODY}/document", {}, 404),
    ("get", f"{ONE}/warnings", {}, 200),
    ("get", f"{NOBODY}/warnings", {}, 404),
    ("get", f"{NOBODY}/replay", {}, 404),
    ("get", f"{ONE}/replay?limit=nonsense", {}, 422),
    ("post", f"{ONE}/replay", {"data": b"{"}, 400),
    ("post", f"{ONE}/replay", {"json": []}, 400),
    ("post", f"{ONE}/replay", {"json": {"change": 7}}, 422),
    ("post", f"{ONE}/actions", {"json": ABORT}, 401),
    ("post", f"{ONE}/actions", {"json": ABORT, "headers": BEARER}, 202),
    ("post", f"{NOBODY}/actions", {"json": ABORT, "headers": BEARER}, 404),
    ("post", f"{ONE}/actions", {"data": b"\xff", "headers": BEARER}, 400),
    ("post", f"{ONE}/actions", {"json": "abort", "headers": BEARER}, 400),
    ("post", f"{ONE}/actions", {"json": {"verb": "fly"}, "headers": BEARER}, 422),
    ("post", f"{ONE}/actions", {"json": {"verb": ["abort"]}, "headers": BEARER}, 422),
    ("post", f"{ONE}/actions", {"json": ABORT | {"expected": 7}, "headers": BEARER}, 202),
    ("post", f"{ONE}/actions", {"json": ABORT | {"uid": "x"}, "headers": BEARER}, 409),
    ("post", f"{ONE}/actions", {"json": ABORT | {"confirm": "yes"}, "headers": BEARER}, 422),
]


def described(method, path):
    """What the description says of an operation, found by a path with its names filled in."""
    for template, item in WHOLE["paths"].items():
        pattern = re.sub(r"{\w+}", "[^/]+", template)
        if re.fullmatch(pattern, path):
            return item[method]["responses"]
    raise AssertionError(path)


def checked(body, schema):
    """Raises where a body has not the shape, references resolved within the description."""
    whole = schema | {"components": WHOLE["components"]}
    jsonschema.Draft202012Validator(whole).validate(body)


@pytest.mark.parametrize(("method", "address", "sent", "status"), ASKED)
async def test_an_answer_is_one_that_the_description_has(
    client, tell, method, address, sent, status
):
    await tell(IrisRun().events(upto=2))
    answer = await client.request(method, address, **sent)
    said = described(method, address.partition("?")[0])
    assert answer.status == status
    content = said[str(status)]["content"]

    assert answer.content_type in content
    if answer.content_type == "application/json":
        checked(await answer.json(), content["application/json"]["schema"])


async def test_every_row_and_stream_has_its_shape(make, run_console, tell):
    async with run_console(make(token=SecretStr("open-sesame"))) as console:
        await tell([*IrisRun().events(), *IrisRun(name="b", uid="b").events(upto=0)])
        import aiohttp

        async with aiohttp.ClientSession(console.url) as client:
            rows = (await (await client.get("/api/experiments")).json())["experiments"]
            async with client.get("/api/events") as stream:
                kind = stream.content_type

    assert len(rows) == 2
    for row in rows:
        checked(row, {"$ref": "#/components/schemas/Row"})
    assert kind in described("get", "/api/events")["200"]["content"]


async def test_lint_speaks_of_the_document_that_judges(client, tell):
    run = IrisRun()
    events = run.events(upto=1)
    body = iris_document()
    body["metrics"][0]["spec"] = {
        "provider": "prometheus",
        "urlTemplate": "http://prometheus:9090/api/v1/query",
        "jqExpression": ".data.result[0].value[1] | tonumber",
        "params": [
            {"name": "query", "value": "sum(rate(request_seconds_sum[30s])) or vector(0)"}
        ],
    }
    await tell(
        [
            (at, e.model_copy(update={"document": body}) if getattr(e, "document", None) else e)
            for at, e in events
        ]
    )
    found = (await (await client.get(f"{ONE}/warnings")).json())["warnings"]

    assert "absence-as-zero" in {w["code"] for w in found}, found
