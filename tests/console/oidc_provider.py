"""An OpenID Connect provider in miniature: real keys, real HTTP, nobody behind it."""

import base64
import functools
import hashlib
import time

import pytest
from aiohttp import web
from pydantic import SecretStr

pytest.importorskip("authlib", reason="the extra crossfade[oidc] is not installed")
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "console", "p w:d"
ADA = {"sub": "42", "email": "ada@example.com", "email_verified": True, "groups": ["ml"]}


@functools.cache
def a_key(kid, of=""):
    """A real key, made once; `of` tells two of one id apart."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class Provider:
    """Discovery, authorize, token, userinfo and keys, as OpenID Connect describes them.

    `claims` are those of whoever signs in; `altered` overrides claims of the next identity token.
    """

    def __init__(self):
        self.keys = KeySet([a_key("one")])
        self.signer = self.keys.keys[0]
        self.claims, self.altered, self.info = dict(ADA), {}, None
        self.codes, self.token_calls, self.key_calls = {}, [], 0
        self.ways = ["client_secret_basic"]
        self.algorithm = "RS256"
        self.issuer, self.asks = "", False

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/token", self.token)
        app.router.add_get("/userinfo", self.userinfo)
        app.router.add_get("/jwks", self.jwks)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.issuer = self.url
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    async def discovery(self, request):
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": self.ways,
        }
        if self.info is not None:
            told["userinfo_endpoint"] = f"{self.url}/userinfo"
        return web.json_response(told)

    async def authorize(self, request):
        query = dict(request.query)
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        back = f"{query['redirect_uri']}?code={code}&state={query['state']}&iss={self.issuer}"
        if self.asks:
            link = f'<a id="yes" href="{back}">It is me</a>'
            return web.Response(text=link, content_type="text/html")
        return web.Response(status=302, headers={"Location": back})

    async def token(self, request):
        form = dict(await request.post())
        self.token_calls.append((request.headers.get("Authorization"), form))
        asked = self.codes.pop(form.get("code"), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return web.json_response(
                {"error": "invalid_grant", "error_description": "no such code"}, status=400
            )
        if form["redirect_uri"] != asked["redirect_uri"] or not self.trusted(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= self.claims | {"nonce": asked["nonce"]} | self.altered
        header = {"alg": self.algorithm, "kid": self.signer.kid}
        token = jwt.encode(header, claims, self.signer, algorithms=[self.algorithm])
        return web.json_response(
            {"access_token": "at", "token_type": "Bearer", "id_token": token}
        )

    def trusted(self, request, form):
        if "client_secret_basic" in self.ways:
            pair = base64.b64decode(request.headers["Authorization"].split()[1]).decode()
            return pair == "console:p%20w%3Ad"
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)

    async def userinfo(self, request):
        assert request.headers["Authorization"] == "Bearer at"
        return web.json_response(self.info)

    async def jwks(self, request):
        self.key_calls += 1
        return web.json_response(self.keys.as_dict(private=False))

    def settings(self):
        """Those of a console at which its people may act."""
        return {
            "oidc_issuer": self.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_emails": ("*@example.com",),
        }
