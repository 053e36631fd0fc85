"""A local server that speaks Slack's documented Web API, with its rate limits and errors.

chat.postMessage, chat.update, conversations.history, conversations.replies, an incoming webhook,
a response_url, and Socket Mode (apps.connections.open, hello, envelopes, disconnect). Source:
Slack's method pages, rate limits, limits on blocks, and its Socket Mode pages.
"""

import asyncio
import json
import time

from aiohttp import web

TOKEN = "xoxb-test"
APP_TOKEN = "xapp-test"
CHANNEL = "C0CROSSFADE"


class SlackServer:
    """`fail(method, …)` plans answers; `messages` is what the channel shows."""

    def __init__(self):
        self.messages = {}
        self.calls = []
        self.moments = []
        self.webhook_texts = []
        self.answers = []
        self.planned = {}
        self.down = False
        self.retry_after = 0
        self.sockets = []
        self.most_sockets = 0
        self.acknowledged = []
        self.greets = True
        self._tickets = 0
        self._ts = 0.0
        self.silent = False
        self.after_post = None
        self._runner = None
        self.url = ""

    async def __aenter__(self):
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self.method)
        app.router.add_post("/hook", self.hook)
        app.router.add_post("/response", self.response)
        app.router.add_get("/link/", self.link)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    @property
    def api(self):
        return f"{self.url}/api/"

    @property
    def parents(self):
        return [m for m in self.messages.values() if "thread_ts" not in m]

    @property
    def replies(self):
        return [m for m in self.messages.values() if "thread_ts" in m]

    def fail(self, method, *errors):
        """Answer so, one after another; `(error, True)` does the work before failing."""
        self.planned.setdefault(method, []).extend(errors)

    async def method(self, request):
        name = request.match_info["method"]
        if self.silent:
            self.moments.append(asyncio.get_running_loop().time())
            await asyncio.sleep(3600)
        if self.down:
            self.moments.append(asyncio.get_running_loop().time())
            raise web.HTTPServiceUnavailable
        form = request.content_type == "application/x-www-form-urlencoded"
        asked = request.query if request.method == "GET" else form and await request.post()
        body = dict(asked) if asked or form else await request.json()
        self.calls.append((name, body))
        self.moments.append(asyncio.get_running_loop().time())
        token = APP_TOKEN if name == "apps.connections.open" else TOKEN
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        plan = self.planned.get(name) or []
        error, also_done = (None, False)
        if plan:
            planned = plan.pop(0)
            error, also_done = planned if isinstance(planned, tuple) else (planned, False)
        if error == "ratelimited":
            return web.json_response(
                {"ok": False, "error": "ratelimited"},
                status=429,
                headers={"Retry-After": str(self.retry_after)},
            )
        if error and not also_done:
            return web.json_response({"ok": False, "error": error})
        answer = getattr(self, name.replace(".", "_"))(body)
        if name == "chat.postMessage" and answer["ok"] and self.after_post:
            await self.after_post(body)
        if error == "timeout":
            await asyncio.sleep(5)
        return web.json_response({"ok": False, "error": error} if error else answer)

    def chat_postMessage(self, body):
        if body["channel"] not in (CHANNEL, "C0OTHER"):
            return {"ok": False, "error": "channel_not_found"}
        if invalid(body):
            return {"ok": False, "error": "invalid_blocks"}
        if "thread_ts" in body and body["thread_ts"] not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        self._ts = max(time.time(), self._ts + 0.000001)
        ts = f"{self._ts:.6f}"
        self.messages[ts] = dict(body, ts=ts, edits=0)
        return {"ok": True, "channel": body["channel"], "ts": ts, "message": {}}

    def chat_update(self, body):
        known = self.messages.get(body["ts"])
        if known is None:
            return {"ok": False, "error": "message_not_found"}
        if invalid(body):
            return {"ok": False, "error": "invalid_blocks"}
        known.update(body, edits=known["edits"] + 1)
        return {"ok": True, "channel": body["channel"], "ts": body["ts"], "text": body["text"]}

    def conversations_history(self, body):
        if body["channel"] != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        assert body["include_all_metadata"] in ("1", "true", "True")
        return _page(list(reversed(self.parents)), body)

    def conversations_replies(self, body):
        found = [m for m in self.messages.values() if m.get("thread_ts", m["ts"]) == body["ts"]]
        return _page(found, body)

    def apps_connections_open(self, body):
        self._tickets += 1
        url = f"{self.url.replace('http', 'ws')}/link/?ticket={self._tickets}&app_id=A1"
        return {"ok": True, "url": url}

    async def link(self, request):
        """One WebSocket, as Socket Mode has it: a ticket is good for one connection."""
        if request.query["ticket"] != str(self._tickets):
            raise web.HTTPBadRequest
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.most_sockets = max(self.most_sockets, len(self.sockets))
        if self.greets:
            info = {"host": "applink-1", "approximate_connection_time": 18060}
            known = {"connection_info": {"app_id": "A1"}, "num_connections": 1}
            await socket.send_json({"type": "hello", "debug_info": info, **known})
        async for message in socket:
            self.acknowledged.append(json.loads(message.data)["envelope_id"])
        self.sockets.remove(socket)
        return socket

    async def press(self, payload, envelope_id="e-1"):
        """Hand a payload to one of the app's connections, the newest."""
        envelope = {"type": "interactive", "accepts_response_payload": False}
        whole = {**envelope, "envelope_id": envelope_id, "payload": payload}
        await self.sockets[-1].send_json(whole)

    async def part(self, reason="refresh_requested"):
        """Ask the app to call again; Slack closes the old connection soon after."""
        info = {"host": "applink-1"}
        message = {"type": "disconnect", "reason": reason, "debug_info": info}
        await self.sockets[-1].send_json(message)

    async def hook(self, request):
        plan = self.planned.get("hook") or []
        status = plan.pop(0) if plan else 200
        if status == 429:
            return web.Response(status=429, headers={"Retry-After": str(self.retry_after)})
        if status != 200:
            return web.Response(status=status, text="no_service")
        self.webhook_texts.append(json.loads(await request.read())["text"])
        return web.Response(text="ok")

    async def response(self, request):
        self.answers.append(await request.json())
        return web.Response(text="ok")


