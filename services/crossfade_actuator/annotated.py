"""Annotated: what the annotation `crossfade.io/command` of an Experiment asks for, once each.

It holds a verb and what belongs to it: `pause`, `abort wrong model`, `promote iris-v2`. Its change
is the order, not its presence: the run remembers the text that was heard last, so that neither a
second watcher nor the next one repeats it, and the same text counts again once it has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from crossfade.domain.runs import RunState
from crossfade.errors import FieldError, Malformed
from crossfade_actuator.verbs import FACTS, check

COMMAND = "crossfade.io/command"
PLACE = f"metadata.annotations.{COMMAND}"


def text_of(experiment: Mapping[str, Any]) -> str:
    """The annotation's text, in single blanks; empty where there is none."""
    annotations = (experiment.get("metadata") or {}).get("annotations") or {}
    return " ".join(str(annotations.get(COMMAND) or "").split())


def order(text: str, state: RunState, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Verb and body of what is asked for. Raises Malformed where it cannot be asked."""
    verb, _, rest = text.partition(" ")
    if verb not in FACTS:
        right = f"right is one of {', '.join(FACTS)}, promote with a version behind it"
        raise Malformed([FieldError(PLACE, f"found {text!r}; {right}")])
    asked = dict(body) | {"reason": rest}
    if verb == "promote":
        version, _, reason = rest.partition(" ")
        asked |= {"version": version, "reason": reason}
    check(verb, state, asked)
    return verb, asked


def noting(text: str) -> Callable[[RunState], RunState]:
    """The change of a state by which a text is known to have been heard."""
    return lambda state: state if state.annotation == text else replace(state, annotation=text)
