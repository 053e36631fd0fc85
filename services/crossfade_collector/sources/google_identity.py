"""Google: a bearer token that may read metrics, from google-auth.

`authType: Google`. A service account's key in the Metric's Secret is exchanged at Google's token
endpoint; without a Secret the credentials are where Google's own tools look for them: a file named
by the environment, workload identity, the metadata server. Tokens are kept until they run out, and
go to Google's hosts over TLS only: whoever may write a Metric must not be able to carry one away.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from crossfade.resources.identities import GOOGLE_HOSTS as HOSTS
from crossfade_collector.sources.blocking import Kept
from crossfade_collector.sources.masking import to_mask
from crossfade_collector.sources.port import NoValue, Request

SCOPE = "https://www.googleapis.com/auth/monitoring.read"
KEY = "serviceAccount"
"""The key of the Secret that holds a service account's JSON."""
LIBRARY_MISSING = (
    "spec.authType: Google needs the library google-auth; pip install 'crossfade[google]'"
)


@dataclass(frozen=True, slots=True)
class GoogleIdentity:
    """Adds the token of one account; accounts are the same if they share their tokens."""

    tokens: Kept[str] = field(repr=False)

    async def signed(self, request: Request) -> Request:
        """The request with its bearer token. Raises NoValue, also for a host of somebody else."""
        host = request.url.host or ""
        if request.insecure:
            right = "right would be false: the token would go to whoever answers"
            raise NoValue("unauthorized", f"spec.tls.insecureSkipVerify: found true; {right}")
        if request.url.scheme != "https" or not host.endswith(HOSTS):
            found = f"spec.urlTemplate: found {request.url.origin()}"
            right = f"right would be https and a host that ends in {HOSTS}"
            raise NoValue("unauthorized", f"{found}; tokens of Google go nowhere else; {right}")
        token = await self.tokens.value()
        bearer = ("Authorization", f"Bearer {token}")
        kept = tuple(h for h in request.headers if h[0].lower() != "authorization")
        hidden = request.secrets | to_mask((token,), {})
        return replace(request, headers=(*kept, bearer), secrets=hidden)

    def renew(self, refused: Request) -> bool:
        """A token that was taken back is replaced by the next one."""
        account = self.tokens.call
        if not isinstance(account, Account):
            return False
        if dict(refused.headers).get("Authorization") == f"Bearer {account.token}":
            account.again = True
            self.tokens.forget()
        return True


@dataclass(slots=True)
class Account:
    """Exchanges keys for tokens; call it in a thread, it asks servers.

    `key` is a service account's JSON; None looks where Google's own tools look.
    """

    timeout_seconds: float
    key: str | None = field(default=None, repr=False)
    credentials: Any = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """The one that was given last."""
    again: bool = False
    """Fetch a new one the next time, whatever date this one has."""

    def __call__(self) -> str:
        """A token that is good for some minutes. Raises NoValue."""
        try:
            from google.auth.exceptions import GoogleAuthError, TransportError
        except ImportError as error:
            raise NoValue("unauthorized", LIBRARY_MISSING) from error
        try:
            return self._token()
        except (GoogleAuthError, OSError, ValueError) as error:
            self.credentials = None  # a key or a binding may be mended meanwhile
            down = isinstance(error, (TransportError, OSError))
            late = down or getattr(error, "retryable", False)
            where = f"spec.secret: key {KEY}" if self.key else "the credentials of Google"
            reason = f"{where}: {type(error).__name__}: {error}"
            raise NoValue("timeout" if late else "unauthorized", reason) from error

    def _token(self) -> str:
        # At debug level they write requests and answers.
        for name in ("google", "urllib3"):
            logging.getLogger(name).setLevel(logging.INFO)
        import requests
        from google.auth.transport.requests import Request as Transport

        with requests.Session() as session:
            send = partial(Transport(session), timeout=self.timeout_seconds)
            if self.credentials is None:
                self.credentials = self._found(send)
            if self.again or not self.credentials.valid:
                self.credentials.refresh(send)
                self.again = False
        self.token = str(self.credentials.token)
        return self.token

    def _found(self, send: Any) -> Any:
        import google.auth
        from google.oauth2 import service_account

        if self.key is None:
            return google.auth.default(scopes=[SCOPE], request=send)[0]
        return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            _service_account(self.key), scopes=[SCOPE]
        )


def _service_account(key: str) -> dict[str, Any]:
    """The fields of a key file; other kinds of credentials may run programs, or ask anywhere."""
    found = json.loads(key)
    if not isinstance(found, dict) or found.get("type") != "service_account":
        kind = found.get("type") if isinstance(found, dict) else type(found).__name__
        right = 'right would be the JSON of a service account ("type": "service_account")'
        raise ValueError(f"found {kind!r}; {right}")
    return found
