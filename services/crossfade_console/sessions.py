"""Who may act: whoever signed in has a cookie, and a session's own word guards its posts."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import SecretStr

COOKIE = "crossfade_session"
CSRF = "X-Crossfade-Csrf"
LASTS_SECONDS = 12 * 3600
MOST = 1000
TRIES = 10
TRIES_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in; `csrf` must come with every post."""

    who: str
    csrf: str
    until: float


@dataclass(slots=True)
class Sessions:
    """All that are signed in; forgotten at a restart."""

    token: SecretStr | None
    provider: bool = False
    """Whether people may also come from an OIDC provider."""
    clock: Callable[[], float] = time.time
    _open: dict[str, Session] = field(default_factory=dict, init=False)
    _wrong: deque[float] = field(default_factory=deque, init=False)

    @property
    def possible(self) -> bool:
        """Whether anybody can sign in at all."""
        return self.token is not None or self.provider

    def sign_in(self, token: str, who: str) -> str | None:
        """The cookie of a new session, or None for a wrong token."""
        if not self._right(token):
            self._wrong.append(self.clock())
            return None
        return self.open(who)

    def open(self, who: str) -> str:
        """The cookie of a new session for somebody who proved to be allowed."""
        self._tidy()
        cookie = secrets.token_urlsafe(32)
        until = self.clock() + LASTS_SECONDS
        self._open[cookie] = Session(who or "console", secrets.token_urlsafe(16), until)
        return cookie

    def sign_out(self, request: web.Request) -> None:
        """End the session of a request."""
        self._open.pop(request.cookies.get(COOKIE, ""), None)

    def of(self, request: web.Request) -> Session | None:
        """The session of a request's cookie."""
        session = self._open.get(request.cookies.get(COOKIE, ""))
        return session if session and session.until > self.clock() else None

    def may_act(self, request: web.Request) -> str:
        """Who asks for an action, by cookie and its word or by bearer token; empty for nobody."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return "api" if self._right(given) else ""
        session = self.of(request)
        said = request.headers.get(CSRF, "")
        if session is None or not hmac.compare_digest(session.csrf, said):
            return ""
        return session.who if _same_origin(request) else ""

    @property
    def hammered(self) -> bool:
        """Whether there were too many wrong tokens in the last minute."""
        while self._wrong and self._wrong[0] < self.clock() - TRIES_SECONDS:
            self._wrong.popleft()
        return len(self._wrong) >= TRIES

    def _right(self, token: str) -> bool:
        if self.token is None:
            return False
        known = self.token.get_secret_value().encode()
        return bool(known) and hmac.compare_digest(known, token.encode())

    def _tidy(self) -> None:
        now = self.clock()
        kept = [(k, s) for k, s in self._open.items() if s.until > now]
        self._open = dict(kept[-MOST + 1 :])


def _same_origin(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is None or origin.rpartition("://")[2] == request.host
