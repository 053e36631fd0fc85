"""The lab's cluster: an API server in this process, and a real one where it is installed.

`ApiServer` emulates as much of Kubernetes as Crossfade, kubectl and kubernetes_asyncio use.
`ControlPlane` starts etcd and kube-apiserver from KUBEBUILDER_ASSETS. The emulator is held to the
real one by `tests/cluster/conformance`: the same requests, the same answers.
"""

from __future__ import annotations

from pathlib import Path

from crossfade_lab.cluster.admission import seldon_admission
from crossfade_lab.cluster.controlplane import ControlPlane
from crossfade_lab.cluster.documents import Client
from crossfade_lab.cluster.rules import Rule
from crossfade_lab.cluster.server import ApiServer, serve
from crossfade_lab.cluster.statuses import Status

__all__ = [
    "CRDS",
    "ApiServer",
    "Client",
    "ControlPlane",
    "Rule",
    "Status",
    "seldon_admission",
    "serve",
]

CRDS = Path(__file__).parent / "crds"
