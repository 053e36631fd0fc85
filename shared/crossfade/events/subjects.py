"""Subjects, keys and tokens: the one place that spells them.

Names are Kubernetes names. A dot would become a second token of a subject, so it is written `_`,
which no Kubernetes name contains.
"""

from __future__ import annotations

import hashlib

EVENTS = "CROSSFADE_EVENTS"
COMMANDS = "CROSSFADE_COMMANDS"
CLOCK = "CROSSFADE_CLOCK"
DEADLETTERS = "CROSSFADE_DEADLETTERS"
RUNS = "crossfade_runs"
STATE = "crossfade_state"

DEADLINE = "crossfade.deadline"
DEADLINE_SCHEDULE = "crossfade.schedule.deadline"

VERBS = ("start-experiment", "abort", "pause", "resume", "promote", "approve", "reject")
QUESTIONS = ("replay",)
"""Verbs of the door that answers which change nothing and are never queued."""


def token(name: str) -> str:
    """A Kubernetes name as one token of a subject or key."""
    return name.replace(".", "_")


def name_of(part: str) -> str:
    """The Kubernetes name that a token stands for."""
    return part.replace("_", ".")


def event_subject(kind: str, namespace: str, name: str) -> str:
    """`crossfade.event.<kind>.<namespace>.<name>`."""
    return f"crossfade.event.{kind}.{token(namespace) or '-'}.{token(name) or '-'}"


def experiment_of(subject: str) -> tuple[str, str]:
    """Namespace and name from the last two tokens of a subject."""
    namespace, name = subject.split(".")[-2:]
    return _present(namespace), _present(name)


def _present(part: str) -> str:
    return "" if part == "-" else name_of(part)


def command_subject(verb: str) -> str:
    """`crossfade.command.<verb>`: the queue."""
    return f"crossfade.command.{verb}"


def request_subject(verb: str) -> str:
    """`crossfade.request.<verb>`: the door that answers."""
    return f"crossfade.request.{verb}"


def schedule_subject(namespace: str, name: str) -> str:
    """The schedule of an experiment's ticks; publishing again replaces it."""
    return f"crossfade.schedule.{token(namespace)}.{token(name)}"


def tick_subject(namespace: str, name: str) -> str:
    """Where an experiment's ticks arrive."""
    return f"crossfade.tick.{token(namespace)}.{token(name)}"


def document_key(uid: str, revision: int) -> str:
    """Key of a resolved document: immutable, cacheable for ever."""
    return f"{uid}.document.{revision}"


def state_key(uid: str) -> str:
    """Key of a run's lifecycle."""
    return f"{uid}.state"


def name_key(namespace: str, name: str) -> str:
    """Key that names the latest run of an experiment."""
    return f"name.{token(namespace)}.{token(name)}"


def target_key(target: str) -> str:
    """Key of a target's lock and queue."""
    return f"target.{hashlib.sha256(target.encode()).hexdigest()[:32]}"


def own_key(service: str, uid: str) -> str:
    """Key of a service's own state of a run."""
    return f"{service}.{uid}"


def open_key(uid: str) -> str:
    """Key that is there until a run is settled to its very end."""
    return f"open.{uid}"


def lease_key(uid: str) -> str:
    """Key that says which actuator runs the run's action now."""
    return f"lease.{uid}"
