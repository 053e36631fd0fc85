"""Tells Prometheus whom to scrape, as Kubernetes' service discovery would."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from crossfade_lab.operator.fleet import Process

__all__ = ["Targets"]


class Targets:
    """A file for `file_sd_configs`, replaced by rename whenever a process comes or goes.

    The two labels that the seed's queries need beyond the executor's own are the ones that
    Seldon's Prometheus adds by relabelling: `seldon_deployment_id` and `kubernetes_namespace`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._written = ""
        self.write(())

    def write(self, processes: Iterable[Process]) -> None:
        """List every process that answers; the metrics path is `/prometheus`."""
        groups = [
            {
                "targets": [f"{p.backend.host}:{p.backend.port}"],
                "labels": {
                    "__metrics_path__": "/prometheus",
                    "seldon_deployment_id": p.served.place.deployment,
                    "kubernetes_namespace": p.served.place.namespace,
                },
            }
            for p in processes
            if p.backend is not None and p.ready
        ]
        text = json.dumps(groups, indent=1)
        if text != self._written:
            whole = self.file.with_name(f".{self.file.name}.tmp")
            whole.write_text(text, encoding="utf-8")
            whole.replace(self.file)
            self._written = text
