"""AWS: a request signed with Signature Version 4, by botocore's own signer and credentials.

`authType: SigV4`. The keys come from the Metric's Secret, or else from where AWS's own tools look:
environment, files, web identity (IRSA), container and instance metadata. What may be asked with
them is confined by `cloudwatch.py` and `identities.py`: reading metrics, nothing else.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from yarl import URL

from crossfade_collector.sources.blocking import Kept
from crossfade_collector.sources.masking import to_mask
from crossfade_collector.sources.port import NoValue, Request

LIBRARY_MISSING = (
    "spec.authType: SigV4 needs the library botocore; pip install 'crossfade[cloudwatch]'"
)
CONNECT_SECONDS = 2
HOST = re.compile(
    r"(?:^|\.)(?:monitoring|aps-workspaces)(?:-fips)?\.(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+)\."
    r"(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)$"
)
"""How AWS names its endpoints: public, FIPS, dual stack, private link."""
TRANSIENT = ("ConnectTimeoutError", "ReadTimeoutError", "EndpointConnectionError",
             "MetadataRetrievalError", "ConnectionClosedError", "HTTPClientError")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs; `region` is the one that its owner set, if any."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    region: str | None = None


@dataclass(frozen=True, slots=True)
class AwsIdentity:
    """Signs for one service and region, with keys of its own or those of the chain."""

    service: str
    region: str | None
    keys: Keys | None
    chain: Kept[Keys] = field(compare=False, repr=False)

    async def signed(self, request: Request) -> Request:
        """The request with its signature and session token. Raises NoValue."""
        keys = self.keys or await self.chain.value()
        region = self.region or keys.region
        if region is None:
            found = f"spec.urlTemplate: host {request.url.host} names no region"
            right = "add the key region to the Secret, or set AWS_DEFAULT_REGION"
            raise NoValue("unauthorized", f"{found}; {right}")
        return _signed(request, keys, self.service, region)

    def renew(self, refused: Request) -> bool:
        """Whether the chain may have fresher keys; those of a Secret are as they are."""
        chain = self.chain.call
        if self.keys is not None or not isinstance(chain, Chain):
            return False
        if dict(refused.headers).get("X-Amz-Security-Token") == chain.token:
            chain.again = True
            self.chain.forget()
        return True


def region_in(host: str | None) -> str | None:
    """The region that a host of AWS names."""
    if host == "monitoring.amazonaws.com":
        return "us-east-1"
    found = HOST.search(host or "")
    return found["region"] if found else None


def keys_in(secret: Mapping[str, str], ref: str) -> Keys:
    """The keys of a Secret. Raises NoValue."""
    wanted = ("accessKeyId", "secretAccessKey")
    missing = [key for key in wanted if not secret.get(key)]
    if missing:
        right = "right would be accessKeyId, secretAccessKey and, for a session, sessionToken"
        raise NoValue(
            "unauthorized", f"spec.secret: secret {ref} has no key {missing[0]}; {right}"
        )
    access, hidden = (secret[key].strip() for key in wanted)
    return Keys(
        access,
        hidden,
        secret.get("sessionToken", "").strip() or None,
        secret.get("region", "").strip() or None,
    )


def _signed(request: Request, keys: Keys, service: str, region: str) -> Request:
    auth, awsrequest, credentials = _library()
    url = _strict(request.url)
    body = request.body.encode() if request.body is not None else b""
    proof = awsrequest.AWSRequest(request.method, str(url), dict(request.headers), body)
    owner = credentials.Credentials(keys.access, keys.secret, keys.token)
    auth.SigV4Auth(owner, service, region).add_auth(proof)
    headers = {name: str(value) for name, value in proof.headers.items()}
    hidden = to_mask((keys.secret, keys.token or ""), headers)
    return replace(
        request,
        url=url,
        headers=tuple(headers.items()),
        secrets=request.secrets | hidden,
    )


def _strict(url: URL) -> URL:
    """The same address with its query written as AWS writes it before it compares signatures."""
    written = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in url.query.items()
    )
    bare = str(url.with_query(None).with_fragment(None))
    return URL(f"{bare}?{written}" if written else bare, encoded=True)


def _library() -> tuple[Any, Any, Any]:
    try:
        from botocore import auth, awsrequest, credentials  # heavy: for the first such metric
    except ImportError as error:
        raise NoValue("unauthorized", LIBRARY_MISSING) from error
    # At debug level it writes signatures, session tokens and the answers of STS.
    logging.getLogger("botocore").setLevel(logging.INFO)
    return auth, awsrequest, credentials


@dataclass(slots=True)
class Chain:
    """Looks where AWS's own tools look; call it in a thread, it reads files and asks servers.

    Keys that run out are renewed by botocore, before they do.
    """

    timeout_seconds: float
    session: Any = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """The session token that was given last."""
    again: bool = False
    """Look everywhere anew the next time, whatever date the keys have."""

    def __call__(self) -> Keys:
        """The keys of this moment. Raises NoValue."""
        _library()
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._found()
        except (BotoCoreError, ClientError, OSError, ValueError, KeyError) as error:
            self.session = None  # a file or a role may be mended meanwhile
            late = type(error).__name__ in TRANSIENT
            reason = f"the credentials of AWS: {type(error).__name__}: {error}"
            raise NoValue("timeout" if late else "unauthorized", reason) from error

    def _found(self) -> Keys:
        if self.again:
            self.session, self.again = None, False
        session = self.session = self.session or self._opened()
        credentials = session.get_credentials()
        if credentials is None:
            self.session = None
            looked = "environment, files, web identity, container and instance metadata"
            raise NoValue(
                "unauthorized", f"no credentials of AWS in {looked}, nor a spec.secret"
            )
        now = credentials.get_frozen_credentials()
        self.token = now.token
        region = session.get_config_variable("region")
        return Keys(now.access_key, now.secret_key, now.token, region)

    def _opened(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        session = Session()
        once = {"total_max_attempts": 1}
        session.set_default_client_config(
            Config(
                connect_timeout=min(CONNECT_SECONDS, self.timeout_seconds),
                read_timeout=self.timeout_seconds,
                retries=once,
            )
        )
        return session
