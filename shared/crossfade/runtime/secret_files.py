"""Secrets as files, for installations without a cluster: those of metrics and those of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossfade.errors import Forbidden, Malformed, NotFound

__all__ = ["DirectorySecrets", "text_of"]


@dataclass(frozen=True, slots=True)
class DirectorySecrets:
    """Files `<directory>/<namespace>/<name>/<key>`; one final line break is not part of a value."""

    directory: Path

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """The files of that folder. Raises NotFound, Forbidden or Malformed."""
        return await asyncio.to_thread(self._read, namespace, name)

    def _read(self, namespace: str, name: str) -> Mapping[str, str]:
        where = f"secret {namespace}/{name}"
        if not all(_is_one_step(part) for part in (namespace, name)):
            raise Malformed(f"{where}: a namespace and a name are Kubernetes names")
        folder = self.directory / namespace / name
        try:
            # Kubernetes mounts secrets with hidden entries beside the keys.
            files = [f for f in folder.iterdir() if f.is_file() and f.name[0] != "."]
            return {f.name: text_of(where, f.name, f.read_bytes()) for f in files}
        except FileNotFoundError as error:
            raise NotFound(f"{where} does not exist: no folder {folder}") from error
        except OSError as error:
            raise Forbidden(f"{where} cannot be read: {error.strerror}") from error


def text_of(where: str, key: str, raw: bytes) -> str:
    """A key's value as text, without one final line break. Raises Malformed."""
    try:
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Malformed(f"{where}: key {key} is not text") from error


def _is_one_step(part: str) -> bool:
    return bool(part) and part not in (".", "..") and not set(part) & {"/", "\\", "\0"}
