"""Pages: links lead somewhere, commands and settings exist, named tests are there."""

import re

import pytest

from crossfade.settings import Settings, variable
from crossfade_cli.run import MAKERS

HEADINGS = ["Context", "Decision", "Good consequences", "Bad consequences", "Alternatives"]
SETTINGS = {
    variable(section, name)
    for section, group in Settings.model_fields.items()
    for name in type(group.default).model_fields
}


def pages(root):
    found = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    assert len(found) > 25
    return {file: file.read_text(encoding="utf-8") for file in found}


def prose(text):
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_every_link_to_a_file_leads_to_one(root):
    broken = []
    for file, text in pages(root).items():
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
            path = target.partition("#")[0]
            if path and not re.match(r"[a-z]+:", path) and not (file.parent / path).exists():
                broken.append(f"{file.relative_to(root)}: {target}")
    assert broken == []


def test_every_page_is_reached_from_the_index(root):
    reached, waiting = set(), [root / "docs/index.md"]
    while waiting:
        file = waiting.pop().resolve()
        if file in reached or not file.is_file():
            continue
        reached.add(file)
        linked = re.findall(r"\]\(([^)\s#]+\.md)", file.read_text(encoding="utf-8"))
        waiting += [file.parent / target for target in linked]
    lost = {f for f in pages(root) if f.is_relative_to(root / "docs")} - reached
    assert lost == set()


def test_every_setting_that_a_page_names_exists(root):
    for file, text in pages(root).items():
        for name in re.findall(r"CROSSFADE_[A-Z]+__[A-Z_]+", text):
            assert name in SETTINGS, (file, name)


def test_every_command_that_a_page_shows_exists(root):
    import typer.main

    from crossfade_cli.main import app

    known = set(typer.main.get_command(app).commands) | {"setup", "test"}
    shown = r"(?:^|[`&] ?)(?:\./dev|crossfade) ([a-z][a-z-]+)"
    for file, text in pages(root).items():
        for command in re.findall(shown, text, re.MULTILINE):
            assert command in known, (file, command)
        for services in re.findall(r"crossfade run ((?:[a-z]+ ?)+)", text):
            assert set(services.split()) <= {
                *MAKERS,
                "takes",
                "one",
                "or",
                "more",
                "services",
            }, file


def test_every_decision_has_its_five_headings_and_its_place_in_the_list(root):
    listed = (root / "docs/decisions/README.md").read_text()
    found = sorted((root / "docs/decisions").glob("[0-9]*.md"))
    assert [int(f.name[:4]) for f in found] == list(range(1, len(found) + 1))
    for file in found:
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, file
        assert f"({file.name})" in listed


def test_the_changelog_keeps_its_form(root):
    text = (root / "docs/changelog.md").read_text()
    assert "## [Unreleased]" in text
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= known


def test_the_picture_is_drawn_for_light_and_dark_and_says_what_it_shows(root):
    text = (root / "docs/pictures/flow.svg").read_text()
    assert "prefers-color-scheme: dark" in text
    assert "<title" in text
    assert "<desc" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.fixture(scope="module")
def every_test():
    """`folder/file.py` to the names of its tests."""
    from pathlib import Path

    tests = Path(__file__).parents[1]
    found = {}
    for file in tests.rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        names = re.findall(r"^ *(?:async )?def (test_\w+)", text, re.MULTILINE)
        found[str(file.relative_to(tests))] = set(names)
    return found


def compatibility(root):
    return (root / "docs/reference/compatibility.md").read_text(encoding="utf-8")


def test_every_test_that_the_compatibility_table_names_exists(root, every_test):
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", compatibility(root))
    assert len(named) > 80
    missing = [
        f"{file}::{name}" for file, name in named if name not in every_test.get(file, ())
    ]
    assert missing == []


def test_every_row_of_the_compatibility_table_has_a_test_or_says_that_it_has_none(root):
    for line in compatibility(root).splitlines():
        if line.startswith("| ") and not line.startswith(
            ("| Row", "| Mark", "| **", "| ✓", "| ±")
        ):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == 4, line
            row, upstream, ours, shown = cells
            assert all((row, upstream, ours)), line
            assert "::test_" in shown or shown in ("no test of its own", "not built"), line
            assert (shown == "not built") == ours.startswith("not built"), line
