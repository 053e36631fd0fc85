"""Helmex values in real repositories: a bare one in a folder, and one behind HTTP with a token."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from tests.actuator.test_actions import Notes, a_context, a_task
from tests.actuator.test_tasks_telling import TOKEN, Safe

from crossfade.testing.documents import a_document
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.helmex import Ending, settled
from crossfade_actuator.actions.port import Means, TaskFailed
from crossfade_actuator.actions.processes import Processes
from crossfade_actuator.actions.runner import Runner

VALUES = """
common:
  application: hello  # a comment
baseline:
  name: hello
  dynamic:
    tag: "1.0"
candidate:
  name: hello-candidate
  dynamic:
    tag: "2.0"
    größe: 1
"""


def git(*arguments, cwd=None):
    who = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | dict.fromkeys(
        who, "x@y"
    )
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@dataclass
class Repository:
    bare: object
    work: object

    @property
    def url(self):
        return f"file://{self.bare}"

    def values(self, branch="main"):
        return yaml.safe_load(git("show", f"{branch}:apps/values.yaml", cwd=self.bare))

    def log(self):
        return git("log", "--format=%an: %s", "main", cwd=self.bare).splitlines()

    def push(self, **files):
        for name, text in files.items():
            (self.work / name).write_text(text)
        git("add", "-A", cwd=self.work)
        git("commit", "-qm", "by somebody", cwd=self.work)
        git("push", "-q", "origin", "HEAD:main", cwd=self.work)


@pytest.fixture
def repository(tmp_path):
    bare, work = tmp_path / "bare.git", tmp_path / "work"
    git("init", "-q", "--bare", "-b", "main", str(bare))
    git("init", "-q", "-b", "main", str(work))
    git("remote", "add", "origin", str(bare), cwd=work)
    (work / "apps").mkdir()
    (work / "apps/values.yaml").write_text(VALUES)
    made = Repository(bare, work)
    made.push(other="x")
    return made


def update(url, **inputs):
    given = {
        "gitRepo": url,
        "filePath": "apps/values.yaml",
        "username": "ada",
        "secretName": "mine",
    }
    return a_task(task="gitops/helmex-update", **{"with": given | inputs})


async def ran(task, context=None, protocols=("file", "http")):
    notes = Notes()
    runner = Runner(Processes(), 30.0, means=Means(secrets=Safe(), git_protocols=protocols))
    result = await runner.run("finish", [task], context or a_context(), notes)
    return result, notes.outcomes


async def test_the_candidate_becomes_the_baseline(repository):
    result, outcomes = await ran(update(repository.url))
    assert result.ok, result.message
    assert outcomes[0].output == "c is the baseline of apps/values.yaml on main"
    assert repository.values() == {
        "common": {"application": "hello"},
        "baseline": {"name": "hello", "dynamic": {"tag": "2.0", "größe": 1}},
    }
    assert repository.log() == ["Crossfade: Promote c in apps/values.yaml", "x@y: by somebody"]


async def test_doing_it_again_changes_nothing(repository):
    await ran(update(repository.url))
    result, outcomes = await ran(update(repository.url))
    assert result.ok
    assert outcomes[0].output == "nothing to do: apps/values.yaml has no candidate"
    assert len(repository.log()) == 2


@pytest.mark.parametrize("recommended", ["b", None])
async def test_a_candidate_that_is_not_recommended_goes(repository, recommended):
    result, outcomes = await ran(
        update(repository.url), a_context(winner=None, recommended=recommended)
    )
    assert result.ok
    told = "b stays, without a candidate, in apps/values.yaml on main"
    assert outcomes[0].output == told
    assert repository.values() == {
        "common": {"application": "hello"},
        "baseline": {"name": "hello", "dynamic": {"tag": "1.0"}},
    }
    assert repository.log()[0] == "Crossfade: Drop the candidate of apps/values.yaml"


@pytest.mark.parametrize(("found", "tag"), [(True, "2.0"), (False, "1.0")])
async def test_a_conformance_test_tries_the_candidate_of_the_file(repository, found, tag):
    status = {"analysis": {"winnerAssessment": {"data": {"winnerFound": found}}}}
    document = a_document("Conformance", candidates=())
    context = Context(document, status, "u", "ns", "exp", "b", "b" if found else None)
    result, _ = await ran(update(repository.url), context)
    assert result.ok, result.message
    assert repository.values()["baseline"]["dynamic"]["tag"] == tag
    assert "candidate" not in repository.values()


async def test_several_candidates_are_more_than_a_file_holds(repository):
    document = a_document("A/B/N", candidates=("c", "d"))
    result, _ = await ran(
        update(repository.url), Context(document, {}, "u", "ns", "exp", "c", "c")
    )
    assert "found 2 candidates; right is one" in result.message
    assert len(repository.log()) == 1


@pytest.mark.parametrize(("identity", "ok"), [("abc", True), ("abd", False), (None, False)])
def test_another_candidate_than_was_tried_is_left_alone(identity, ok):
    values = "baseline: {dynamic: {id: old}}\ncandidate: {dynamic: {id: abc}}"
    ending = Ending(True, "c", identity)
    if ok:
        assert yaml.safe_load(settled(values, "v.yaml", ending))["baseline"]["dynamic"] == {
            "id": "abc"
        }
    else:
        with pytest.raises(TaskFailed, match=r"annotation iter8\.candidate\.id is"):
            settled(values, "v.yaml", ending)


def test_the_annotation_says_which_candidate_is_tried():
    document = a_document()
    metadata = document.experiment.metadata.model_copy(
        update={"annotations": {"iter8.candidate.id": "abc"}}
    )
    experiment = document.experiment.model_copy(update={"metadata": metadata})
    document = document.model_copy(update={"experiment": experiment})
    assert Ending.of(Context(document, {}, "u", "ns", "exp", "c", "c")) == Ending(
        True, "c", "abc"
    )


async def test_a_push_that_comes_too_late_starts_over(repository):
    # Between our clone and our push somebody else pushes, once.
    hook = repository.bare / "hooks/pre-receive"
    marker = repository.bare / "once"
    hook.write_text(
        f"#!/bin/sh\ntest -e {marker} && exit 0\ntouch {marker}\n"
        "echo 'rejected: fetch first' >&2; exit 1\n"
    )
    hook.chmod(0o755)
    result, _ = await ran(update(repository.url))
    assert result.ok, result.message
    assert marker.exists()
    assert repository.values()["baseline"]["dynamic"]["tag"] == "2.0"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"branch": "nowhere"}, "git clone: fatal: Remote branch nowhere not found"),
        ({"filePath": "apps/none.yaml"}, "with.filePath: main has no file apps/none.yaml"),
        ({"filePath": "../etc/passwd"}, "right is a path inside the repository"),
        ({"filePath": "/etc/passwd"}, "right is a path inside the repository"),
        ({"filePath": ".git/config"}, "right is a path inside the repository"),
        ({"branch": "--upload-pack=x"}, "with.branch: found '--upload-pack=x'"),
        ({"gitRepo": "ext::sh -c id"}, "with.gitRepo: found 'ext::sh -c id', right is an"),
        ({"username": None}, "with.username: found None"),
        ({"secretName": "empty"}, "with.secret: secret empty has no key token"),
        ({"secretName": "theirs", "secretNamespace": "no"}, "secret no/theirs does not exist"),
    ],
)
async def test_what_cannot_be_done_says_why(repository, inputs, said):
    result, _ = await ran(update(repository.url, **inputs))
    assert not result.ok
    assert said in result.message
    assert len(repository.log()) == 1


async def test_a_file_that_points_out_of_the_repository_is_left_alone(repository, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(VALUES)
    (repository.work / "link.yaml").symlink_to(outside)
    repository.push()
    result, _ = await ran(update(repository.url, filePath="link.yaml"))
    assert "main has no file link.yaml" in result.message
    assert outside.read_text() == VALUES


async def test_only_https_is_spoken_unless_told_otherwise(repository):
    result, _ = await ran(update(repository.url), protocols=("https",))
    assert "right is an https address" in result.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("a: [", "v.yaml is no YAML"),
        ("[]", "v.yaml: found no block baseline"),
        ("baseline: {}\ncandidate: {name: x}", "v.yaml: candidate has no block dynamic"),
    ],
)
def test_values_that_are_none_are_refused(values, said):
    with pytest.raises(TaskFailed, match=said):
        settled(values, "v.yaml", Ending(True, "c"))


@dataclass
class Forge:
    """A git server over HTTP that asks for a name and a token."""

    folder: object
    expected: str
    seen: list = field(default_factory=list)
    port: int = 0

    async def serve(self, request):
        self.seen.append(request.headers.get("Authorization"))
        if self.seen[-1] != self.expected:
            return web.Response(
                status=401, text=f"no: {self.seen[-1]}", headers={"WWW-Authenticate": "Basic"}
            )
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "ada",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        child = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await child.communicate(await request.read())
        head, _, body = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(body=body, status=status, headers=headers)


@pytest_asyncio.fixture
async def forge(repository):
    pair = base64.b64encode(f"ada:{TOKEN}".encode()).decode()
    made = Forge(repository.bare.parent, f"Basic {pair}")
    runner = web.ServerRunner(
        web.Server(made.serve, auto_decompress=False), shutdown_timeout=0.1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def test_the_token_of_the_secret_opens_the_repository(repository, forge):
    result, _ = await ran(update(f"http://127.0.0.1:{forge.port}/bare.git"))
    assert result.ok, result.message
    assert repository.values()["baseline"]["dynamic"]["tag"] == "2.0"
    assert set(forge.seen) == {forge.expected}


async def test_a_token_that_is_refused_is_not_shown(repository, forge):
    forge.expected = "Basic other"
    result, outcomes = await ran(update(f"http://127.0.0.1:{forge.port}/bare.git"))
    assert not result.ok
    assert "git clone: fatal: " in result.message
    assert TOKEN not in str(outcomes)
    assert forge.seen[0].split()[1] not in str(outcomes)
