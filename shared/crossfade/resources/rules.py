"""The rules of v2alpha2 that a schema cannot say: counts, names, field paths, tasks, sizes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from crossfade.errors import FieldError
from crossfade.resources.experiments import (
    DeploymentPattern,
    Experiment,
    ObjectMeta,
    ObjectReference,
    Task,
    TestingPattern,
    Version,
    VersionInfo,
)
from crossfade.resources.metrics import MetricSpec
from crossfade.resources.mistakes import Refusal, path, shown

NAME_RULE = (
    "lower-case letters, digits and '-', at most 63, starting and ending with a letter or digit"
)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253
_REFERENCE = re.compile(r"([^/]+/)?[^/]+")
_FIELD_PATH = re.compile(r"(\.[A-Za-z_$][\w$-]*(\[[0-9]+\])*)+", re.ASCII)

_CANDIDATES = {
    TestingPattern.CONFORMANCE: (0, 0, "no candidate"),
    TestingPattern.CANARY: (1, 1, "exactly one candidate"),
    TestingPattern.A_B: (1, 1, "exactly one candidate"),
    TestingPattern.A_B_N: (1, None, "one candidate or more"),
}
_REWARDS = {
    TestingPattern.CONFORMANCE: 0,
    TestingPattern.CANARY: 0,
    TestingPattern.A_B: 1,
    TestingPattern.A_B_N: 1,
}


def is_name(text: str) -> bool:
    """Whether Kubernetes takes this as the name of an object."""
    return len(text) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether Kubernetes takes this as the name of a namespace."""
    return _LABEL.fullmatch(text) is not None


def misnamed(metadata: ObjectMeta, at: str = "metadata") -> Iterator[FieldError]:
    """Names that no Kubernetes object can have."""
    if metadata.name is None:
        yield FieldError(f"{at}.name", "is missing; it has to be given")
    elif not is_name(metadata.name):
        right = "a Kubernetes name: lower-case letters, digits, '-' and '.', at most 253"
        yield FieldError(f"{at}.name", f"found {shown(metadata.name)}; right would be {right}")
    if metadata.namespace is not None and not is_namespace(metadata.namespace):
        yield FieldError(
            f"{at}.namespace", f"found {shown(metadata.namespace)}; right would be {NAME_RULE}"
        )


def misplaced_secrets(spec: MetricSpec, at: str) -> Iterator[FieldError]:
    """Secrets named in a form that no Secret can have."""
    ca = spec.tls.ca_secret if spec.tls else None
    for field, ref in ((f"{at}.secret", spec.secret), (f"{at}.tls.caSecret", ca)):
        if ref is not None and not is_reference(ref):
            right = "the name of a Secret, or namespace/name"
            yield FieldError(field, f"found {shown(ref)}; right would be {right}")


def unfinished(experiment: Experiment) -> bool:
    """Whether a `start` action may still bring what is not there."""
    return bool((experiment.spec.strategy.actions or {}).get("start"))


def misspecified(
    experiment: Experiment, *, on_cluster: bool, started: bool = False
) -> Iterator[FieldError]:
    """Everything wrong with an experiment that its author could have seen.

    `on_cluster` asks for versions, and for the objects that hold their weights; what a `start`
    action may still bring is not asked for, until it has `started`.
    """
    yield from misnamed(experiment.metadata)
    yield from _tasks(experiment)
    whole = started or not unfinished(experiment)
    info = experiment.spec.version_info
    if info is not None:
        if whole:
            yield from _candidates(experiment, info)
        yield from _versions(info)
        yield from _shared_fields(experiment, info)
    if whole and (on_cluster or started):
        yield from _unready(experiment, on_cluster=on_cluster)
    yield from _rewards(experiment)
    yield from _limits(experiment)
    yield from _references(experiment)


