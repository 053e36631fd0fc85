"""YAML as an API server reads it: safe, and dates stay text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["load_all"]

_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(_Safe):  # type: ignore[misc]  # which of the two it is shows at run time
    """The fast safe loader where libyaml is there."""


def _text(loader: Any, node: Any) -> str:
    return str(node.value)


_Loader.add_constructor(_TIMESTAMP, _text)


def load_all(text: str | bytes) -> Iterator[Any]:
    """Every document that is not empty; yaml.YAMLError for what is no YAML."""
    for found in yaml.load_all(text, Loader=_Loader):
        if found is not None:
            yield found
