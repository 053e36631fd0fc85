"""Tasks as Kubernetes Jobs; a stand-in for controller and kubelet runs what they say."""

from __future__ import annotations

import asyncio
import base64
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from tests.actuator.test_actions import Notes, a_context, a_task, bash
from tests.actuator.test_tasks_interrupted import Run
from tests.actuator.test_tasks_telling import TOKEN, Safe

from crossfade.domain.runs import TaskRecord
from crossfade.errors import NotFound
from crossfade.resources import ObjectReference
from crossfade.runtime.clock import utc_now
from crossfade.settings import ClusterSettings
from crossfade_actuator.acting import Acting
from crossfade_actuator.actions.jobs import Jobs
from crossfade_actuator.actions.manifests import Place, job_of, name_of
from crossfade_actuator.actions.port import Errand, Means
from crossfade_actuator.actions.runner import Runner
from crossfade_actuator.api import KubernetesApi
from crossfade_actuator.cluster import Cluster
from crossfade_actuator.leases import Leases, Lost
from crossfade_lab.cluster.kubeconfigs import write_kubeconfig

PLACE = Place("crossfade:test", "jobs", "crossfade-handler")
JOBS = "/apis/batch/v1/namespaces/jobs/jobs"
ERRAND = Errand("u", "ns", "exp", "finish", 0)
NAME = name_of(ERRAND)


@dataclass
class Kubelet:
    """Runs the commands of Jobs as Kubernetes would, in a process, and marks how they went."""

    client: object
    logs: dict = field(default_factory=dict)
    codes: dict = field(default_factory=dict)
    ran: list = field(default_factory=list)
    working: bool = True

    async def serve(self):
        while True:
            for job in (await self.client.request("GET", JOBS)).body["items"]:
                if self.working and not job.get("status", {}).get("conditions"):
                    await self.run(job)
            await asyncio.sleep(0.01)

    async def run(self, job):
        name = job["metadata"]["name"]
        pod = job["spec"]["template"]["spec"]["containers"][0]
        env = {e["name"]: e.get("value") or await self.secret(e) for e in pod["env"]}
        argv = [expanded(part, env) for part in pod["command"]]
        child = await asyncio.create_subprocess_exec(
            *argv,
            env=env | {"PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await child.communicate()
        self.ran.append(name)
        self.logs[name], self.codes[name] = said.decode(), child.returncode
        await mark(self.client, name, "Failed" if child.returncode else "Complete")

    async def secret(self, entry):
        ref = entry["valueFrom"]["secretKeyRef"]
        path = f"/api/v1/namespaces/jobs/secrets/{ref['name']}"
        for _ in range(200):
            answer = await self.client.request("GET", path)
            if answer.status == 200:
                break
            await asyncio.sleep(0.01)
        return base64.b64decode(answer.body["data"][ref["key"]]).decode()


def expanded(text, env):
    """As Kubernetes expands a command: `$$` is `$`, `$(NAME)` a variable that is known."""

    def one(match):
        if match[0] == "$$":
            return "$"
        return env.get(match[1], match[0])

    return re.sub(r"\$\$|\$\((\w+)\)", one, text)


async def mark(client, name, sort, reason="BackoffLimitExceeded", message="too often"):
    condition = {"type": sort, "status": "True"}
    if sort == "Failed":
        condition |= {"reason": reason, "message": message}
    patched = await client.request(
        "PATCH",
        f"{JOBS}/{name}/status",
        {"status": {"conditions": [condition]}},
        content_type="application/merge-patch+json",
    )
    assert patched.status == 200, patched.body


@dataclass
class Front:
    """Stands before the emulator and has pods and their logs, if these may be read."""

    behind: str
    kubelet: Kubelet
    readable: bool = True

    async def serve(self, request):
        if "/pods" in request.path:
            return self.pods(request)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                self.behind + request.path_qs,
                data=await request.read(),
                headers={"Content-Type": request.headers.get("Content-Type", "")},
            ) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )

    def pods(self, request):
        if not self.readable:
            return web.json_response({"message": "pods is forbidden"}, status=403)
        if request.path.endswith("/log"):
            return web.Response(text=self.kubelet.logs[request.path.split("/")[-2]])
        name = request.query["labelSelector"].removeprefix("job-name=")
        ended = {"state": {"terminated": {"exitCode": self.kubelet.codes.get(name, 0)}}}
        items = [{"metadata": {"name": name}, "status": {"containerStatuses": [ended]}}]
        return web.json_response({"items": items if name in self.kubelet.logs else []})


