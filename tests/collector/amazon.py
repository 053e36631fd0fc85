"""A CloudWatch on loopback that checks what it is asked with botocore's own model and signer."""

import json
from datetime import UTC, datetime

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.session import Session
from botocore.validate import ParamValidator

ACCESS, SECRET, TOKEN = (
    "AKIDEXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "FwoGZXIvYXdzEXAMPLE==",
)
MODEL = Session().get_service_model("cloudwatch").operation_model("GetMetricData")


def result(*values, code="Complete", at=None, **more):
    """One result of GetMetricData, newest point first, one a minute."""
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp() if at is None else at
    times = [at - 60.0 * i for i in range(len(values))]
    return {"Id": "hits", "Label": "hits", "Timestamps": times, "Values": list(values),
            "StatusCode": code, **more}  # fmt: skip


def answer(*results, **more):
    """An answer of GetMetricData; botocore itself has to understand it."""
    said = {"MetricDataResults": list(results), "Messages": [], **more}
    parsed = create_parser("json").parse(
        {"status_code": 200, "headers": {}, "body": json.dumps(said).encode()},
        MODEL.output_shape,
    )
    assert len(parsed["MetricDataResults"]) == len(results)
    return said


def failure(name, message="no", status=400, headers=None):
    """An error as AWS's JSON protocol has it."""
    said = {"__type": f"com.amazon.coral.service#{name}", "message": message}
    return web.json_response(said, status=status, headers=headers,
                             content_type="application/x-amz-json-1.0")  # fmt: skip


def recomputed(request, text, secret, token):
    """The signature that a request must have, by botocore, from what came over the wire."""
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    _, _, region, service, _ = told["Credential"].split("/")
    names = told["SignedHeaders"].split(";")
    sent = {name: request.headers[name] for name in names}
    proof = AWSRequest(
        request.method, f"http://{request.host}{request.raw_path}", sent, text.encode()
    )
    proof.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(ACCESS, secret, token), service, region)
    wanted = signer.signature(
        signer.string_to_sign(proof, signer.canonical_request(proof)), proof
    )
    assert scheme == "AWS4-HMAC-SHA256"
    return told, wanted


class CloudWatch:
    """Answers what `says` holds, one by one, the last for ever; refuses a wrong signature."""

    def __init__(self, backend, secret=SECRET, token=None):
        self.backend, self.secret, self.token = backend, secret, token
        self.says = [answer(result(1.0))]
        self.scopes, self.problems = [], []
        backend.say = self.serve

    async def serve(self, request):
        text = self.backend.texts[-1]
        token = request.headers.get("X-Amz-Security-Token")
        told, wanted = recomputed(request, text, self.secret, token)
        if told["Signature"] != wanted:
            return failure("InvalidSignatureException", "does not match", 403)
        if token != self.token:
            return failure("ExpiredTokenException", "the security token is expired", 403)
        self.scopes.append("/".join(told["Credential"].split("/")[2:]))
        if request.headers.get("X-Amz-Target") == "GraniteServiceVersion20100801.GetMetricData":
            found = ParamValidator().validate(json.loads(text), MODEL.input_shape)
            self.problems.append(found.generate_report())
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if callable(said):
            return await said()
        return web.json_response(said) if isinstance(said, dict) else said
