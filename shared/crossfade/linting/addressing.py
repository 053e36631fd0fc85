"""Rules about addresses and secrets: whose weight, whose numbers, whose password."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crossfade.linting.findings import Finding
from crossfade.linting.queries import asked
from crossfade.resources import DeploymentPattern, Document, Metric

_SECRET = re.compile(
    r"authori[sz]ation|token|key|secret|password|cookie|credential", re.IGNORECASE
)
_INDEX = re.compile(r"\[\d+\]")
_PLACEHOLDER = re.compile(r"\$\{?[A-Za-z_]\w*\}?")
_IN_URL = re.compile(
    r"//[^/@\s:]*+:[^/@\s]++@|[?&](api[-_]?key|token|key|password)=[^&$]+", re.IGNORECASE
)


def paths_by_index(document: Document) -> Iterator[Finding]:
    """A weight addressed by position belongs to whoever stands there after the next edit."""
    for i, version in enumerate(document.versions):
        path = version.weight_obj_ref.field_path if version.weight_obj_ref else None
        if path and _INDEX.search(path):
            place = f"candidates[{i - 1}]" if i else "baseline"
            yield Finding(
                "path-by-index",
                "info",
                f"spec.versionInfo.{place}.weightObjRef.fieldPath",
                f"{path} names a position: if somebody reorders the list, {version.name}'s weight "
                "goes to another version",
                "keep the order while the experiment runs, or give each version an object or "
                "list of its own",
            )


def weights_that_stay(document: Document) -> Iterator[Finding]:
    """A version without an object takes what the others leave; in a list nobody writes that."""
    if document.experiment.spec.strategy.deployment_pattern is DeploymentPattern.FIXED_SPLIT:
        return
    paths = [
        v.weight_obj_ref.field_path if v.weight_obj_ref else None for v in document.versions
    ]
    if not any(path and _INDEX.search(path) for path in paths):
        return
    for i, (version, path) in enumerate(zip(document.versions, paths, strict=True)):
        if path is None:
            place = f"candidates[{i - 1}]" if i else "baseline"
            yield Finding(
                "weight-not-written",
                "warning",
                f"spec.versionInfo.{place}.weightObjRef",
                f"{version.name} has none: its own number in the list stays as it is while the "
                "others move",
                "give it one, unless whoever reads the list gives it the rest",
            )


def secrets_in_the_open(document: Document) -> Iterator[Finding]:
    """A secret written into a Metric is readable to everybody who may read Metrics."""
    for metric in asked(document):
        for i, header in enumerate(metric.spec.header_templates or ()):
            open_ = header.value.strip() and not _PLACEHOLDER.search(header.value)
            if open_ and _SECRET.search(header.name):
                where = f"{metric.key} spec.headerTemplates[{i}]"
                yield _open(where, f"header {header.name} holds a secret in plain text")
        if _IN_URL.search(metric.spec.url_template or ""):
            yield _open(f"{metric.key} spec.urlTemplate", "the address holds a secret")


def _open(where: str, reason: str) -> Finding:
    mend = "put it into a Secret: secret, authType: Bearer or APIKey, and ${key} in its place"
    return Finding("literal-secret", "error", where, reason, mend)


def placeholders_never_filled(document: Document) -> Iterator[Finding]:
    """Headers are filled in only with a secret and authType Bearer or APIKey (v2alpha2 §2.3)."""
    for metric in asked(document):
        filled = metric.spec.secret and metric.spec.auth_type in ("Bearer", "APIKey")
        for i, header in enumerate(metric.spec.header_templates or ()):
            if not filled and _PLACEHOLDER.search(header.value):
                yield Finding(
                    "header-not-filled",
                    "error",
                    f"{metric.key} spec.headerTemplates[{i}]",
                    f"{header.name} is sent as written, placeholder and all",
                    "give both secret and authType: Bearer or APIKey",
                )


def same_for_every_version(document: Document) -> Iterator[Finding]:
    """A query that asks the same for every version compares a number with itself."""
    if len(document.versions) < 2:
        return
    for metric in asked(document):
        if (metric.spec.params or metric.spec.body) and not _tells_apart(metric, document):
            yield Finding(
                "same-for-all",
                "error",
                f"{metric.key} spec.params",
                "the query is the same for every version: nothing is compared",
                "use $name or a variable of versionInfo whose value differs between versions",
            )


def _tells_apart(metric: Metric, document: Document) -> bool:
    """Whether a placeholder of the query has different values in two versions."""
    texts = [*(p.value for p in metric.spec.params or ()), metric.spec.body or ""]
    used = {found[0].strip("${}") for text in texts for found in _PLACEHOLDER.finditer(text)}
    used.discard("elapsedTime")  # the one that no version's variable can change
    first, *others = (
        {key: value for key, value in ({"name": v.name} | v.values).items() if key in used}
        for v in document.versions
    )
    return any(other != first for other in others)
