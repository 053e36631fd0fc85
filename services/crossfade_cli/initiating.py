"""`crossfade init`: the first documents of an experiment, tried once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.errors import FieldError, Malformed

if TYPE_CHECKING:
    from crossfade.resources import Document
    from crossfade.settings import Settings

Kind = Literal["seldon", "istio", "mock"]
PROMETHEUS = "http://localhost:9090"


def init(
    kind: Annotated[
        Kind | None, typer.Option(help="What carries the weights; `mock` needs nothing.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The experiment's name.")] = None,
    prometheus: Annotated[str | None, typer.Option(help="Prometheus, as a URL.")] = None,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Its namespace.")] = (
        "default"
    ),
    object_: Annotated[
        str | None, typer.Option("--object", help="The SeldonDeployment or VirtualService.")
    ] = None,
    baseline: Annotated[str, typer.Option(help="The version that serves now.")] = "baseline",
    candidate: Annotated[str, typer.Option(help="The version to try.")] = "candidate",
    folder: Annotated[Path, typer.Option(help="Where the two files go.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files.")] = False,
    trial: Annotated[bool, typer.Option(help="Read every metric once.")] = True,
) -> None:
    """Write experiment.yaml and metrics.yaml, and read every metric once; asks what is not given.

    Example: crossfade init --kind seldon --name iris --prometheus http://prometheus:9090
    """
    from crossfade.resources import admit
    from crossfade_cli.drafts import Wishes, documents

    wanted = kind or _choice()
    called = name or typer.prompt("Name of the experiment")
    url = prometheus or ("" if wanted == "mock" else typer.prompt("Prometheus", PROMETHEUS))
    carrier = object_ or called
    wishes = Wishes(wanted, called, namespace, url, carrier, baseline, candidate)
    experiment, metrics = documents(wishes)
    document = admit({"experiment": experiment, "metrics": metrics})
    files = {folder / "experiment.yaml": [experiment], folder / "metrics.yaml": metrics}
    _refuse_existing(files, force=force)
    for path, listed in files.items():
        _write(path, listed)
    if trial:
        _try(document)
    here = " ".join(f"-f {path}" for path in files)
    typer.echo(f"Next: crossfade start {here}")


def _choice() -> Kind:
    asked = typer.prompt("What carries the weights (seldon, istio, mock)", "seldon")
    for kind in ("seldon", "istio", "mock"):
        if asked == kind:
            return kind
    right = "right is seldon, istio or mock"
    raise Malformed([FieldError("--kind", f"found {asked!r}, {right}")])


def _refuse_existing(files: dict[Path, Any], *, force: bool) -> None:
    there = [] if force else [path for path in files if path.exists()]
    if there:
        told = "exists already; --force replaces it"
        raise Malformed(FieldError(str(path), told) for path in there)


def _write(path: Path, listed: list[dict[str, Any]]) -> None:
    import yaml

    text = yaml.safe_dump_all(listed, sort_keys=False, allow_unicode=True, width=1000)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        told = f"cannot be written: {error.strerror}"
        raise Malformed([FieldError(str(path), told)]) from error
    typer.echo(f"wrote {path}")


def _try(document: Document) -> None:
    from crossfade.settings import load
    from crossfade_cli.talking import now

    now(_read(document, load()))


async def _read(document: Document, settings: Settings) -> None:
    from crossfade_cli.trial import trial

    for reading in await trial(document, settings):
        known = f"{reading.value:g}" if reading.value is not None else str(reading.absent)
        detail = f" ({reading.detail})" if reading.detail else ""
        typer.echo(f"read {reading.metric} of {reading.version}: {known}{detail}")
