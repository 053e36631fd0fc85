"""The Job of one task: its name, its container, and where its secrets stay out of sight."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossfade_actuator.actions.port import Errand

KEPT_SECONDS = 3600
"""How long the cluster keeps a Job that has ended and that nobody came back for."""
TOLD = ("LANG", "EXPERIMENT_NAME", "EXPERIMENT_NAMESPACE", "ACTION", "CROSSFADE_ATTEMPT")
FOLDERS = {"HOME": "/home/crossfade", "SCRATCH_DIR": "/scratch", "TMPDIR": "/tmp"}  # noqa: S108
_ODD = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where Jobs run, as whom, and from which image."""

    image: str
    namespace: str
    service_account: str

    @property
    def jobs(self) -> str:
        """The path of its Jobs."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def core(self) -> str:
        """The path of its pods and Secrets."""
        return f"/api/v1/namespaces/{self.namespace}"


def name_of(errand: Errand) -> str:
    """A Job's name. It names the run by its uid, so that no leftover of another one counts."""
    key = f"{errand.uid}/{errand.action}/{errand.task}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    readable = _ODD.sub("-", errand.name.lower())[:24].strip("-")
    return f"{readable}-{_ODD.sub('-', errand.action)[:16]}-{errand.task}-{digest}"


def job_of(
    argv: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    errand: Errand,
    place: Place,
) -> dict[str, Any]:
    """The Job that runs a program once, for at most so many seconds."""
    name, labels = name_of(errand), labels_of(errand)
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": place.service_account,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(argv, environment, errand, place)],
        "volumes": [{"name": n.lower().replace("_", "-"), "emptyDir": {}} for n in FOLDERS],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": place.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, math.ceil(seconds)),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def labels_of(errand: Errand) -> dict[str, str]:
    """Whose Job it is; the first two labels are upstream's."""
    return {
        "iter8/experimentName": _label(errand.name),
        "iter8/experimentNamespace": _label(errand.namespace),
        "crossfade/uid": _label(errand.uid),
        "crossfade/action": _label(errand.action),
        "crossfade/task": str(errand.task),
    }


def secret_of(
    argv: Sequence[str], errand: Errand, owner: Mapping[str, Any], place: Place
) -> dict[str, Any] | None:
    """The Secret beside the Job, with the arguments that show one; None where none does."""
    hidden = {_key(i): arg for i, arg in enumerate(argv) if _shows(arg, errand)}
    if not hidden:
        return None
    metadata = {
        "name": name_of(errand),
        "namespace": place.namespace,
        "labels": labels_of(errand),
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": owner["name"],
                "uid": owner["uid"],
            }
        ],
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": hidden}


def _container(
    argv: Sequence[str], environment: Mapping[str, str], errand: Errand, place: Place
) -> dict[str, Any]:
    told = {name: environment[name] for name in TOLD if name in environment} | FOLDERS
    env: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in told.items()]
    for i, arg in enumerate(argv):
        if _shows(arg, errand):
            key = {"name": name_of(errand), "key": _key(i)}
            env.append({"name": _variable(i), "valueFrom": {"secretKeyRef": key}})
    return {
        "name": "task",
        "image": place.image,
        "command": [_written(arg, i, errand) for i, arg in enumerate(argv)],
        "env": env,
        "workingDir": FOLDERS["HOME"],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": n.lower().replace("_", "-"), "mountPath": path}
            for n, path in FOLDERS.items()
        ],
    }


def _written(arg: str, place: int, errand: Errand) -> str:
    # Kubernetes reads $(NAME) in a command, and $$ as $: a script's own dollars are doubled.
    return f"$({_variable(place)})" if _shows(arg, errand) else arg.replace("$", "$$")


def _shows(arg: str, errand: Errand) -> bool:
    return any(secret and secret in arg for secret in errand.secrets)


def _variable(place: int) -> str:
    return f"CROSSFADE_ARGUMENT_{place}"


def _key(place: int) -> str:
    return f"argument-{place}"


def _label(text: str) -> str:
    return text[:63].strip("-_.")