@dataclass
class Stand:
    server: object
    kubelet: Kubelet
    front: Front
    jobs: Jobs
    client: object

    async def ran(self, *tasks, notes=None, seconds=20.0, context=None):
        notes = notes or Notes()
        runner = Runner(self.jobs, seconds, means=Means(secrets=Safe()))
        result = await runner.run("finish", tasks, context or a_context(), notes)
        return result, notes.outcomes

    async def named(self):
        return [
            j["metadata"]["name"]
            for j in (await self.client.request("GET", JOBS)).body["items"]
        ]


@asynccontextmanager
async def serving(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def plane():
    """The emulator: a pod's log needs a cluster that runs pods, or one that pretends to."""
    return


@pytest_asyncio.fixture
async def stand(server, tmp_path):
    async with server.client() as client:
        kubelet = Kubelet(client)
        front = Front(server.url, kubelet)
        runner = web.ServerRunner(web.Server(front.serve), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        config = write_kubeconfig(tmp_path / "front", url=url, token=None)
        api = KubernetesApi(ClusterSettings(kubeconfig=config, timeout_seconds=5))
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs"}}
        await client.request("POST", "/api/v1/namespaces", namespace)
        async with serving(kubelet.serve()):
            yield Stand(server, kubelet, front, Jobs(api, PLACE, poll_seconds=0.02), client)
        await api.close()
        await runner.cleanup()


async def test_tasks_run_one_job_after_the_other_and_leave_none(stand):
    result, outcomes = await stand.ran(bash("echo one"), bash("echo two; echo $ACTION"))
    assert result.ok, result.message
    assert [(o.exit, o.output) for o in outcomes] == [(0, "one"), (0, "two\nfinish")]
    assert stand.kubelet.ran == [NAME, name_of(replace(ERRAND, task=1))]
    assert await stand.named() == []


async def test_a_job_is_what_was_promised(stand):
    await stand.ran(bash("true"), seconds=17.2)
    job = stand.server.history("Job", "jobs", NAME)[0]
    spec, labels = job["spec"], job["metadata"]["labels"]
    assert spec["backoffLimit"] == 0
    assert spec["activeDeadlineSeconds"] == 18
    assert labels["iter8/experimentName"] == "exp"
    assert labels["iter8/experimentNamespace"] == "ns"
    assert labels["crossfade/uid"] == "u"
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "crossfade-handler"
    assert pod["containers"][0]["image"] == "crossfade:test"
    assert {e["name"] for e in pod["containers"][0]["env"]} == {
        "HOME", "LANG", "SCRATCH_DIR", "TMPDIR", "ACTION", "CROSSFADE_ATTEMPT", "EXPERIMENT_NAME",
        "EXPERIMENT_NAMESPACE",
    }  # fmt: skip


async def test_dollars_of_a_script_stay_its_own(stand):
    script = "ACTION=mine; echo $$ | grep -c . ; echo $(echo $ACTION) '$(ACTION)' '$$'"
    result, outcomes = await stand.ran(bash(script))
    assert result.ok
    assert outcomes[0].output == "1\nmine $(ACTION) $$"


async def test_a_failing_job_fails_with_its_last_line_and_code(stand):
    result, outcomes = await stand.ran(bash("echo dear; exit 3"), bash("echo never"))
    assert result.message == "task 0: exit 3: dear"
    assert len(outcomes) == 1
    assert await stand.named() == []


async def test_without_the_right_to_read_logs_the_condition_is_told(stand):
    stand.front.readable = False
    result, _ = await stand.ran(bash("exit 3"))
    assert result.message == "task 0: BackoffLimitExceeded: too often"
    result, outcomes = await stand.ran(bash("true"))
    assert (result.ok, outcomes[0].output) == (True, "")


async def test_a_secret_is_in_no_job_and_in_no_output(stand):
    task = a_task(
        run='echo "got @< .Secret "token" >@ $ACTION"', **{"with": {"secret": "mine"}}
    )
    result, outcomes = await stand.ran(task)
    assert result.ok
    assert outcomes[0].output == "got *** finish"
    assert TOKEN in stand.kubelet.logs[NAME]
    job = stand.server.history("Job", "jobs", NAME)[0]
    assert TOKEN not in str(job)
    secret = stand.server.history("Secret", "jobs", NAME)[0]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]


async def test_a_leftover_of_another_run_counts_for_nothing(stand):
    left = job_of(["false"], {}, 20, replace(ERRAND, uid="earlier"), PLACE)
    await stand.client.request("POST", JOBS, left)
    _, outcomes = await stand.ran(bash("echo mine"))
    assert outcomes[0].output == "mine"
    assert await stand.named() == [left["metadata"]["name"]]


async def test_a_job_that_outlived_its_actuator_is_followed_not_repeated(stand):
    # Left by an actuator that died at once: made, and not followed.
    argv = ["bash", "-c", "echo 1"]
    left = job_of(argv, {}, 20, ERRAND, PLACE)
    assert (await stand.client.request("POST", JOBS, left)).status == 201
    task = bash("echo other")
    once = task.model_copy(update={"with_": task.inputs | {"onInterrupted": "fail"}})
    result, outcomes = await stand.ran(once, notes=Notes(attempts={0: 1}))
    assert result.ok, result.message
    assert (outcomes[0].attempt, outcomes[0].output) == (2, "1")
    assert stand.kubelet.ran == [NAME]


async def test_a_job_that_is_gone_was_interrupted(stand):
    task = bash("echo other")
    result, outcomes = await stand.ran(task, notes=Notes(attempts={0: 1}))
    assert (result.ok, outcomes[0].attempt, outcomes[0].output) == (True, 2, "other")
    once = task.model_copy(update={"with_": task.inputs | {"onInterrupted": "fail"}})
    result, outcomes = await stand.ran(once, notes=Notes(attempts={0: 1}))
    assert result.message == "task 0: was interrupted, and says onInterrupted: fail"
    assert not outcomes[0].ok


async def test_an_actuator_that_stops_leaves_its_job_to_the_next(stand):
    stand.kubelet.working = False
    running = asyncio.create_task(stand.ran(bash("echo 1")))
    while not await stand.named():
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stand.kubelet.working = True
    result, outcomes = await stand.ran(bash("echo 1"), notes=Notes(attempts={0: 1}))
    assert (result.ok, outcomes[0].output) == (True, "1")
    assert stand.kubelet.ran == [NAME]


async def test_an_action_that_is_no_longer_wanted_takes_its_job_along(stand, monkeypatch):
    monkeypatch.setattr("crossfade_actuator.leases.RENEW_SECONDS", 0.05)
    stand.kubelet.working = False
    run = await Run(bash("sleep 600")).begun()
    leases = Leases(run.store, "a", utc_now)
    acting = Acting(run.ledger, leases, Runner(stand.jobs))
    running = asyncio.create_task(
        acting.run(await run.ledger.load("u"), run.document, "finish")
    )
    while await stand.named() != [NAME]:
        await asyncio.sleep(0.01)
    await run.ledger.change("u", lambda now: replace(now, action=""))
    with pytest.raises(Lost):
        await running
    assert await stand.named() == []


async def test_a_run_that_ended_while_its_actuator_was_dead_takes_its_job_along(stand):
    # Begun by an actuator that died at once; the experiment was deleted before the next one came.
    left = job_of(["bash", "-c", "sleep 600"], {}, 20, ERRAND, PLACE)
    stand.kubelet.working = False
    assert (await stand.client.request("POST", JOBS, left)).status == 201
    run = await Run(bash("sleep 600")).begun()
    begun = {"finish/0": TaskRecord(1), "start/0": TaskRecord(1, done=True, ok=True)}
    state = await run.ledger.change("u", lambda now: replace(now, action="", tasks=begun))
    acting = Acting(run.ledger, Leases(run.store, "b", utc_now), Runner(stand.jobs))
    for _ in range(2):
        await acting.abandon(state, run.document)
        assert await stand.named() == []


async def test_a_job_that_missed_its_deadline_says_so(stand):
    stand.kubelet.working = False
    running = asyncio.create_task(stand.ran(bash("sleep 600")))
    while not (names := await stand.named()):
        await asyncio.sleep(0.01)
    await mark(stand.client, names[0], "Failed", "DeadlineExceeded", "was active longer")
    result, _ = await running
    assert result.message == "task 0: ended after 20 s"


async def test_a_job_that_says_nothing_is_given_up(stand, monkeypatch):
    monkeypatch.setattr("crossfade_actuator.actions.jobs.GRACE_SECONDS", 0.2)
    stand.kubelet.working = False
    result, _ = await stand.ran(bash("true"), seconds=0.2)
    assert result.message == "task 0: ended after 0 s: the Job did not say how it went"
    assert await stand.named() == []


async def test_a_namespace_that_is_not_there_is_named(stand):
    jobs = replace(stand.jobs, place=replace(PLACE, namespace="nowhere"))
    result = await Runner(jobs).run("finish", [bash("true")], a_context(), Notes())
    assert f"task 0: the Job nowhere/{NAME} cannot run: " in result.message
    assert '"nowhere" not found' in result.message


@pytest.mark.parametrize("name", ["a.dotted.name", "x" * 253, "1-"])
def test_names_of_jobs_are_names(name):
    made = name_of(replace(ERRAND, name=name, action="loop-1000"))
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", made)


async def test_the_real_api_server_takes_our_jobs(kube_apiserver, tmp_path):
    async with kube_apiserver.client() as client:
        config = kube_apiserver.kubeconfig(path=tmp_path / "kubeconfig")
        settings = ClusterSettings(kubeconfig=config, timeout_seconds=5)
        api = KubernetesApi(settings)
        await client.request(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs"}},
        )
        runner = Runner(Jobs(api, PLACE, 0.05), 30.0, means=Means(secrets=Safe()))
        run = a_task(run='echo @< .Secret "token" >@', **{"with": {"secret": "mine"}})
        notes = Notes()
        running = asyncio.create_task(runner.run("finish", [run], a_context(), notes))
        while not (items := (await client.request("GET", JOBS)).body["items"]):
            await asyncio.sleep(0.02)
        (job,) = items
        assert TOKEN not in str(job)
        assert job["spec"]["backoffLimit"] == 0
        secret = f"/api/v1/namespaces/jobs/secrets/{NAME}"
        while (kept := await client.request("GET", secret)).status != 200:
            await asyncio.sleep(0.02)
        assert TOKEN in base64.b64decode(kept.body["data"]["argument-2"]).decode()
        await mark(client, NAME, "Failed", message="Job has reached its limit")
        result = await running
        assert result.message == "task 0: BackoffLimitExceeded: Job has reached its limit"
        # Discovery and Secrets as the real server gives them.
        cluster = Cluster(api, api)
        for kind in ("ns", "Namespace", "namespaces"):
            found = await cluster.find(ObjectReference(kind=kind, name="jobs"))
            assert found["metadata"]["name"] == "jobs"
        with pytest.raises(NotFound, match=r'deployments\.apps "x" not found'):
            await cluster.find(ObjectReference(kind="deploy", name="x", namespace="jobs"))
        assert TOKEN in (await cluster.get_secret("jobs", NAME))["argument-2"]
        left = await client.request("GET", JOBS)
        assert [j["metadata"]["name"] for j in left.body["items"]] == []
        await api.close()
