"""How a client proves who it is to the broker, and how it knows the broker: TLS, keys, JWTs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from faststream.nats.security import NatsCredentials, NatsNKey, NatsSecurity

from crossfade.errors import Malformed
from crossfade.settings import BusSettings

__all__ = ["security"]

# asyncio says this of every stream that is upgraded to TLS, as the client's is; it means nothing.
logging.getLogger("asyncio").addFilter(
    lambda record: not record.getMessage().startswith("returning true from eof_received")
)

JWT_MARK = "BEGIN NATS USER JWT"
SEED_MARK = "SU"
"""How the seed of a user's nkey begins; https://docs.nats.io, NKeys."""


def security(settings: BusSettings) -> NatsSecurity | None:
    """What the settings ask beyond the URL; None where they ask nothing.

    The client reads the credentials file again at each connection, so a rotated one needs no
    restart. Raises Malformed naming the setting whose file cannot be used.
    """
    tls = _tls(settings)
    first = settings.tls_first
    if settings.credentials_file is not None:
        file = settings.credentials_file
        kind = NatsCredentials if _holds_a_jwt(file) else NatsNKey
        return kind.from_file(str(file), ssl_context=tls, tls_handshake_first=first)
    if tls is not None or first:
        return NatsSecurity(ssl_context=tls, tls_handshake_first=first)
    return None


def _tls(settings: BusSettings) -> ssl.SSLContext | None:
    asked = settings.ca_file or settings.certificate_file or settings.key_file
    if not asked and not settings.tls_first:
        return None  # the client's own context, for tls:// with a public authority
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("ca_file", settings.ca_file, "certificates in PEM", error) from error
    if settings.certificate_file is None and settings.key_file is None:
        return context
    if settings.certificate_file is None:
        raise Malformed(
            "CROSSFADE_BUS__KEY_FILE: needs CROSSFADE_BUS__CERTIFICATE_FILE beside it"
        )
    try:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        wanted = "a certificate in PEM with its key, there or in CROSSFADE_BUS__KEY_FILE"
        raise _unusable("certificate_file", settings.certificate_file, wanted, error) from error
    return context


def _holds_a_jwt(file: Path) -> bool:
    wanted = f"a .creds file, or an nkey's seed, which begins with {SEED_MARK}"
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable("credentials_file", file, wanted, error) from error
    if JWT_MARK not in text and not text.strip().startswith(SEED_MARK):
        raise Malformed(
            f"CROSSFADE_BUS__CREDENTIALS_FILE: {file} is neither; right is {wanted}"
        )
    return JWT_MARK in text


def _unusable(field: str, file: Path | None, wanted: str, why: Exception) -> Malformed:
    name = f"CROSSFADE_BUS__{field.upper()}"
    return Malformed(f"{name}: {file} cannot be used ({why}); right is {wanted}")
