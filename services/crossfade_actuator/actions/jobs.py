"""Tasks as Kubernetes Jobs: their own image, service account and deadline.

A Job outlives a killed actuator. The next one finds it by its name, which names run, action and
task, and follows it to its end; so a task runs once, whoever dies. Only `forget` deletes a Job:
once its outcome is recorded, or nobody wants it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from crossfade.errors import Conflict, CrossfadeError, NotFound, Permanent, Unreachable
from crossfade_actuator.actions.manifests import Place, job_of, name_of, secret_of
from crossfade_actuator.actions.port import Errand, Outcome, TaskFailed
from crossfade_actuator.api import KubernetesApi

log = logging.getLogger(__name__)

TAIL = 4000
GRACE_SECONDS = 10.0
"""Beyond a Job's deadline, until the cluster has said that it was missed."""
LEAVING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """The executor `job`."""

    api: KubernetesApi
    place: Place
    poll_seconds: float = 1.0

    def permit(self) -> None:
        """Actions may run."""

    async def survives(self, errand: Errand) -> bool:
        """Whether the task's Job is there and stays."""
        try:
            return not _leaving(await self._get(errand))
        except NotFound:
            return False

    async def execute(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        seconds: float,
        errand: Errand | None = None,
    ) -> Outcome:
        """How the Job ended, with the tail of its log where that may be read.

        Raises TaskFailed where no Job can be made of it.
        """
        if errand is None:
            raise TaskFailed("a Job needs to know whose it is")
        job = job_of(argv, environment, seconds, errand, self.place)
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                made = await self._made(job, errand)
                await self._hide(argv, errand, made)
                return await self._followed(errand, seconds)
        except TimeoutError:
            await self.forget(errand)
            return Outcome(
                False, f"ended after {seconds:.0f} s: the Job did not say how it went"
            )
        except Permanent as error:
            await self.forget(errand)
            name = f"{self.place.namespace}/{name_of(errand)}"
            raise TaskFailed(f"the Job {name} cannot run: {error}") from error

    async def forget(self, errand: Errand) -> None:
        """Delete the Job in the background, pods and Secret along with it."""
        body = {"propagationPolicy": "Background"}
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                with suppress(NotFound):
                    await self.api.call("DELETE", self._path(errand), body=body)
        except (CrossfadeError, TimeoutError) as error:
            # It ends by its own deadline, and goes an hour later.
            where = {"run": errand.uid, "job": name_of(errand), "error": str(error)}
            log.warning("a job stays behind", extra=where)

    async def _made(self, job: Mapping[str, Any], errand: Errand) -> dict[str, Any]:
        """The task's Job: made now, or by an actuator that died since."""
        while True:
            try:
                return await self.api.call("POST", self.place.jobs, body=dict(job))
            except Conflict:
                with suppress(NotFound):
                    found = await self._get(errand)
                    if not _leaving(found):
                        return found
                await asyncio.sleep(self.poll_seconds)

    async def _hide(self, argv: Sequence[str], errand: Errand, job: Mapping[str, Any]) -> None:
        secret = secret_of(argv, errand, job["metadata"], self.place)
        if secret is not None:
            with suppress(Conflict):  # made by an actuator that died since
                await self.api.call("POST", f"{self.place.core}/secrets", body=secret)

    async def _followed(self, errand: Errand, seconds: float) -> Outcome:
        while True:
            with suppress(Unreachable):  # a server that is away now; the deadline holds
                job = await self._get(errand)
                if ended := _ended(job):
                    return await self._outcome(errand, ended, seconds)
            await asyncio.sleep(self.poll_seconds)

    async def _outcome(
        self, errand: Errand, ended: Mapping[str, Any], seconds: float
    ) -> Outcome:
        tail, code = await self._told(errand)
        if ended["type"] == "Complete":
            return Outcome(True, tail, 0 if code is None else code)
        if ended.get("reason") == "DeadlineExceeded":
            return Outcome(False, f"{tail}\nended after {seconds:.0f} s".strip())
        if code is not None and tail:
            return Outcome(False, tail, code)
        told = f"{ended.get('reason', 'Failed')}: {ended.get('message', 'the Job failed')}"
        return Outcome(False, f"{tail}\n{told}".strip(), code)

    async def _told(self, errand: Errand) -> tuple[str, int | None]:
        """The tail of the log and the exit code, as far as our rights go."""
        code = None
        try:
            query = [("labelSelector", f"job-name={name_of(errand)}")]
            pods = await self.api.call("GET", f"{self.place.core}/pods", query=query)
            for pod in (pods.get("items") or ())[-1:]:
                code = _exit(pod)
                path = f"{self.place.core}/pods/{pod['metadata']['name']}/log"
                tail = await self.api.text(path, [("container", "task"), ("tailLines", "100")])
                return tail[-TAIL:].strip(), code
        except CrossfadeError as error:
            log.info("no log of a job", extra={"job": name_of(errand), "error": str(error)})
        return "", code

    async def _get(self, errand: Errand) -> dict[str, Any]:
        return await self.api.call("GET", self._path(errand))

    def _path(self, errand: Errand) -> str:
        return f"{self.place.jobs}/{name_of(errand)}"


def _leaving(job: Mapping[str, Any]) -> bool:
    return bool(job["metadata"].get("deletionTimestamp"))


def _ended(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition that says how the Job ended, once one does."""
    found: Mapping[str, Any]
    for found in (job.get("status") or {}).get("conditions") or ():
        if found.get("type") in ("Complete", "Failed") and found.get("status") == "True":
            return found
    return None


def _exit(pod: Mapping[str, Any]) -> int | None:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        if ended is not None:
            return int(ended["exitCode"])
    return None
