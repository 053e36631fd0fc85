"""Signing in and out: by the token's form, or by way of an OpenID Connect provider.

A sign-in at the provider is bound to the browser that began it, and ends within minutes or not at
all. Whatever goes wrong is said on the sign-in page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from crossfade.errors import CrossfadeError, Unreachable
from crossfade_console import flows
from crossfade_console.flows import Flow, Flows
from crossfade_console.guesses import client_of
from crossfade_console.identities import Refused
from crossfade_console.oidc import Provider
from crossfade_console.sessions import COOKIE, LASTS_SECONDS, Sessions

log = logging.getLogger(__name__)

CALLBACK = "/sign-in/callback"

Page = Callable[..., web.Response]


@dataclass(slots=True)
class SignIns:
    """The routes of signing in; `page` fills a template for a request."""

    sessions: Sessions
    flows: Flows
    page: Page
    provider: Provider | None = None
    url: str | None = None

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
        redirect = f"{(self.url or _origin(request)).rstrip('/')}{CALLBACK}"
        to = _inside(request.query.get("to"))
        flow = self.flows.begin(redirect, to)
        try:
            address = await self.provider.address(flow)
        except CrossfadeError as error:
            return self._refuse(request, error, to)
        response = web.Response(status=303, headers={"Location": address})
        self._carry(request, response, [*self.flows.of(request), flow])
        return response

    async def end(self, request: web.Request) -> web.Response:
        """Take somebody back from the provider."""
        if self.provider is None:
            raise web.HTTPNotFound(text="no OpenID Connect provider is set\n")
        known, query = self.flows.of(request), request.query
        flow = next((one for one in known if one.state == query.get("state")), None)
        response = await self._ended(request, self.provider, flow)
        self._carry(request, response, [one for one in known if one is not flow])
        return response

    async def _ended(
        self, request: web.Request, provider: Provider, flow: Flow | None
    ) -> web.Response:
        try:
            if flow is None:
                raise Refused(
                    "This sign-in is too old, or was begun in another browser. Begin again."
                )
            who = await provider.who(flow, _code(request), request.query.get("iss", ""))
        except CrossfadeError as error:
            return self._refuse(request, error, flow.to if flow else "/")
        log.info("signed in", extra={"by": who})
        # Lax: a Strict cookie would not be sent along the way back from the provider's site.
        return _let_in(request, self.sessions.open(who), flow.to, "Lax")

    def _carry(
        self, request: web.Request, response: web.Response, under_way: Sequence[Flow]
    ) -> None:
        """Give the browser its sign-ins under way."""
        if not under_way:
            response.del_cookie(flows.COOKIE, path="/sign-in")
            return
        cookie = self.flows.cookie(under_way)
        # Lax: the provider's redirect comes from another site.
        _set(request, response, flows.COOKIE, cookie, flows.LASTS_SECONDS, "Lax", "/sign-in")

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


def _code(request: web.Request) -> str:
    """The code of a provider's answer. Raises Refused with the provider's words."""
    query = request.query
    if "error" in query:
        why = query.get("error_description") or query["error"]
        raise Refused(f"The provider did not let you in: {why[:200]}.")
    if not query.get("code"):
        raise Refused("The provider's answer has no code.")
    return query["code"]


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
