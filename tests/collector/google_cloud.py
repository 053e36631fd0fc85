"""Google's token endpoint, metadata server and Monitoring API on loopback, as documented."""

import base64
import json
from urllib.parse import parse_qs

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HOST = "monitoring.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
AUDIENCE = "https://oauth2.googleapis.com/token"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account(token_uri, **more):
    """A key file as `gcloud iam service-accounts keys create` writes it."""
    pem = PRIVATE.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps({
        "type": "service_account", "project_id": "p", "private_key_id": "k1",
        "private_key": pem.decode(), "client_email": "reader@p.iam.gserviceaccount.com",
        "client_id": "1", "token_uri": token_uri, **more,
    })  # fmt: skip


def failure(code, status, message):
    """An answer that is an error."""
    return web.json_response(said(code, status, message), status=code)


def said(code, status, message="no"):
    """An error as Google's APIs have it."""
    return {"error": {"code": code, "message": message, "status": status}}


def series(*values, kind="doubleValue", end="2026-03-01T12:00:00Z", **more):
    """An answer of timeSeries.list with one series, newest point first."""
    points = [
        {"interval": {"startTime": end, "endTime": end}, "value": {kind: v}} for v in values
    ]
    found = [{"metric": {"type": "custom.googleapis.com/hits"}, "resource": {"type": "global"},
              "metricKind": "DELTA", "valueType": "DOUBLE", "points": points}]  # fmt: skip
    return ({"timeSeries": found} if values else {}) | {"unit": "1"} | more


class Tokens:
    """Gives one token after the other, to whoever signs with the right key for the right scope."""

    def __init__(self, backend, seconds=3600):
        self.backend, self.seconds, self.given = backend, seconds, []
        self.say = None
        backend.say = self.serve

    @property
    def uri(self):
        return f"{self.backend.url}/token"

    async def serve(self, request):
        if self.say is not None:
            return await self.say(request)
        form = parse_qs(self.backend.texts[-1])
        head, body, signature = form["assertion"][0].split(".")
        PRIVATE.public_key().verify(
            unpadded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        claims = json.loads(unpadded(body))
        if (claims["aud"], claims["scope"]) != (AUDIENCE, SCOPE):
            return web.json_response({"error": "invalid_scope"}, status=400)
        return self.token()

    def token(self):
        self.given.append(f"ya29.token-number-{len(self.given) + 1}")
        said = {
            "access_token": self.given[-1],
            "expires_in": self.seconds,
            "token_type": "Bearer",
        }
        return web.json_response(said)


class Monitoring:
    """Answers what `says` holds to the newest token, one by one, the last for ever."""

    def __init__(self, backend, tokens, says):
        self.tokens, self.says, self.bearers = tokens, says, []
        backend.say = self.serve

    async def serve(self, request):
        self.bearers.append(request.headers.get("Authorization", ""))
        if self.bearers[-1] != f"Bearer {self.tokens.given[-1]}":
            return failure(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if callable(said):
            return await said()
        return web.json_response(said) if isinstance(said, dict) else said


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
