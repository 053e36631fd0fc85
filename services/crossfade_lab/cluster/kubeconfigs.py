"""Kubeconfig files, readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

__all__ = ["write_kubeconfig"]


def write_kubeconfig(
    path: Path, *, url: str, token: str | None = None, ca: Path | None = None, user: str = "lab"
) -> Path:
    """`path`, written with mode 0600: one cluster, one user, one context called `crossfade`."""
    cluster: dict[str, str] = {"server": url}
    if ca is not None:
        cluster["certificate-authority"] = str(ca)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "crossfade",
        "clusters": [{"name": "crossfade", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token} if token else {}}],
        "contexts": [{"name": "crossfade", "context": {"cluster": "crossfade", "user": user}}],
    }
    text = yaml.safe_dump(document, sort_keys=False)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o600)  # the file may have been there before, with another mode
    return path
