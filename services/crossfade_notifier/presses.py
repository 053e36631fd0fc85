"""Presses of buttons, however they came in: checked, made into commands, answered to the presser.

Every person is checked by an allow-list, every press by its own signature and the state that it
was shown in. Slack is to be answered within three seconds, so a press is only taken at once; how
the command went is told to its `response_url` afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from crossfade.errors import CrossfadeError, Forbidden
from crossfade.events import subjects
from crossfade.runtime.service import Commander, Store
from crossfade.telling import Known
from crossfade_notifier.buttons import LABELS, Button, unseal
from crossfade_notifier.channels.mrkdwn import escape
from crossfade_notifier.outbox import Outbox

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64


@dataclass(slots=True)
class Presses:
    """Takes the `block_actions` payloads of Slack, by whichever door they came."""

    state: Store
    commander: Commander
    key: bytes
    """What buttons are signed with."""
    users: frozenset[str]
    answer_hosts: frozenset[str] = frozenset({"hooks.slack.com"})
    """Where a `response_url` may point; anything else is not answered."""
    timeout_seconds: float = 5.0
    service: str = "notifier"
    _answering: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def take(self, payload: Mapping[str, Any]) -> None:
        """Begin what a payload asks for. Raises ValueError where it is not one of Slack's."""
        for value in list(_values(payload)):
            if len(self._answering) >= MOST_AT_ONCE:
                log.warning("too many presses at once; one is dropped")
                return
            task = asyncio.create_task(self._press(value, payload))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def stop(self) -> None:
        """Give up what is not answered yet."""
        for task in self._answering:
            task.cancel()

    async def _press(self, value: str, payload: Mapping[str, Any]) -> None:
        person = payload.get("user")
        user = str(person.get("id", "")) if isinstance(person, Mapping) else ""
        try:
            told = await self._ask(value, user)
        except TimeoutError:
            told = (
                ":warning: Nobody answered in time; it may have been done. Look at the message"
            )
        except CrossfadeError as error:
            told = f":no_entry: Not done: {escape(str(error))}"
        await self._reply(str(payload.get("response_url", "")), told)

    async def _ask(self, value: str, user: str) -> str:
        """Send the command of a press. Raises Forbidden, Unreachable, TimeoutError."""
        press = unseal(value, self.key)
        if user not in self.users:
            raise Forbidden(f"slack:{user} is not among those who may press this button")
        async with asyncio.timeout(self.timeout_seconds):
            stale = press.stale(await self._known(press.uid))
            if stale:
                raise Forbidden(f"{stale}. Look at the message again")
            answer = await self.commander.request(press.ask, _body(press, user))
        log.info("a button was pressed", extra={"ask": press.ask, "uid": press.uid, "by": user})
        if answer.get("accepted"):
            return f":white_check_mark: {LABELS[press.ask]}: asked for by <@{user}>"
        errors = "; ".join(e.get("message", "") for e in answer.get("errors", ()))
        return f":no_entry: Not accepted: {escape(errors) or 'no reason was given'}"

    async def _known(self, uid: str) -> Known | None:
        entry = await self.state.get(subjects.own_key(self.service, uid))
        return Outbox.read(entry.value).known if entry else None

    async def _reply(self, url: str, text: str) -> None:
        if urlsplit(url).hostname not in self.answer_hosts:
            return
        limit = aiohttp.ClientTimeout(total=self.timeout_seconds)
        body = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(url, json=body) as answer,
            ):
                await answer.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            log.warning("could not answer a press", extra={"error": repr(error)})


def _values(payload: Mapping[str, Any]) -> Iterator[str]:
    """The signed values of a payload's buttons. Raises ValueError."""
    actions = payload.get("actions", ()) if isinstance(payload, Mapping) else None
    if not isinstance(actions, list | tuple):
        raise ValueError("payload: expected one JSON object with a list `actions`")  # noqa: TRY004
    for action in actions:
        if isinstance(action, Mapping) and isinstance(action.get("value"), str):
            yield action["value"]


def _body(press: Button, user: str) -> dict[str, Any]:
    return {
        "namespace": press.namespace,
        "name": press.name,
        "uid": press.uid,
        "reason": f"{LABELS[press.ask]} pressed in Slack at look {press.iteration}",
        "requestedBy": f"slack:{user}",
    } | ({"epoch": press.epoch} if press.epoch else {})
