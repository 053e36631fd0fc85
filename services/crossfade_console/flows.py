"""Sign-ins under way at a provider, carried by the browser that began them.

A sealed cookie holds what the end of each must match, so that any replica can finish it and no
other browser. It is not known here whether an answer came before: its code works once, at the
provider (RFC 6749 §4.1.2), and the cookie forgets the sign-in with the answer.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from aiohttp import web
from pydantic import SecretStr

from crossfade_console.sealing import Seal

COOKIE = "crossfade_sign_in"
PURPOSE = b"crossfade console sign-ins 1"
LASTS_SECONDS = 600
MOST = 3
"""So many tabs may be signing in at once: a cookie has room for 4096 bytes."""
LONGEST_WAY = 400


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in under way: what its end must match, where it leads to, `until` since 1970."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    to: str
    until: float


@dataclass(slots=True)
class Flows:
    """Begins sign-ins, and knows those of a browser again."""

    key: SecretStr | None = None
    """What their cookies are sealed with: any secret that the replicas share."""
    clock: Callable[[], float] = time.time
    _seal: Seal = field(init=False)

    def __post_init__(self) -> None:
        self._seal = Seal(self.key, PURPOSE)

    def begin(self, redirect: str, to: str) -> Flow:
        """A new sign-in: everything in it that must not be guessed is fresh."""
        fresh, until = secrets.token_urlsafe, self.clock() + LASTS_SECONDS
        to = to if len(to.encode()) <= LONGEST_WAY else "/"
        return Flow(fresh(24), fresh(24), fresh(48), redirect, to, until)

    def of(self, request: web.Request) -> list[Flow]:
        """The sign-ins that a browser is at, oldest first."""
        kept = self._seal.open(request.cookies.get(COOKIE, "")) or []
        flows = [Flow(**one) for one in kept]
        return [flow for flow in flows if flow.until > self.clock()]

    def cookie(self, flows: Iterable[Flow]) -> str:
        """What a browser shall carry; the oldest give way."""
        return self._seal.close([asdict(flow) for flow in flows][-MOST:])
