"""Signing in at an OpenID Connect provider: authorization code with PKCE, state and nonce.

Authlib speaks the protocol's forms and judges the identity token; aiohttp carries them. Sources:
OpenID Connect Core 1.0 §3.1 and Discovery 1.0 §4, RFC 7636 (PKCE), RFC 9207 (issuer in answers).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from crossfade.errors import Missing, Unreachable
from crossfade.settings import ConsoleSettings
from crossfade_console.flows import Flow
from crossfade_console.identities import Refused, UnknownKey, allowed, judged

CALL_SECONDS = 5.0
LARGEST_ANSWER = 1 << 20
KNOWN_SECONDS = 3600.0
"""How long what a provider says of itself is believed."""


def require_library() -> None:
    """Raises Missing without Authlib."""
    if find_spec("authlib") is None:
        raise Missing(
            "console.oidc_issuer is set; right would be `pip install crossfade[oidc]`"
        )


@dataclass(slots=True)
class Provider:
    """One provider, as its discovery document tells it; asked anew every hour."""

    settings: ConsoleSettings
    clock: Callable[[], float] = time.time
    _told: dict[str, Any] = field(default_factory=dict, init=False)
    _keys: dict[str, Any] = field(default_factory=dict, init=False)
    _until: float = field(default=0.0, init=False)

    async def address(self, flow: Flow) -> str:
        """Where to send somebody. Raises Unreachable, Refused."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        async with _session() as session:
            told = await self._discovered(session)
        address: str = prepare_grant_uri(
            told["authorization_endpoint"],
            client_id=self.settings.oidc_client_id,
            response_type="code",
            redirect_uri=flow.redirect,
            scope=self.settings.oidc_scopes,
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return address

    async def who(self, flow: Flow, code: str, issuer: str = "") -> str:
        """The name of whoever comes back with a code. Raises Refused, Unreachable."""
        if issuer and issuer != self.settings.oidc_issuer:
            raise Refused("The answer comes from another provider than it was asked of.")
        async with _session() as session:
            told = await self._discovered(session)
            token = await self._exchanged(session, told, flow, code)
            claims = await self._judged(session, told, flow, token)
            claims = await self._completed(session, told, claims, token)
        return allowed(self.settings, claims)

    async def _discovered(self, session: aiohttp.ClientSession) -> Mapping[str, Any]:
        if self.clock() < self._until:
            return self._told
        issuer = self.settings.oidc_issuer or ""
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        told = await _json(session, "GET", address)
        if told.get("issuer") != issuer:
            found = f"found {told.get('issuer')!r}, expected {issuer!r}"
            raise Refused(
                f"The provider calls itself otherwise: {found} (console.oidc_issuer)."
            )
        lacks = [
            n
            for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if not told.get(n)
        ]
        if lacks:
            raise Refused(f"The provider's discovery document lacks {', '.join(lacks)}.")
        self._told, self._keys = told, {}
        self._until = self.clock() + KNOWN_SECONDS
        return told

    async def _exchanged(
        self, session: aiohttp.ClientSession, told: Mapping[str, Any], flow: Flow, code: str
    ) -> Mapping[str, Any]:
        """The tokens for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect,
            "code_verifier": flow.verifier,
        }
        headers = {"Accept": "application/json"}
        secret = self.settings.oidc_client_secret
        client = self.settings.oidc_client_id or ""
        ways = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret is None:
            form["client_id"] = client
        elif "client_secret_basic" in ways:
            headers["Authorization"] = _basic(client, secret.get_secret_value())
        else:
            form |= {"client_id": client, "client_secret": secret.get_secret_value()}
        token = await _json(session, "POST", told["token_endpoint"], data=form, headers=headers)
        if not isinstance(token.get("id_token"), str):
            raise Refused("The provider gave no identity token; is `openid` among the scopes?")
        return token

    async def _judged(
        self,
        session: aiohttp.ClientSession,
        told: Mapping[str, Any],
        flow: Flow,
        token: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """The claims of an identity token; keys are asked for again where none fits."""
        now = int(self.clock())
        if self._keys:
            with suppress(UnknownKey):
                return judged(self.settings, told, self._keys, flow.nonce, token, now)
        self._keys = await _json(session, "GET", told["jwks_uri"])
        return judged(self.settings, told, self._keys, flow.nonce, token, now)

    async def _completed(
        self,
        session: aiohttp.ClientSession,
        told: Mapping[str, Any],
        claims: Mapping[str, Any],
        token: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """The claims with those of the userinfo endpoint, where the lists need more of them."""
        wanted = ["email"] if self.settings.oidc_emails else []
        wanted += [self.settings.oidc_groups_claim] if self.settings.oidc_groups else []
        endpoint, access = told.get("userinfo_endpoint"), token.get("access_token")
        if all(name in claims for name in wanted) or not endpoint or not access:
            return claims
        bearer = {"Authorization": f"Bearer {access}"}
        more = await _json(session, "GET", endpoint, headers=bearer)
        if more.get("sub") != claims["sub"]:
            raise Refused("The provider's userinfo is about somebody else (sub).")
        return {**more, **claims}


def _basic(client: str, secret: str) -> str:
    """An Authorization header; id and secret percent-encoded first, by RFC 6749 §2.3.1."""
    pair = f"{quote(client, '')}:{quote(secret, '')}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))


async def _json(
    session: aiohttp.ClientSession, method: str, address: str, **how: Any
) -> dict[str, Any]:
    """An object that the provider answers with. Raises Unreachable, Refused with its words."""
    try:
        async with session.request(method, address, allow_redirects=False, **how) as answer:
            body = await answer.content.read(LARGEST_ANSWER)
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unreachable(
            f"The provider does not answer: {error or type(error).__name__}."
        ) from error
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if status >= 400 or not isinstance(found, dict):
        told = found if isinstance(found, dict) else {}
        why = (
            told.get("error_description")
            or told.get("error")
            or f"HTTP {status}, no JSON object"
        )
        raise Refused(f"The provider refuses: {str(why)[:200]}.")
    return found
