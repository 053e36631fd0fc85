"""A temporary directory that goes away with its owner, even one that is killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

__all__ = ["Scratch"]

# Reading ends when the last writer is gone, however it went; the children get a moment to go.
_SWEEP = 'read -r _; sleep 0.5; rm -rf -- "$1"'


class Scratch:
    """`with Scratch() as path:`; mode 0700. A small shell removes it after a `kill -9`."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="crossfade-"))
        reading, self._writing = os.pipe()
        self._sweeper = subprocess.Popen(
            ["/bin/sh", "-c", _SWEEP, "crossfade-sweeper", str(self.path)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        os.close(reading)
        return self.path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sweeper.kill()
        self._sweeper.wait()
        os.close(self._writing)
        shutil.rmtree(self.path, ignore_errors=True)
