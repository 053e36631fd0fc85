"""Options that several commands share, and how they settle names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[
    str | None, typer.Argument(help="An experiment; absent means the newest.", metavar="NAME")
]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", help="Its namespace; absent means wherever it is."),
]
Files = Annotated[
    list[Path],
    typer.Option(
        "-f",
        "--filename",
        help="A YAML or JSON file, a folder of them, or `-` for standard input; repeatable.",
    ),
]
