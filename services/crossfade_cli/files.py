"""Documents from files, folders and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crossfade.errors import FieldError, Malformed, NotFound
from crossfade.resources.yaml import load_documents

STDIN = Path("-")
SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def documents(paths: Iterable[Path]) -> list[Mapping[str, Any]]:
    """Every document of some files. Raises Malformed naming the file, NotFound."""
    found: list[Mapping[str, Any]] = []
    errors: list[FieldError] = []
    for path in _files(paths):
        try:
            found += load_documents(_text(path))
        except Malformed as error:
            at = "standard input" if path == STDIN else str(path)
            errors += [FieldError(_at(at, e.field), e.message) for e in error.errors]
    if errors:
        raise Malformed(errors)
    return found


def _at(file: str, field: str) -> str:
    return f"{file}: {field}" if field else file


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path != STDIN and path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
            if not inside:
                raise NotFound(
                    f"{path}: holds no file that ends in {', '.join(sorted(SUFFIXES))}"
                )
            yield from inside
        else:
            yield path


def _text(path: Path) -> str:
    if path == STDIN:
        return sys.stdin.read()
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Malformed([FieldError("", "found bytes that are no UTF-8 text")]) from error
