"""`crossfade assess`: the analyzer as a filter, without a broker."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from io import BufferedIOBase
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.failing import lines
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.events import MetricSample
    from crossfade.resources import Document
    from crossfade_analyzer.policies.port import Policy

MALFORMED = 2
CHUNK = 1 << 16
"""Bytes that are read at once, where they are there."""


def assess(
    filename: Files,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="Judge by this policy, iter8 or assured, whatever they say."
        ),
    ] = None,
) -> None:
    """Assess metric samples from standard input, one JSON line each, as the analyzer would.

    Runs are told apart by `uid`. Exactly one assessment is written for each sample, in order; a
    trial reading (iteration 0) is none. The first line that is no sample of the documents' run
    ends it with exit code 2; what came before has been written.

    Example: crossfade assess -f experiment.yaml -f metrics.yaml < samples.jsonl
    """
    from crossfade.resources import admit, gather
    from crossfade.settings import load
    from crossfade_analyzer.policies.choice import policies
    from crossfade_cli.files import documents

    body, _ = gather(documents(filename))
    installed = load().analyzer
    if policy is not None:  # then an installation's own default has no say
        installed = installed.model_copy(update={"default_policy": "iter8"})
    chosen, out = alone(policies(installed), policy), sys.stdout.buffer
    read = as_they_come(cast(BufferedIOBase, sys.stdin.buffer), out)
    raise typer.Exit(filtered(admit(body), chosen, read, out))


def alone(known: Mapping[str, Policy], name: str | None) -> Mapping[str, Policy]:
    """The policies, or the one of that name under every name. Raises Malformed."""
    if name is None:
        return known
    if name not in known:
        right = f"found {name}; right is {' or '.join(known)}"
        raise Malformed([FieldError("--policy", right)])
    return dict.fromkeys(known, known[name])


def as_they_come(source: BufferedIOBase, out: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; whatever was written is flushed before more is waited for."""
    rest = b""
    while chunk := source.read1(CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        out.flush()
    yield rest


def filtered(
    document: Document,
    policies: Mapping[str, Policy],
    samples: Iterable[bytes],
    out: BinaryIO,
) -> int:
    """Write the assessment of each sample; the exit code."""
    from crossfade_analyzer.service import assess as judged

    runs: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for number, line in enumerate(samples, 1):
        if not line.strip():
            continue
        try:
            sample, (_, memory) = understood(document, line, runs)
        except Malformed as error:
            for told in lines(error):
                typer.echo(f"line {number}: {told}", err=True)
            return MALFORMED
        if sample.iteration == 0:  # the trial reading tells whether, not what
            continue
        assessment, memory = judged(policies, document, memory, sample)
        runs[sample.uid] = (sample.iteration, memory)
        out.write(assessment.body() + b"\n")
    if runs:
        return 0
    typer.echo(
        "standard input: found no sample; right would be one JSON object a line", err=True
    )
    return MALFORMED


def understood(
    document: Document, line: bytes, runs: Mapping[str, tuple[int, Mapping[str, Any]]]
) -> tuple[MetricSample, tuple[int, Mapping[str, Any]]]:
    """The sample of a line, and its run so far. Raises Malformed with every mistake by field."""
    from crossfade.events import MetricSample
    from crossfade_cli.by_hand import in_full, mistakes

    sample = in_full(document, MetricSample.from_json(line))
    run = runs.get(sample.uid, (0, {}))
    if found := mistakes(document, sample, run[0]):
        raise Malformed(found)
    return sample, run
