"""Orders to a run that is there: abort, pause, resume, promote, approve, reject."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfade_cli.options import Namespace

if TYPE_CHECKING:
    from crossfade.settings import Settings

Named = Annotated[str, typer.Argument(help="The experiment.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


def abort(name: Named, namespace: Namespace = None, reason: Reason = "") -> None:
    """End an experiment now, with all traffic at the baseline.

    Example: crossfade abort quickstart-exp -n seldon --reason "wrong model"
    """
    _order("abort", name, namespace, {"reason": reason})


def pause(name: Named, namespace: Namespace = None, reason: Reason = "") -> None:
    """Hold a running experiment where it is.

    Example: crossfade pause quickstart-exp --reason "on call tonight"
    """
    _order("pause", name, namespace, {"reason": reason})


def resume(name: Named, namespace: Namespace = None, reason: Reason = "") -> None:
    """Go on with a paused experiment.

    Example: crossfade resume quickstart-exp
    """
    _order("resume", name, namespace, {"reason": reason})


def promote(
    name: Named,
    version: Annotated[str, typer.Option(help="The version; absent means the winner.")] = "",
    namespace: Namespace = None,
    reason: Reason = "",
) -> None:
    """Promote a version now, whatever is still to be measured.

    Example: crossfade promote quickstart-exp --version iris-v2
    """
    _order("promote", name, namespace, {"reason": reason, "version": version})


def approve(name: Named, namespace: Namespace = None, reason: Reason = "") -> None:
    """Let an experiment pass the gate at which it waits.

    Example: crossfade approve quickstart-exp
    """
    _order("approve", name, namespace, {"reason": reason})


def reject(name: Named, namespace: Namespace = None, reason: Reason = "") -> None:
    """End an experiment at the gate at which it waits.

    Example: crossfade reject quickstart-exp --reason "not this week"
    """
    _order("reject", name, namespace, {"reason": reason})


ORDERS = (abort, pause, resume, promote, approve, reject)


def _order(verb: str, name: str, namespace: str | None, more: Mapping[str, str]) -> None:
    from crossfade.settings import load
    from crossfade_cli.talking import now

    now(_ask(load(), verb, name, namespace, {k: v for k, v in more.items() if v}))


async def _ask(
    settings: Settings, verb: str, name: str, namespace: str | None, more: dict[str, Any]
) -> None:
    from crossfade_cli.finding import one
    from crossfade_cli.starting import refused
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        state = (await one(talk, name, namespace)).state
        body = {
            "namespace": state.namespace,
            "name": state.name,
            "uid": state.uid,
            "requestedBy": _person(),
        }
        answer = await talk.commander.request(verb, body | more)
    if not answer.get("accepted"):
        raise refused(answer)
    typer.echo(f"accepted: {verb} {state.namespace}/{state.name} ({state.uid})")


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "crossfade"