def written_references(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Field and text of every metric reference in the criteria."""
    criteria = experiment.spec.criteria
    if criteria is None:
        return
    at = "spec.criteria"
    if criteria.request_count is not None:
        yield f"{at}.requestCount", criteria.request_count
    for i, reward in enumerate(criteria.rewards or ()):
        yield f"{at}.rewards[{i}].metric", reward.metric
    for i, ref in enumerate(criteria.indicators or ()):
        yield f"{at}.indicators[{i}]", ref
    for i, objective in enumerate(criteria.objectives or ()):
        yield f"{at}.objectives[{i}].metric", objective.metric


def is_reference(ref: str) -> bool:
    """Whether this can name a Metric: `name` or `namespace/name`."""
    if _REFERENCE.fullmatch(ref) is None:
        return False
    namespace, _, name = ref.rpartition("/")
    return is_name(name) and (not namespace or is_namespace(namespace))


def _references(experiment: Experiment) -> Iterator[FieldError]:
    for field, ref in written_references(experiment):
        if not is_reference(ref):
            right = "the name of a Metric, or namespace/name"
            yield FieldError(field, f"found {shown(ref)}; right would be {right}")


def _tasks(experiment: Experiment) -> Iterator[FieldError]:
    for action, tasks in (experiment.spec.strategy.actions or {}).items():
        for i, task in enumerate(tasks):
            if bool(task.task) == bool(task.run):
                where = path(("spec", "strategy", "actions", action, i))
                yield FieldError(
                    where, f"{_tasks_found(task)}; right would be one of task or run"
                )


def _tasks_found(task: Task) -> str:
    if task.task:
        return f"found both task {shown(task.task)} and run"
    return (
        "found only a condition, neither task nor run"
        if task.if_
        else "found neither task nor run"
    )


def _candidates(experiment: Experiment, info: VersionInfo) -> Iterator[FieldError]:
    pattern = experiment.spec.strategy.testing_pattern
    least, most, right = _CANDIDATES[pattern]
    count = len(info.candidates or ())
    if count < least or (most is not None and count > most):
        condition = f"Invalid number of candidates for {pattern} experiment"
        message = f"{condition}: found {count}; right would be {right}"
        yield Refusal("spec.versionInfo.candidates", message, condition=condition)


def _rewards(experiment: Experiment) -> Iterator[FieldError]:
    pattern = experiment.spec.strategy.testing_pattern
    criteria = experiment.spec.criteria
    count = len((criteria.rewards if criteria else None) or ())
    if count != _REWARDS[pattern]:
        condition = f"Invalid number of rewards for {pattern} experiment"
        right = "exactly one reward" if _REWARDS[pattern] else "no reward"
        message = f"{condition}: found {count}; right would be {right}"
        yield Refusal("spec.criteria.rewards", message, condition=condition)


def _versions(info: VersionInfo) -> Iterator[FieldError]:
    placed = list(_placed(info))
    counts = Counter(version.name for _, version in placed)
    seen: set[str] = set()
    for where, version in placed:
        if not version.name:
            yield FieldError(f"{where}.name", "found ''; right would be text that is not empty")
        elif version.name in seen:
            condition = "Version names are not unique"
            found = f"found {shown(version.name)} {counts[version.name]} times"
            message = f"{condition}: {found}; right would be a name of its own"
            yield Refusal(f"{where}.name", message, condition=condition)
        seen.add(version.name)
        if version.weight_obj_ref is not None:
            yield from _weight_obj_ref(version.weight_obj_ref, f"{where}.weightObjRef")


def _shared_fields(experiment: Experiment, info: VersionInfo) -> Iterator[FieldError]:
    """Two versions whose weights are one and the same number: a slip of copying."""
    first: dict[tuple[str | None, ...], str] = {}
    for where, version in _placed(info):
        ref = version.weight_obj_ref
        if ref is None or not ref.field_path:
            continue
        namespace = ref.namespace or experiment.namespace
        key = (ref.kind, namespace, ref.name, ref.field_path)
        if key in first:
            found = f"found {shown(ref.field_path)}, which {first[key]} has already"
            field = f"{where}.weightObjRef.fieldPath"
            yield FieldError(field, f"{found}; right would be a field of its own")
        first.setdefault(key, where)


def _unready(experiment: Experiment, *, on_cluster: bool) -> Iterator[FieldError]:
    """Versions that are missing, or whose weights nobody could read."""
    info = experiment.spec.version_info
    if info is None:
        condition = "No versionInfo in experiment"
        message = f"{condition}; right would be a baseline and its candidates"
        yield Refusal("spec.versionInfo", message, condition=condition)
        return
    fixed = experiment.spec.strategy.deployment_pattern is DeploymentPattern.FIXED_SPLIT
    if fixed or not on_cluster:
        return
    without = [where for where, version in _placed(info) if version.weight_obj_ref is None]
    for where in without[1:]:
        problem = "insufficient number of weightObjectRef specified"
        condition = "Specification of version weightObjectRef invalid: "
        condition += f"unable to read version weights; {problem}"
        message = (
            f"is missing, and so is {without[0]}'s; right would be at most one version without"
        )
        yield Refusal(f"{where}.weightObjRef", message, condition=condition)


def _placed(info: VersionInfo) -> Iterator[tuple[str, Version]]:
    yield "spec.versionInfo.baseline", info.baseline
    for i, candidate in enumerate(info.candidates or ()):
        yield f"spec.versionInfo.candidates[{i}]", candidate


def _weight_obj_ref(ref: ObjectReference, where: str) -> Iterator[FieldError]:
    for field, value in (
        ("apiVersion", ref.api_version),
        ("kind", ref.kind),
        ("name", ref.name),
    ):
        if not value:
            yield FieldError(f"{where}.{field}", "is missing; it has to be given")
    if ref.name and not is_name(ref.name):
        yield FieldError(
            f"{where}.name", f"found {shown(ref.name)}; right would be a Kubernetes name"
        )
    if ref.namespace and not is_namespace(ref.namespace):
        found = f"found {shown(ref.namespace)}"
        yield FieldError(f"{where}.namespace", f"{found}; right would be {NAME_RULE}")
    yield from _field_path(ref.field_path, f"{where}.fieldPath")


def _field_path(text: str | None, where: str) -> Iterator[FieldError]:
    if not text:
        condition = "Specification of version weightObjectRef invalid: "
        condition += "no fieldpath specified in referencing object"
        yield Refusal(where, f"is missing; {_PATH_RIGHT}", condition=condition)
    elif not text.startswith("."):
        condition = "Fieldpaths must start with '.'"
        message = f"{condition}: found {shown(text)}; {_PATH_RIGHT}"
        yield Refusal(where, message, condition=condition)
    elif _FIELD_PATH.fullmatch(text) is None:
        negative = "an index is counted from 0, " if "[-" in text else ""
        yield FieldError(where, f"found {shown(text)}; {negative}{_PATH_RIGHT}")


_PATH_RIGHT = "right would be a path such as .spec.predictors[0].traffic"


def _limits(experiment: Experiment) -> Iterator[FieldError]:
    """Limits that no value can meet; upstream ran them, so do documents written for it."""
    if experiment.spec.decision is None:
        return
    criteria = experiment.spec.criteria
    for i, objective in enumerate((criteria.objectives if criteria else None) or ()):
        lower, upper = objective.lower, objective.upper
        if lower is not None and upper is not None and lower > upper:
            found = f"found {objective.lower_limit}, above upperLimit {objective.upper_limit}"
            where = f"spec.criteria.objectives[{i}].lowerLimit"
            yield FieldError(
                where, f"{found}; right would be a lower limit up to the upper one"
            )
