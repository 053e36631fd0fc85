"""Signing in and out: by the token's form, or by way of an OpenID Connect provider.

A sign-in at the provider is bound to the browser that began it by a cookie of its own, and ends
within minutes or not at all. Whatever goes wrong is said on the sign-in page.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from crossfade.errors import CrossfadeError, Unreachable
from crossfade_console.guesses import client_of
from crossfade_console.identities import Refused
from crossfade_console.oidc import Flow, Provider, begun
from crossfade_console.sessions import COOKIE, LASTS_SECONDS, Sessions

log = logging.getLogger(__name__)

FLOW_COOKIE = "crossfade_sign_in"
FLOW_SECONDS = 600
MOST_FLOWS = 1000
CALLBACK = "/sign-in/callback"

Page = Callable[..., web.Response]


@dataclass(slots=True)
class SignIns:
    """The routes of signing in; `page` fills a template for a request."""

    sessions: Sessions
    page: Page
    provider: Provider | None = None
    url: str | None = None
    clock: Callable[[], float] = time.time
    _flows: OrderedDict[str, Flow] = field(default_factory=OrderedDict, init=False)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get("/sign-in", self.ask),
            web.post("/sign-in", self.by_token),
            web.post("/sign-out", self.out),
            web.get("/sign-in/provider", self.begin),
            web.get(CALLBACK, self.end),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """The sign-in form."""
        return self._form(request, to=_inside(request.query.get("to")))

    async def by_token(self, request: web.Request) -> web.Response:
        """Take the token, give a cookie."""
        if self.sessions.hammered(request):
            return self._form(request, "Too many wrong tokens; wait a minute.", 429)
        form = await request.post()
        to = _inside(str(form.get("to", "/")))
        who = str(form.get("who", ""))[:80]
        cookie = self.sessions.sign_in(str(form.get("token", "")), who, client_of(request))
        if cookie is None:
            return self._form(request, "That is not the token.", 403, to)
        return _let_in(request, cookie, to, "Strict")

    async def out(self, request: web.Request) -> web.Response:
        """End the session."""
        self.sessions.sign_out(request)
        response = web.Response(status=303, headers={"Location": "/"})
        response.del_cookie(COOKIE)
        return response

    async def begin(self, request: web.Request) -> web.Response:
        """Send somebody to the provider."""
        if self.provider is None:
            raise web.HTTPNotFound(text="no OpenID Connect provider is set\n")
        browser = request.cookies.get(FLOW_COOKIE) or secrets.token_urlsafe(24)
        redirect = f"{(self.url or _origin(request)).rstrip('/')}{CALLBACK}"
        to = _inside(request.query.get("to"))
        flow = begun(browser, redirect, to, self.clock() + FLOW_SECONDS)
        try:
            address = await self.provider.address(flow)
        except CrossfadeError as error:
            return self._refuse(request, error, to)
        self._flows[flow.state] = flow
        while len(self._flows) > MOST_FLOWS:
            self._flows.popitem(last=False)
        response = web.Response(status=303, headers={"Location": address})
        # Lax: the provider's redirect comes from another site.
        _set(request, response, FLOW_COOKIE, browser, FLOW_SECONDS, "Lax", "/sign-in")
        return response

    async def end(self, request: web.Request) -> web.Response:
        """Take somebody back from the provider."""
        if self.provider is None:
            raise web.HTTPNotFound(text="no OpenID Connect provider is set\n")
        to = "/"
        try:
            flow = self._returned(request)
            to = flow.to
            query = request.query
            who = await self.provider.who(flow, query.get("code", ""), query.get("iss", ""))
        except CrossfadeError as error:
            return self._refuse(request, error, to)
        log.info("signed in", extra={"by": who})
        # Lax: a Strict cookie would not be sent along the way back from the provider's site.
        response = _let_in(request, self.sessions.open(who), to, "Lax")
        response.del_cookie(FLOW_COOKIE, path="/sign-in")
        return response

    def _returned(self, request: web.Request) -> Flow:
        """The sign-in that an answer belongs to, once. Raises Refused."""
        query, browser = request.query, request.cookies.get(FLOW_COOKIE, "")
        flow = self._flows.pop(query.get("state", ""), None)
        ours = flow is not None and hmac.compare_digest(flow.browser, browser)
        if flow is None or not ours or flow.until < self.clock():
            raise Refused(
                "This sign-in is too old, or was begun in another browser. Begin again."
            )
        if "error" in query:
            why = query.get("error_description") or query["error"]
            raise Refused(f"The provider did not let you in: {why[:200]}.")
        if not query.get("code"):
            raise Refused("The provider's answer has no code.")
        return flow

    def _refuse(self, request: web.Request, error: CrossfadeError, to: str) -> web.Response:
        log.warning("a sign-in was refused", extra={"reason": str(error)})
        status = 502 if isinstance(error, Unreachable) else 403
        return self._form(request, str(error), status, to)

    def _form(
        self, request: web.Request, wrong: str = "", status: int = 200, to: str = "/"
    ) -> web.Response:
        return self.page(
            request,
            "signin.html",
            status,
            wrong=wrong,
            to=to,
            by_token=self.sessions.token is not None,
            by_provider=self.provider is not None,
        )


def _let_in(request: web.Request, cookie: str, to: str, same_site: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": to})
    _set(request, response, COOKIE, cookie, LASTS_SECONDS, same_site, "/")
    return response


def _set(
    request: web.Request,
    response: web.Response,
    name: str,
    value: str,
    seconds: int,
    same_site: str,
    path: str,
) -> None:
    """A cookie that no script reads."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        samesite=same_site,
        secure=_scheme(request) == "https",
        path=path,
    )


def _scheme(request: web.Request) -> str:
    return "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme


def _origin(request: web.Request) -> str:
    return f"{_scheme(request)}://{request.host}"


def _inside(path: str | None) -> str:
    """A path of this site; anything else leads to the list."""
    plain = path or "/"
    return plain if plain.startswith("/") and plain[1:2] not in ("/", "\\") else "/"
