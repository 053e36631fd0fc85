"""Who may do what in the emulated cluster: everybody everything, unless rules are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crossfade_lab.cluster.requests import Target
from crossfade_lab.cluster.statuses import Status, forbidden

__all__ = ["Asked", "Rule", "allows", "refusal"]

ANY = ("*",)


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that somebody wants to do, in RBAC's words."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed; `*` means all. A part is named `experiments/status`."""

    verbs: Sequence[str]
    groups: Sequence[str]
    resources: Sequence[str]
    namespaces: Sequence[str] = ANY

    def allows(self, asked: Asked) -> bool:
        """Whether this rule alone allows it."""
        pairs = (
            (self.verbs, asked.verb),
            (self.groups, asked.group),
            (self.resources, asked.resource),
            (self.namespaces, asked.namespace),
        )
        return all("*" in listed or value in listed for listed, value in pairs)


def allows(rules: Sequence[Rule] | None, asked: Asked) -> bool:
    """Whether any of the rules allows it; no rules at all allow everything."""
    return rules is None or any(rule.allows(asked) for rule in rules)


def refusal(asked: Asked, at: Target, user: str) -> Status:
    """The 403 that says so."""
    where = (
        f' in the namespace "{asked.namespace}"' if asked.namespace else " at the cluster scope"
    )
    resource = f"{at.kind.plural}.{asked.group}" if asked.group else at.kind.plural
    subject = f'{resource} "{asked.name}"' if asked.name else resource
    text = (
        f'{subject} is forbidden: User "{user}" cannot {asked.verb} resource '
        f'"{asked.resource}" in API group "{asked.group}"{where}'
    )
    details = {"name": asked.name, "group": asked.group, "kind": at.kind.plural}
    return forbidden(text, {k: v for k, v in details.items() if v})
