"""What becomes of an error: readable lines on standard error, and exit code 1. No traceback."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from crossfade.errors import CrossfadeError, FieldError, Malformed


class Readable(TyperGroup):
    """A group of commands whose known errors end in lines that say what to do."""

    def invoke(self, ctx: Any) -> Any:
        """Call the command."""
        try:
            return super().invoke(ctx)
        except CrossfadeError as error:
            for line in lines(error):
                typer.echo(line, err=True)
            raise typer.Exit(1) from error


def lines(error: CrossfadeError) -> list[str]:
    """An error as its lines: one for each field, else one."""
    if isinstance(error, Malformed):
        return [_line(mistake) for mistake in error.errors]
    return [" ".join(str(error).split())]


def _line(mistake: FieldError) -> str:
    told = f"{mistake.field}: {mistake.message}" if mistake.field else mistake.message
    return " ".join(told.split())
