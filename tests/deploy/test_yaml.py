"""Every YAML file parses, every image is pinned, every setting and command exists in the code."""

import re
import shutil
import subprocess

import pytest
import yaml

from crossfade.events import subjects
from crossfade.settings import Settings, variable
from crossfade_cli.run import MAKERS

FIELDS = {
    variable(section, name)
    for section, group in Settings.model_fields.items()
    for name in type(group.default).model_fields
}
STREAMS = {subjects.EVENTS, subjects.COMMANDS, subjects.CLOCK, subjects.DEADLETTERS}
COMMANDS = {"run", "bootstrap"}


def texts(root):
    files = [root / "docker-compose.yml", *(root / "deploy").rglob("*")]
    return {f: f.read_text(encoding="utf-8") for f in files if f.is_file() and _ours(f)}


def _ours(file):
    named = {".yaml", ".yml", ".conf"} & {file.suffix} or file.name == "Dockerfile"
    return named and not {"crds", "examples", "grafana"} & set(file.parts)


def test_every_yaml_file_parses(root):
    found = [f for f in texts(root) if f.suffix in (".yaml", ".yml")]
    assert len(found) > 12
    for file in found:
        assert [d for d in yaml.safe_load_all(file.read_text()) if d], file


def test_every_setting_that_is_named_exists(root):
    for file, text in texts(root).items():
        named = set(re.findall(r"CROSSFADE_[A-Z0-9_]+", text)) - STREAMS
        assert named <= FIELDS, (file, named - FIELDS)


def test_every_image_is_pinned(root):
    found = []
    for file, text in texts(root).items():
        for image in re.findall(r"^\s*(?:- )?(?:image:|FROM) +(\S+)", text, re.MULTILINE):
            found.append(image)
            assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image), (file, image)
    assert len(found) > 10


def test_the_images_of_ours_bear_the_version_of_the_distribution(root):
    version = re.search(
        r'^version = "(.+)"', (root / "pyproject.toml").read_text(), re.MULTILINE
    )
    for text in texts(root).values():
        for tag in re.findall(r"\bcrossfade:([\w.-]+)\b", text):
            if tag[0].isdigit():
                assert tag == version[1]
    assert Settings().actuator.handler_image == f"crossfade:{version[1]}"


def test_every_command_of_the_manifests_is_one_of_the_command_line(manifests, compose):
    asked = [
        c["args"]
        for m in manifests
        for c in containers(m)
        if c["image"].startswith("crossfade:")
    ]
    asked += [
        s["command"]
        for s in compose["services"].values()
        if "crossfade:" in s["image"] and "entrypoint" not in s
    ]
    assert {a[1] for a in asked if a[0] == "run"} == set(MAKERS)
    for command, *services in asked:
        assert command in COMMANDS
        assert set(services) <= set(MAKERS)
        assert bool(services) == (command == "run")


def containers(manifest):
    pod = (manifest.get("spec") or {}).get("template", {}).get("spec", {})
    return pod.get("containers", [])


def test_the_commands_are_known_to_the_command_line():
    main = pytest.importorskip("crossfade_cli.main", reason="the command line is not there yet")
    import typer.main

    assert set(typer.main.get_command(main.app).commands) >= COMMANDS


def test_prometheus_accepts_its_configuration(root):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on PATH; Debian's prometheus brings it")
    file = root / "deploy/prometheus/prometheus.yml"
    done = subprocess.run(
        [promtool, "check", "config", file], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_built_from_files_that_exist_and_runs_without_root(root):
    text = (root / "deploy/Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source
    stages = text.split("\nFROM ")
    assert "USER 10001:10001" in stages[-1]
    assert stages[-1].index("USER") > stages[-1].rindex("RUN")
    allowed = (root / ".dockerignore").read_text()
    for source in ("pyproject.toml", "shared", "services", "deploy/crds", "deploy/examples"):
        assert f"!{source}\n" in allowed
