"""Finding runs: the latest of each name, one by name, the newest of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from crossfade.errors import FieldError, Malformed, NotFound
from crossfade.events import subjects

if TYPE_CHECKING:
    from crossfade.domain.runs import RunState
    from crossfade.resources import Document
    from crossfade.telling import Known
    from crossfade_cli.talking import Talk


@dataclass(frozen=True, slots=True)
class Run:
    """A run and what it is judged by; a start that was refused has no document."""

    state: RunState
    document: Document | None

    @property
    def resource(self) -> dict[str, Any]:
        """The Experiment as an API server would hold it, status included."""
        from crossfade.resources.status import moment
        from crossfade_actuator.status import status_of

        state = self.state
        body = self.document.experiment.dump() if self.document else _bare(state)
        made = moment(datetime.fromtimestamp(state.init_at, UTC))
        metadata = {"creationTimestamp": made} | dict(body.get("metadata") or {})
        named = {"name": state.name, "namespace": state.namespace, "uid": state.uid}
        return body | {
            "metadata": metadata | named,
            "status": status_of(state, self.document),
        }


def _bare(state: RunState) -> dict[str, Any]:
    return {"apiVersion": "iter8.tools/v2alpha2", "kind": "Experiment", "spec": {}}


async def every(talk: Talk, namespace: str | None = None) -> list[Run]:
    """The latest run of every name, by namespace and name."""
    pattern = f"name.{subjects.token(namespace) if namespace else '*'}.*"
    found = []
    for key in sorted(await talk.ledger.store.keys(pattern)):
        place, name = subjects.experiment_of(key)
        state = await talk.ledger.latest(place, name)
        if state is not None:
            found.append(Run(state, await _document(talk, state)))
    return found


async def one(talk: Talk, name: str | None, namespace: str | None) -> Run:
    """The run of a name, or the newest where none is given. Raises NotFound, Malformed."""
    if name and namespace:
        state = await talk.ledger.latest(namespace, name)
        if state is None:
            raise NotFound(f"Experiment {name} not found in namespace {namespace}")
        return Run(state, await _document(talk, state))
    runs = await every(talk, namespace)
    if name is None:
        return _newest(runs, namespace)
    named = [run for run in runs if run.state.name == name]
    if not named:
        raise NotFound(f"Experiment {name} not found in any namespace")
    if len(named) > 1:
        places = ", ".join(run.state.namespace for run in named)
        told = f"experiments of the name {name} are in {places}; right would be -n with one"
        raise Malformed([FieldError("namespace", told)])
    return named[0]


def _newest(runs: list[Run], namespace: str | None) -> Run:
    if not runs:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(f"no experiments found{where}; `crossfade start -f …` begins one")
    return max(runs, key=lambda run: (run.state.init_at, run.state.uid))


async def _document(talk: Talk, state: RunState) -> Document | None:
    try:
        return await talk.runs.document(state.uid, state.revision)
    except NotFound:
        return None


async def known(talk: Talk, state: RunState) -> Known | None:
    """What the log's events of a run add up to; None where the log no longer has any."""
    from crossfade.telling import learn

    folded: Known | None = None
    async for logged in talk.journal.follow(
        namespace=state.namespace, name=state.name, live=False
    ):
        if logged.event.uid == state.uid:
            folded = learn(folded, logged.event, logged.at)
    return folded
