"""The errors of Crossfade, and the one question that the chassis asks of each.

    CrossfadeError
    ├── Retryable              ask again later: the message is redelivered with back-off
    │   ├── Unreachable        nobody answered, or not in time
    │   └── Conflict           somebody else wrote first: read again and decide again
    └── Permanent              asking again changes nothing: set aside and told
        ├── Malformed          a document, event or setting that breaks its contract
        ├── NotFound           what was named does not exist
        ├── Forbidden          it exists and we may not touch it
        └── Missing            a program, file or package that this machine lacks

A message names the field, what was found, and what would be right. Adapters translate the errors
of their libraries at the edge and chain them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class CrossfadeError(Exception):
    """Something that Crossfade has a name for."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip())


class Retryable(CrossfadeError):
    """Not possible now; worth asking again."""


class Unreachable(Retryable):
    """Nobody answered, or not in time."""


class Conflict(Retryable):
    """Somebody else wrote first."""


class Permanent(CrossfadeError):
    """Asking again changes nothing."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in a document: where it is (`spec.duration.intervalSeconds`) and what it is."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Malformed(Permanent):
    """A document, event or setting that breaks its contract; `errors` lists every mistake."""

    def __init__(self, errors: Iterable[FieldError] | str) -> None:
        listed = [FieldError("", errors)] if isinstance(errors, str) else list(errors)
        self.errors: tuple[FieldError, ...] = tuple(listed)
        super().__init__("; ".join(str(e) if e.field else e.message for e in self.errors))


class NotFound(Permanent):
    """What was named does not exist."""


class Forbidden(Permanent):
    """It exists, and we may not touch it."""


class Missing(Permanent):
    """A program, file or package that this machine lacks."""
