"""Who owns which field: `metadata.managedFields`, server-side apply and its conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crossfade_lab.cluster.fieldsets import Path, children, decoded, difference, encoded, leaves
from crossfade_lab.cluster.shapes import METADATA
from crossfade_lab.cluster.statuses import Status

__all__ = ["Owner", "applied", "owners_of", "recorded", "written"]

_OWNED_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
Schema = Mapping[str, Any]
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields: who, by which operation, when, and which fields."""

    manager: str
    operation: str
    api_version: str
    time: str
    fields: frozenset[Path]

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two entries one."""
        return (self.manager, self.operation, self.api_version)

    def __str__(self) -> str:
        how = f" using {self.api_version}" if self.operation == "Update" else ""
        return f'"{self.manager}"{how}'


def owners_of(item: Object | None) -> list[Owner]:
    """The entries that an object carries."""
    entries = ((item or {}).get("metadata") or {}).get("managedFields") or ()
    return [
        Owner(
            entry.get("manager", "unknown"),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("time", ""),
            frozenset(decoded(entry.get("fieldsV1") or {})),
        )
        for entry in entries
    ]


def recorded(owners: Iterable[Owner]) -> list[dict[str, Any]]:
    """managedFields: applied entries first, then by time and name."""
    order = sorted(owners, key=lambda o: (o.operation, o.time, o.manager))
    return [
        {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": encoded(set(owner.fields)),
        }
        for owner in order
    ]


def written(
    owners: Iterable[Owner], old: Object | None, new: Object, schema: Schema, writer: Owner
) -> list[Owner]:
    """The owners after a create, update or patch: what was written changes hands."""
    found = difference(_owned(old or {}), _owned(new), _rooted(schema))
    wrote = {path for path in found.written if path != ("f:metadata",)}
    if not wrote and not found.removed:
        return list(owners)
    kept = []
    mine = frozenset(wrote)
    for owner in owners:
        if owner.key == writer.key:
            mine |= owner.fields - found.removed
        elif rest := owner.fields - wrote - found.removed:
            kept.append(replace(owner, fields=rest))
    return [*kept, replace(writer, fields=mine)] if mine else kept


def applied(
    owners: list[Owner],
    live: Object | None,
    wanted: Object,
    schema: Schema,
    writer: Owner,
    *,
    force: bool,
) -> tuple[dict[str, Any], list[Owner]]:
    """The object and its owners after server-side apply; Status 409 for a conflict."""
    rooted = _rooted(schema)
    said = frozenset(p for p in leaves(_owned(wanted), rooted) if p != ("f:metadata",))
    last = next((o.fields for o in owners if o.key == writer.key), frozenset())
    others = [o for o in owners if o.key != writer.key]
    merged = _merged(live if live is not None else {}, wanted, rooted)
    gone = {p for p in last - said if not any(_touches(o.fields, p) for o in others)}
    result = _without(merged, gone, rooted)
    found = difference(_owned(live or {}), _owned(result), rooted)
    if not force:
        _refuse_conflicts(others, found.written)
    kept = [replace(o, fields=o.fields - found.written - found.removed) for o in others]
    mine = replace(writer, fields=said)
    return dict(result), [*(o for o in kept if o.fields), mine]


def _touches(fields: frozenset[Path], path: Path) -> bool:
    return any(f[: len(path)] == path for f in fields)


def _refuse_conflicts(others: Iterable[Owner], wrote: set[Path]) -> None:
    clashes = [(owner, path) for owner in others for path in sorted(owner.fields & wrote)]
    if not clashes:
        return
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {owner}",
            "field": _dotted(path),
        }
        for owner, path in clashes
    ]
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    raise Status(
        409, "Conflict", f"Apply failed with {count}: {_listed(clashes)}", {"causes": causes}
    )


def _listed(clashes: list[tuple[Owner, Path]]) -> str:
    if len({owner for owner, _ in clashes}) == len(clashes) == 1:
        owner, path = clashes[0]
        return f"conflict with {owner}: {_dotted(path)}"
    lines: dict[str, list[str]] = {}
    for owner, path in clashes:
        lines.setdefault(str(owner), []).append(f"- {_dotted(path)}")
    return "\n".join(f"conflicts with {o}:\n" + "\n".join(p) for o, p in sorted(lines.items()))


def _dotted(path: Path) -> str:
    text = ""
    for element in path:
        sort, name = element.split(":", 1)
        text += f".{name}" if sort == "f" else _bracketed(sort, name)
    return text


def _bracketed(sort: str, name: str) -> str:
    if sort == "v":
        return f"[={name}]"
    return "[" + name.strip("{}").replace('":', '"=').replace('"', "", 2) + "]"


def _owned(item: Object) -> dict[str, Any]:
    metadata = item.get("metadata") or {}
    owned = {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
    owned["metadata"] = {k: metadata[k] for k in _OWNED_METADATA if k in metadata}
    return owned


def _rooted(schema: Schema) -> dict[str, Any]:
    # A definition says nothing of metadata, or only `type: object`: its lists are known anyway.
    properties = {**(schema.get("properties") or {}), "metadata": METADATA}
    return {**schema, "properties": properties}


def _merged(live: Any, wanted: Any, schema: Schema) -> Any:
    below_live, below_wanted = children(live, schema), children(wanted, schema)
    if below_live is None or below_wanted is None or type(live) is not type(wanted):
        return wanted
    if isinstance(live, list):
        pairs = {e: item for e, (item, _) in below_live.items()}
        for element, (item, inner) in below_wanted.items():
            pairs[element] = _merged(pairs[element], item, inner) if element in pairs else item
        return list(pairs.values())
    result = dict(live)
    for element, (item, inner) in below_wanted.items():
        key = element[2:]
        result[key] = _merged(live[key], item, inner) if key in live else item
    return result


def _without(value: Any, gone: set[Path], schema: Schema) -> Any:
    inner = children(value, schema) if gone else None
    if inner is None:
        return value
    left = {}
    for element, (item, item_schema) in inner.items():
        if (element,) not in gone:
            deeper = {path[1:] for path in gone if path[0] == element}
            rest = _without(item, deeper, item_schema)
            if rest or not deeper:  # what is emptied goes with what it held
                left[element] = rest
    return (
        list(left.values()) if isinstance(value, list) else {e[2:]: v for e, v in left.items()}
    )
