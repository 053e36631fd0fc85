"""What `crossfade --help` says is a contract: recorded, and each command shows an example."""

import inspect
import subprocess
import sys
import time

import pytest
import typer.main

from crossfade_cli.main import app

COMMANDS = typer.main.get_command(app).commands


def options(command):
    """The options of a command, a row each; independent of how typer draws its boxes."""
    for option in command.params:
        names = ", ".join([*option.opts, *option.secondary_opts])
        default = "" if option.default in (None, "", ()) else f"`{option.default}`"
        help_ = " ".join((option.help or "").split()).replace("|", "\\|")
        yield f"| `{names}` | {default} | {help_} |"


def page(name):
    """The reference of one command."""
    command = COMMANDS[name]
    rows = list(options(command))
    table = ["", "| Option | Default | What it does |", "|---|---|---|", *rows] if rows else []
    paragraphs = inspect.cleandoc(command.callback.__doc__).split("\n\n")
    told = [
        f"`{' '.join(p.removeprefix('Example: ').split())}`" if p.startswith("Example: ") else p
        for p in paragraphs
    ]
    return "\n".join([f"## crossfade {name}", "", "\n\n".join(told), *table, ""])


def helped(*words):
    """What the real program prints."""
    command = [sys.executable, "-m", "crossfade_cli.main", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_help_page_is_as_the_commands_say(recorded):
    pages = [page(name) for name in sorted(COMMANDS)]
    recorded("docs/reference/cli.md", "# Commands\n\n" + "\n".join(pages))


def test_help_names_every_command():
    text = helped()
    assert [name for name in COMMANDS if name not in text] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_in_one_sentence_what_it_does(name):
    first = (COMMANDS[name].callback.__doc__ or "").strip().partition("\n")[0]
    assert first.endswith("."), name
    assert first[0].isupper(), name


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"demo", "lab"}))
def test_a_command_shows_an_example(name):
    assert f"crossfade {name}" in (COMMANDS[name].callback.__doc__ or "")


def test_help_is_there_at_once():
    """0.2 s when measured; the bound leaves room for a busy machine."""
    took = []
    for _ in range(3):
        begun = time.monotonic()
        helped()
        took.append(time.monotonic() - begun)
    assert min(took) < 1.0


def test_help_imports_nothing_heavy():
    script = (
        "import sys, crossfade_cli.main\n"
        "heavy = {'nats', 'faststream', 'kubernetes_asyncio', 'aiohttp', 'pydantic', 'scipy'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
