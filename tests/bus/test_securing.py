"""Ways to a guarded broker: TLS both ways, nkeys, JWTs. Real servers ask for each."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import nkeys
import pytest
import trustme

from crossfade.errors import Malformed
from crossfade.runtime import children
from crossfade.runtime.connecting import connection
from crossfade.runtime.securing import security
from crossfade.settings import BusSettings
from crossfade_lab.broker import find_nats_server

CREDS = """\
-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """`ca.pem`, the server's `server.pem` and a client's `client.pem` in one folder."""
    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    ca.issue_cert("crossfade@example.org").private_key_and_cert_chain_pem.write_to_path(
        folder / "client.pem"
    )
    return folder


@asynccontextmanager
async def a_server(folder: Path, rules: str):
    """A nats-server under `rules`; yields `host:port`."""
    (folder / "nats.conf").write_text(
        f'listen: "127.0.0.1:-1"\nports_file_dir: "{folder}"\nlog_file: "{folder}/log"\n{rules}'
    )
    server = await children.spawn([str(find_nats_server()), "-c", str(folder / "nats.conf")])
    try:
        yield await where(folder)
    finally:
        await children.end(server)


async def where(folder: Path) -> str:
    for _ in range(500):
        if said := said_by(folder):
            return json.loads(said)["nats"][0].partition("://")[2]
        await asyncio.sleep(0.01)
    raise AssertionError((folder / "log").read_text())


def said_by(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.glob("*.ports"))


async def gets_in(settings: BusSettings, seconds: float = 5) -> bool:
    """Whether a client with these settings is let in within `seconds`."""
    made = connection(settings, "test")
    opening = asyncio.ensure_future(made.open())
    await asyncio.wait({opening}, timeout=seconds)
    let_in = made.connected
    opening.cancel()
    await asyncio.wait({opening})
    await made.close()
    return let_in


def tls(authority: Path, more: str = "") -> str:
    server, ca = authority / "server.pem", authority / "ca.pem"
    return f'tls {{ cert_file: "{server}", key_file: "{server}", ca_file: "{ca}", {more} }}\n'


async def test_a_private_authority_is_trusted_when_it_is_named(authority, tmp_path):
    async with a_server(tmp_path, tls(authority)) as address:
        url = f"tls://{address}"
        assert await gets_in(BusSettings(url=url, ca_file=authority / "ca.pem"))
        assert not await gets_in(BusSettings(url=url), seconds=0.5)


async def test_a_client_shows_its_certificate_and_key_where_the_broker_asks(
    authority, tmp_path
):
    async with a_server(tmp_path, tls(authority, "verify: true")) as address:
        knows = BusSettings(url=f"tls://{address}", ca_file=authority / "ca.pem")
        shows = knows.model_copy(update={"certificate_file": authority / "client.pem"})
        assert await gets_in(shows)
        assert not await gets_in(knows, seconds=0.5)


async def test_tls_before_the_greeting_is_not_talked_out_of_it(authority, tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "first").mkdir()
    wary = BusSettings(tls_first=True, ca_file=authority / "ca.pem", connect_timeout_seconds=1)
    async with a_server(tmp_path / "plain", "") as plain:
        assert not await gets_in(
            wary.model_copy(update={"url": f"nats://{plain}"}), seconds=1.5
        )
    async with a_server(tmp_path / "first", tls(authority, "handshake_first: true")) as address:
        assert await gets_in(wary.model_copy(update={"url": f"tls://{address}"}))


async def test_an_nkey_proves_who_a_service_is(tmp_path):
    user, stranger = a_key(nkeys.PREFIX_BYTE_USER), a_key(nkeys.PREFIX_BYTE_USER)
    for name, key in (("user", user), ("stranger", stranger)):
        (tmp_path / name).write_bytes(bytes(key.seed) + b"\n")
    rules = f"authorization {{ users: [{{ nkey: {user.public_key.decode()} }}] }}"
    async with a_server(tmp_path, rules) as address:
        url = f"nats://{address}"
        assert await gets_in(BusSettings(url=url, credentials_file=tmp_path / "user"))
        assert not await gets_in(
            BusSettings(url=url, credentials_file=tmp_path / "stranger"), seconds=0.5
        )


async def test_a_creds_file_carries_a_jwt_and_its_seed(tmp_path):
    operator, account, user = (
        a_key(kind)
        for kind in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    public = account.public_key.decode()
    rules = (
        f"operator: {jwt(operator, operator, 'operator')}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {public}: {jwt(operator, account, 'account')} }}\n"
    )
    (tmp_path / "user.creds").write_text(
        CREDS.format(jwt=jwt(account, user, "user"), seed=bytes(user.seed).decode())
    )
    async with a_server(tmp_path, rules) as address:
        url = f"nats://{address}"
        assert await gets_in(BusSettings(url=url, credentials_file=tmp_path / "user.creds"))
        assert not await gets_in(BusSettings(url=url), seconds=0.5)


def a_key(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), kind))


def jwt(by: nkeys.KeyPair, about: nkeys.KeyPair, kind: str) -> str:
    """A JWT version 2 as nats-server reads it; https://docs.nats.io, JWT authentication."""
    user = dict.fromkeys(("subs", "data", "payload"), -1)
    account = user | dict.fromkeys(("imports", "exports", "conn", "leaf"), -1)
    limits = {"user": user, "account": {"limits": account | {"wildcards": True}}}
    nats = {"type": kind, "version": 2} | limits.get(kind, {})
    claims = {"iat": 1, "iss": by.public_key.decode(), "sub": about.public_key.decode()}
    claims |= {"name": kind, "nats": nats}
    claims["jti"] = hashlib.sha256(json.dumps(claims).encode()).hexdigest()
    signed = f"{coded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{coded(claims)}"
    return f"{signed}.{coded_bytes(by.sign(signed.encode()))}"


def coded(what: dict) -> str:
    return coded_bytes(json.dumps(what).encode())


def coded_bytes(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("ca_file", "not a certificate", "CROSSFADE_BUS__CA_FILE"),
        ("certificate_file", "not a certificate", "CROSSFADE_BUS__CERTIFICATE_FILE"),
        ("key_file", "a key alone", "needs CROSSFADE_BUS__CERTIFICATE_FILE"),
        ("credentials_file", "hello", "an nkey's seed"),
        ("ca_file", None, "No such file"),
        ("credentials_file", None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_setting(tmp_path, field, text, says):
    file = tmp_path / "file"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Malformed, match=says):
        security(BusSettings(**{field: file}))