def _page(messages, body):
    """A page of messages after `oldest`, and a cursor where there are more."""
    recent = [m for m in messages if float(m["ts"]) > float(body.get("oldest", 0))]
    at, most = int(body.get("cursor") or 0), min(int(body["limit"]), 999)
    more = str(at + most) if at + most < len(recent) else ""
    return {
        "ok": True,
        "messages": recent[at : at + most],
        "has_more": bool(more),
        "response_metadata": {"next_cursor": more},
    }


def invalid(body):
    """Whether blocks break Slack's documented limits."""
    blocks = body.get("blocks", [])
    return len(body.get("text", "")) > 4000 or len(blocks) > 50 or any(map(_bad, blocks))


def _bad(block):
    kind = block["type"]
    if kind == "header":
        return not 0 < len(block["text"]["text"]) <= 150
    if kind == "section":
        fields = block.get("fields", [])
        text = block.get("text", {"text": "x"})["text"]
        too_long = any(not 0 < len(f["text"]) <= 2000 for f in fields)
        return not 0 < len(text) <= 3000 or len(fields) > 10 or too_long
    if kind == "actions":
        return len(block["elements"]) > 25 or any(
            len(e["value"]) > 2000
            or len(e["text"]["text"]) > 75
            or len(e["confirm"]["title"]["text"]) > 100
            or len(e["confirm"]["text"]["text"]) > 300
            for e in block["elements"]
        )
    return kind != "context" or len(block["elements"]) > 10
