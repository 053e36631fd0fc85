"""Who is signed in: people by a sealed cookie, tools by a bearer token; posts carry a word too.

The cookie holds the session itself, sealed, so that restarts and other replicas know it. Nothing
is kept but the ids of sessions that were ended early.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from aiohttp import web
from pydantic import SecretStr

from crossfade_console.guesses import Guesses, client_of
from crossfade_console.sealing import Seal

COOKIE = "crossfade_session"
CSRF = "X-Crossfade-Csrf"
LASTS_SECONDS = 12 * 3600
MOST = 1000
PURPOSE = b"crossfade console sessions 1"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in; `csrf` must come with every post. `until` in seconds since 1970."""

    who: str
    csrf: str
    until: float
    id: str


@dataclass(slots=True)
class Sessions:
    """Opens sessions and knows them again; without a `key` they end with this process."""

    token: SecretStr | None
    provider: bool = False
    """Whether people may also come from an OIDC provider."""
    key: SecretStr | None = None
    """What their cookies are sealed with: any secret that the replicas share."""
    clock: Callable[[], float] = time.time
    _seal: Seal = field(init=False)
    _ended: dict[str, float] = field(default_factory=dict, init=False)
    _guesses: Guesses = field(init=False)

    def __post_init__(self) -> None:
        self._seal = Seal(self.key, PURPOSE)
        self._guesses = Guesses(self.clock)

    @property
    def possible(self) -> bool:
        """Whether anybody can sign in at all."""
        return self.token is not None or self.provider

    def sign_in(self, token: str, who: str, client: str = "") -> str | None:
        """The cookie of a new session, or None for a wrong token."""
        return self.open(who) if self._right(token, client) else None

    def open(self, who: str) -> str:
        """The cookie of a new session for somebody who proved to be allowed."""
        until = self.clock() + LASTS_SECONDS
        made = Session(
            who or "console", secrets.token_urlsafe(16), until, secrets.token_urlsafe(9)
        )
        return self._seal.close(asdict(made))

    def sign_out(self, request: web.Request) -> None:
        """End the session of a request, for whoever else may hold its cookie too."""
        session = self.of(request)
        if session is not None:
            now = self.clock()
            kept = [(i, until) for i, until in self._ended.items() if until > now]
            self._ended = dict([*kept, (session.id, session.until)][-MOST:])

    def of(self, request: web.Request) -> Session | None:
        """The session of a request's cookie."""
        held = self._seal.open(request.cookies.get(COOKIE, ""))
        if held is None:
            return None
        session = Session(**held)
        fresh = session.until > self.clock() and session.id not in self._ended
        return session if fresh else None

    def may_act(self, request: web.Request) -> str:
        """Who asks for an action, by cookie and its word or by bearer token; empty for nobody."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return "api" if self._right(given, client_of(request)) else ""
        session = self.of(request)
        said = request.headers.get(CSRF, "").encode(errors="surrogatepass")
        if session is None or not hmac.compare_digest(session.csrf.encode(), said):
            return ""
        return session.who if _same_origin(request) else ""

    def hammered(self, request: web.Request) -> bool:
        """Whether too many wrong tokens came from there: then the right one is none either."""
        return self._guesses.too_many(client_of(request))

    def _right(self, token: str, client: str) -> bool:
        if self.token is None or self._guesses.too_many(client):
            return False
        known = self.token.get_secret_value().encode()
        right = bool(known) and hmac.compare_digest(known, token.encode(errors="surrogatepass"))
        if not right:
            self._guesses.note(client)
        return right


def _same_origin(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is None or origin.rpartition("://")[2] == request.host
