"""Who somebody is: an identity token judged, and its claims held against the lists.

Source: OpenID Connect Core 1.0 §3.1.3.7. The signature is a key's of the provider, never `none`,
never a shared secret's; Authlib judges issuer, audience, time, nonce and access-token hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from crossfade.errors import Permanent
from crossfade.settings import ConsoleSettings

if TYPE_CHECKING:
    from joserfc.jwk import KeySetSerialization
    from joserfc.jwt import Token

LEEWAY_SECONDS = 60
SIGNED_BY = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
LONGEST_NAME = 80


class Refused(Permanent):
    """Somebody may not sign in, or not like this."""


class UnknownKey(Refused):
    """The identity token is signed with a key that the provider does not publish."""


def judged(
    settings: ConsoleSettings,
    told: Mapping[str, Any],
    keys: Mapping[str, Any],
    nonce: str,
    token: Mapping[str, Any],
    now: int,
) -> Mapping[str, Any]:
    """The claims of a token answer's identity token. Raises UnknownKey, Refused.

    `told` is the provider's discovery document, `keys` its JWK set, `now` in seconds since 1970.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError

    asked = {"nonce": nonce, "client_id": settings.oidc_client_id}
    asked["access_token"] = token.get("access_token")
    must = {
        "iss": {"essential": True, "value": settings.oidc_issuer},
        "aud": {"essential": True, "value": settings.oidc_client_id},
    }
    try:
        decoded = _decoded(told, keys, token["id_token"])
        claims = CodeIDToken(decoded.claims, decoded.header, must, asked)
        claims.validate(now=now, leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused(_wrong(error)) from error
    return dict(claims)


def _decoded(told: Mapping[str, Any], keys: Mapping[str, Any], text: str) -> Token:
    from joserfc import jwt
    from joserfc.errors import BadSignatureError, InvalidKeyIdError
    from joserfc.jwk import KeySet
    from joserfc.jws import JWSRegistry

    offered = told.get("id_token_signing_alg_values_supported") or ["RS256"]
    algorithms = [name for name in offered if name in SIGNED_BY]
    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    published = KeySet.import_key_set(cast("KeySetSerialization", keys))
    try:
        return jwt.decode(text, published, registry=registry)
    except (BadSignatureError, InvalidKeyIdError) as error:
        raise UnknownKey from error


def allowed(settings: ConsoleSettings, claims: Mapping[str, Any]) -> str:
    """The name under which somebody on a list acts. Raises Refused for anybody else."""
    email = str(claims.get("email") or "").lower()
    verified = claims.get("email_verified") in (True, "true")
    listed = claims.get(settings.oidc_groups_claim)
    groups = {listed} if isinstance(listed, str) else set(map(str, listed or ()))
    known = any(fnmatchcase(email, pattern.lower()) for pattern in settings.oidc_emails)
    called = str(claims.get("preferred_username") or claims["sub"])
    if (known and email and verified) or groups & set(settings.oidc_groups):
        return (email if email and verified else called)[:LONGEST_NAME]
    who = email or called
    unverified = " The address is not verified." if known and not verified else ""
    raise Refused(f"{who} is known to the provider, but may not act here.{unverified}")


def _wrong(error: Exception) -> str:
    """Why an identity token is not accepted, for people."""
    sentences = {
        "nonce": "The identity token belongs to another sign-in (nonce). Begin again.",
        "aud": "The identity token is meant for another application (audience).",
        "azp": "The identity token is meant for another application (authorized party).",
        "iss": "The identity token comes from another provider (issuer).",
        "exp": "The identity token has expired; are the clocks right? Begin again.",
    }
    claim = str(getattr(error, "claim", ""))
    return sentences.get(claim, f"The identity token is not valid: {error}.")
