"""`crossfade lint`: what documents get wrong without being invalid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade_cli.explain import Paths
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.linting import Finding
    from crossfade.resources import Document

Output = Literal["text", "json"]


def lint(
    files: Paths = None,
    filename: Files = [],  # noqa: B006 - typer's default for a repeatable option
    output: Annotated[Output, typer.Option("-o", "--output", help="The form.")] = "text",
) -> None:
    """Find what documents get wrong; exit 1 if anything found is an error.

    Example: crossfade lint experiment.yaml metrics.yaml
    """
    import orjson

    from crossfade_cli.files import documents

    found = findings(documents([*(files or ()), *filename]))
    if output == "json":
        listed = [finding.to_json() for finding in found]
        typer.echo(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(told(found)))
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


def findings(documents: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings of an experiment with its metrics, and of metrics that it does not refer to."""
    from crossfade.resources import admit, gather
    from crossfade_cli.advising import linted

    strange = list(_strange(documents))
    metrics = [d for d in documents if d.get("kind") == "Metric"]
    if metrics and all(d.get("kind") != "Experiment" for d in documents):
        alone = without_experiment(metrics)
        return [*strange, *_left_out(alone), *linted(alone)]
    document = admit(gather(documents)[0])
    found = [*strange, *_left_out(document), *linted(document)]
    if any(_key(metric, document.namespace) not in document.metrics for metric in metrics):
        known = set(found)
        found += [f for f in linted(without_experiment(metrics)) if f not in known]
    return found


def _strange(documents: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Documents of our API that are of no kind of ours: misspelt, most likely."""
    from crossfade.linting import Finding

    for document in documents:
        kind, version = document.get("kind"), str(document.get("apiVersion"))
        if version.startswith("iter8.tools/") and kind not in ("Experiment", "Metric"):
            yield Finding(
                "unknown-kind",
                "error",
                "kind",
                f"found {kind!r}; the document was left out",
                "write Experiment or Metric",
            )


def _left_out(document: Document) -> Iterator[Finding]:
    """What admission leaves out, as an API server would without a word."""
    from crossfade.linting import Finding

    for sentence in document.warnings:
        where, _, reason = sentence.partition(": ")
        mend = "correct its spelling, or leave it out"
        yield Finding("left-out", "warning", where, reason, mend)


def without_experiment(metrics: Sequence[Mapping[str, Any]]) -> Document:
    """A document that only reads these metrics, so that they can be looked at by themselves."""
    from crossfade.resources import admit
    from crossfade.resources.experiments import API_VERSION

    experiment = {
        "apiVersion": API_VERSION,
        "kind": "Experiment",
        "metadata": {"name": "metrics-alone"},
        "spec": {
            "target": "nothing",
            "strategy": {"testingPattern": "Conformance"},
            "criteria": {"indicators": [_key(metric) for metric in metrics]},
            "duration": {"intervalSeconds": 60},
            "versionInfo": {"baseline": {"name": "any"}},
        },
    }
    return admit({"experiment": experiment, "metrics": list(metrics)})


def _key(metric: Mapping[str, Any], namespace: str = "default") -> str:
    metadata = metric.get("metadata") or {}
    return f"{metadata.get('namespace') or namespace}/{metadata.get('name')}"


def told(found: Sequence[Finding]) -> Iterator[str]:
    """Each finding in three lines, and their numbers."""
    for finding in found:
        yield f"{finding.level:7} {finding.where}  [{finding.code}]"
        yield f"        {finding.reason}"
        yield f"        → {finding.mend}"
    levels = [finding.level for finding in found]
    errors, warnings, infos = (levels.count(level) for level in ("error", "warning", "info"))
    counts = ((errors, "error"), (warnings, "warning"), (infos, "note"))
    told = ", ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in counts)
    yield told if found else "nothing found"
