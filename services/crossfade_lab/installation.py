"""An installation: the small world with Crossfade's services at work in it.

async with Installation(World(SINGLE, interval_seconds=2)) as installed:
    await installed.start(via="request")
    async for logged in installed.events():
        ...
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal, Self

import nats.errors
import orjson

from crossfade.errors import FieldError, Malformed, Permanent, Unreachable
from crossfade.events import subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.children import end, spawn
from crossfade.runtime.connecting import Connection, connection
from crossfade.runtime.journal import Journal
from crossfade.runtime.service import Logged
from crossfade.settings import BusSettings
from crossfade_lab.cluster.kubectl import find_kubectl
from crossfade_lab.crew import SERVICES, Crew
from crossfade_lab.page import CONSOLE, Page
from crossfade_lab.parts import together
from crossfade_lab.world import World

__all__ = ["Installation", "Via"]

Via = Literal["request", "event", "kubectl"]

ANSWER_SECONDS = 10.0
KUBECTL_SECONDS = 30.0


class Installation:
    """A world, its log bootstrapped, and every service a process (or all in one).

    `settings` are CROSSFADE_ variables beyond those that the world's addresses give. Where `names`
    has the console, `page` is its address, and `on_page` is called once it answers.
    """

    def __init__(
        self,
        world: World,
        *,
        names: Sequence[str] = SERVICES,
        together: bool = False,
        settings: Mapping[str, str] | None = None,
        on_page: Callable[[Page], None] = lambda page: None,
    ) -> None:
        self.world = world
        self.page = Page() if CONSOLE in names else None
        self.crew: Crew
        self.connection: Connection
        self.first_prediction_seconds = 0.0
        self._names = names
        self._together = together
        self._settings = dict(settings or {})
        self._on_page = on_page
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self.world)
            self.bus = BusSettings(url=self.world.broker.url)
            await asyncio.gather(self._install(), self._first_prediction())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def settings(self) -> dict[str, str]:
        """The environment of every service."""
        return {
            **self.world.settings(),
            "CROSSFADE_ACTUATOR__ACTIONS": "process",
            **(self.page.settings() if self.page else {}),
            **self._settings,
        }

    async def start(
        self, experiment: Mapping[str, Any], metrics: Sequence[Any] = (), via: Via = "request"
    ) -> None:
        """Start an experiment through one of the three doors.

        Raises Malformed with every mistake by field where the door answers; Unreachable where
        nobody does.
        """
        if via == "kubectl":
            await self.kubectl("apply", "-f", "-", document=orjson.dumps(experiment))
            return
        body = orjson.dumps({"experiment": experiment, "metrics": list(metrics)})
        if via == "event":
            subject = subjects.command_subject("start-experiment")
            head = {"Nats-Msg-Id": secrets.token_hex(8)}
            await self.connection.js.publish(subject, body, headers=head)
            return
        await self.ask("start-experiment", body)

    async def ask(self, verb: str, body: bytes) -> dict[str, Any]:
        """The answer at a request door; Malformed where it refuses."""
        subject = subjects.request_subject(verb)
        assert self.connection.client is not None
        try:
            answer = await self.connection.client.request(subject, body, timeout=ANSWER_SECONDS)
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError) as silent:
            raise Unreachable(f"{subject}: nobody answers; is the actuator up?") from silent
        said: dict[str, Any] = orjson.loads(answer.data)
        if not said.get("accepted"):
            raise Malformed(FieldError(e["field"], e["message"]) for e in said["errors"])
        return said

    async def kubectl(self, *arguments: str, document: bytes | None = None) -> str:
        """What kubectl prints against the world's cluster; Permanent with its words else."""
        with tempfile.TemporaryFile() as sent:
            sent.write(document or b"")
            sent.seek(0)
            command = [str(find_kubectl()), "--kubeconfig", str(self.world.kubeconfig)]
            process = await spawn(
                [*command, *arguments],
                env={"HOME": str(self.world.directory), "PATH": "/usr/bin:/bin"},
                stdin=sent,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                said, _ = await asyncio.wait_for(process.communicate(), KUBECTL_SECONDS)
            finally:
                await end(process)
        if process.returncode:
            raise Permanent(f"kubectl {' '.join(arguments)}: {said.decode().strip()}")
        return said.decode()

    def events(self, kinds: Sequence[str] = (), *, live: bool = True) -> AsyncIterator[Logged]:
        """The log from its start."""
        return Journal(self.connection).follow(kinds=kinds, live=live)

    async def _install(self) -> None:
        await bootstrap(self.bus)
        self.connection = connection(self.bus, "lab")
        await self.connection.open()
        self._stack.push_async_callback(self.connection.close)
        self.crew = Crew(
            self.world.directory / "services",
            self.settings,
            self._names,
            together=self._together,
        )
        await together(self._start_crew(), self._welcome())

    async def _start_crew(self) -> None:
        await self._stack.enter_async_context(self.crew)

    async def _welcome(self) -> None:
        if self.page is not None:
            await self.page.up()
            self._on_page(self.page)

    async def _first_prediction(self) -> None:
        if "load" not in self.world.parts:
            return
        while not self.world.load.predictions.ok:  # noqa: ASYNC110 - counts tell nobody
            await asyncio.sleep(0.01)
        self.first_prediction_seconds = time.monotonic() - self.world.began
