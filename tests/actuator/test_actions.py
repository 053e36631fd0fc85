"""Actions: real child processes, real interruptions, both kinds of placeholders."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crossfade.errors import Conflict
from crossfade.resources import Task
from crossfade.testing import MemoryStore
from crossfade.testing.documents import a_document
from crossfade_actuator.actions.conditions import holds
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.port import TaskFailed
from crossfade_actuator.actions.processes import Off, Processes
from crossfade_actuator.actions.runner import Runner
from crossfade_actuator.actions.templates import new_style, old_style
from crossfade_actuator.leases import Leases, Lost


def a_context(winner="c", recommended="c", **status) -> Context:
    document = a_document()
    info = document.experiment.spec.version_info
    variables = [{"name": "revision", "value": "r&d?a=1&b='2'"}]
    document = document.model_copy(
        update={
            "experiment": document.experiment.model_copy(
                update={
                    "spec": document.experiment.spec.model_copy(
                        update={
                            "version_info": info.model_validate(
                                {
                                    "baseline": {"name": "b"},
                                    "candidates": [{"name": "c", "variables": variables}],
                                }
                            )
                        }
                    )
                }
            )
        }
    )
    found = {"winnerFound": bool(winner)} | ({"winner": winner} if winner else {})
    whole = {
        "analysis": {"winnerAssessment": {"data": found}},
        "completedIterations": 4,
    } | status
    return Context(document, whole, "u", "ns", "exp", recommended, winner)


@dataclass
class Notes:
    """Remembers; tasks in `done` are finished already."""

    done: set = field(default_factory=set)
    attempts: dict = field(default_factory=dict)
    outcomes: list = field(default_factory=list)

    async def begun(self, task):
        if task in self.done:
            return None
        self.attempts[task] = self.attempts.get(task, 0) + 1
        return self.attempts[task]

    async def finished(self, outcome, histograms=None):
        self.outcomes.append(outcome)
        self.done.add(outcome.task)


def a_task(**fields) -> Task:
    return Task.model_validate(fields)


def bash(script: str, **more) -> Task:
    return a_task(
        task="common/exec", **{"with": {"cmd": "/bin/bash", "args": ["-c", script]}}, **more
    )


async def ran(*tasks, notes=None, context=None, seconds=20.0, executor=None):
    notes = notes or Notes()
    runner = Runner(executor or Processes(), seconds)
    result = await runner.run("finish", tasks, context or a_context(), notes)
    return result, notes


async def test_tasks_run_in_order_and_say_what_they_printed():
    result, notes = await ran(bash("echo one"), bash("echo two >&2; exit 0"))
    assert result.ok
    assert [(o.task, o.ok, o.exit, o.output) for o in notes.outcomes] == [
        (0, True, 0, "one"),
        (1, True, 0, "two"),
    ]


async def test_the_first_failure_ends_the_action_and_names_the_task():
    result, notes = await ran(bash("echo dear; exit 3"), bash("echo never"))
    assert (result.ok, result.message) == (False, "task 0: exit 3: dear")
    assert len(notes.outcomes) == 1


async def test_an_unknown_task_fails_before_any_has_run():
    result, notes = await ran(bash("echo one"), a_task(task="common/nothing"))
    assert not result.ok
    assert "found 'common/nothing'; right is run, or one of" in result.message
    assert notes.outcomes == []


async def test_a_finished_task_never_runs_again():
    notes = Notes(done={0})
    result, notes = await ran(bash("exit 9"), bash("echo two"), notes=notes)
    assert result.ok
    assert [o.task for o in notes.outcomes] == [1]


async def test_the_environment_is_what_was_promised_and_nothing_else(monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_ACTUATOR", "1")
    script = "env | cut -d= -f1 | sort | tr '\\n' ' '; ls -A $HOME; test -w $SCRATCH_DIR"
    result, notes = await ran(bash(script))
    assert result.ok
    shown = set(notes.outcomes[0].output.split()) - {"_", "SHLVL", "PWD", "OLDPWD"}
    assert shown == {
        "ACTION", "CROSSFADE_ATTEMPT", "EXPERIMENT_NAME", "EXPERIMENT_NAMESPACE", "HOME", "LANG",
        "PATH", "SCRATCH_DIR",
    }  # fmt: skip


async def test_an_action_that_takes_too_long_is_ended_with_its_children():
    result, notes = await ran(bash("sleep 600 & echo $!; wait"), seconds=0.5)
    assert not result.ok
    assert "ended after" in notes.outcomes[0].output
    await asyncio.sleep(0.2)
    assert not alive(int(notes.outcomes[0].output.split()[0]))


async def test_what_a_task_leaves_in_the_background_is_ended_with_it():
    script = "sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
    result, notes = await ran(bash(script))
    assert result.ok
    await asyncio.sleep(0.2)
    assert not alive(int(notes.outcomes[0].output))


ACTUATOR = """
import asyncio, sys
from crossfade_actuator.actions.processes import Processes
asyncio.run(Processes().execute(["bash", "-c", sys.argv[1]], {"PATH": "/usr/bin:/bin"}, 60))
"""


async def test_a_killed_actuator_takes_a_task_and_its_children_along(tmp_path):
    pids = tmp_path / "pids"
    script = (
        f"sleep 600 & sleep 601 & echo $$ $! $(jobs -p) >{pids}.new; mv {pids}.new {pids}; wait"
    )
    argv = [sys.executable, "-c", ACTUATOR, script]
    actuator = await asyncio.create_subprocess_exec(*argv)
    async with asyncio.timeout(60):
        while not pids.exists():
            await asyncio.sleep(0.02)
        started = [int(pid) for pid in pids.read_text().split()]
        assert len(started) == 4
        assert all(alive(pid) for pid in started)
        actuator.kill()
        await actuator.wait()
    try:
        async with asyncio.timeout(60):  # `sleep 600` would still be there
            while any(alive(pid) for pid in started):
                await asyncio.sleep(0.02)
    finally:
        for pid in filter(alive, started):
            os.kill(pid, signal.SIGKILL)


STRUCK = """
import os, signal, sys, time
begun = []
def strike(event, arguments):
    if event == "subprocess.Popen":
        begun.append(arguments)
        if len(begun) == 2:  # the task has begun, and what is to end its children has not
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(strike)
"""


async def test_an_actuator_killed_as_a_task_begins_leaves_nothing_of_it(tmp_path):
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! >{pids}.new; mv {pids}.new {pids}; wait"
    argv = [sys.executable, "-c", STRUCK + ACTUATOR, script]
    actuator = await asyncio.create_subprocess_exec(*argv)
    async with asyncio.timeout(60):
        await actuator.wait()
    await asyncio.sleep(0.2)
    left = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
    for pid in filter(alive, left):
        os.kill(pid, signal.SIGKILL)
    assert left == []


async def test_a_manifest_is_promoted_by_the_kubectl_of_the_wheel(server, tmp_path):
    manifest = tmp_path / "promoted.yaml"
    manifest.write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: won}, data: {by: iris-v2}}"
    )
    kubeconfig = server.kubeconfig(path=tmp_path / "kubeconfig")
    notes = Notes()
    runner = Runner(Processes(), 30.0, kubeconfig)
    task = a_task(task="common/promote-kubectl", **{"with": {"manifest": str(manifest)}})
    result = await runner.run(
        "finish", [task], replace(a_context(), namespace="default"), notes
    )
    assert result.ok, result.message
    async with server.client() as client:
        answer = await client.request("GET", "/api/v1/namespaces/default/configmaps/won")
    assert answer.body["data"] == {"by": "iris-v2"}


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a zombie waits for its parent to look, and does nothing


async def test_actions_are_off_unless_switched_on():
    result, _ = await ran(bash("echo x"), executor=Off())
    assert "CROSSFADE_ACTUATOR__ACTIONS=process" in result.message


async def test_exec_fills_in_the_recommended_version_unescaped():
    task = a_task(
        task="common/exec",
        **{
            "with": {"cmd": "echo", "args": ["{{ .revision }}", "{{ .name }}", "[{{.omg}}]", 7]}
        },
    )
    _, notes = await ran(task)
    assert notes.outcomes[0].output == "r&d?a=1&b='2' c [] 7"


async def test_exec_without_a_recommendation_fails_unless_it_fills_in_nothing():
    task = {"task": "common/exec", "with": {"cmd": "echo", "args": ["x"]}}
    result, _ = await ran(a_task(**task), context=a_context(recommended=None))
    assert not result.ok
    task["with"]["disableInterpolation"] = True
    result, _ = await ran(a_task(**task), context=a_context(recommended=None))
    assert result.ok


async def test_bash_sees_the_whole_experiment():
    script = "echo {{ .this.metadata.name }} {{ .this.status.completedIterations }}"
    _, notes = await ran(a_task(task="common/bash", **{"with": {"script": script}}))
    assert notes.outcomes[0].output == "exp 4"


async def test_run_reads_the_new_placeholders():
    _, notes = await ran(a_task(run="echo @< .Name >@ @< .Status.CompletedIterations >@"))
    assert notes.outcomes[0].output == "exp 4"
    result, _ = await ran(a_task(run="echo @< .Nothing >@"))
    assert "there is no Nothing" in result.message


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("echo {{ .Namespace }}/{{ .Name }} {{ .Status.CompletedIterations }}", "ns/exp 4"),
        ("echo {{ .CandidateWon }} {{.Spec.Target}} {{ .name }}", "true t c"),
        ("echo '{{ .this.metadata.name }}'", "exp"),
    ],
)
async def test_run_reads_the_old_placeholders(script, output):
    _, notes = await ran(a_task(run=script))
    assert notes.outcomes[0].output == output


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("echo '{{range .items}}' \"{{ .name }}\"", "{{range .items}} {{ .name }}"),
        ("echo '{{.metadata}}'", "{{.metadata}}"),
        ("echo {{.metadata}} @< .Name >@", "{{.metadata}} exp"),
    ],
)
async def test_run_leaves_the_braces_of_tools_in_quotes_or_beside_new_placeholders(
    script, output
):
    _, notes = await ran(a_task(run=script))
    assert notes.outcomes[0].output == output


async def test_run_does_nothing_where_braces_are_neither_ours_nor_in_quotes():
    script = "echo one\n{{ if .CandidateWon }}\necho two\n{{ end }}"
    result, notes = await ran(a_task(run=script))
    assert not result.ok
    assert "one" not in notes.outcomes[0].output
    assert "'if .CandidateWon' cannot be read" in result.message


async def test_run_asks_for_a_secret_in_the_old_placeholders_too():
    result, _ = await ran(a_task(run='echo {{ .Secret "token" }}'))
    assert "the task names no secret" in result.message


def test_an_element_of_a_list_and_a_name_with_a_dash_are_read_by_index():
    data = {"this": {"list": [{"value": "r1"}, {"value": "r2"}]}, "a-b": "dash"}
    assert old_style("{{ (index .this.list 1).value }}", data) == "r2"
    assert old_style('{{index . "a-b"}} {{ index .this `none` }}.', data) == "dash ."
    with pytest.raises(TaskFailed, match="there are 2 elements"):
        old_style("{{ (index .this.list 2).value }}", data)


async def test_a_tasks_own_variables_go_by_position():
    info = [
        {"variables": [{"name": "x", "value": "of b"}]},
        {"variables": [{"name": "x", "value": "of c"}]},
    ]
    task = {"script": "echo {{ .x }} {{ .name }}", "versionInfo": info}
    _, notes = await ran(a_task(task="common/bash", **{"with": task}))
    assert notes.outcomes[0].output == "of c c"
    task["versionInfo"] = [{"variables": [{"value": "of nobody"}]}]
    result, _ = await ran(a_task(task="common/bash", **{"with": task}))
    assert "with.variables[0].name: found None" in result.message


async def test_a_task_whose_condition_does_not_hold_is_skipped_and_counts_as_done():
    result, notes = await ran(bash("exit 1", **{"if": "not CandidateWon()"}), bash("true"))
    assert result.ok
    assert [o.skipped for o in notes.outcomes] == [True, False]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CandidateWon()", True),
        ("not CandidateWon()", False),
        ("WinnerFound() && Status.CompletedIterations > 3", True),
        (".Status.Analysis != nil", True),
        ("Status.Nothing == nil", True),
        ("status.completedIterations >= 5 or WinnerFound()", True),
        ("!WinnerFound()", False),
        ('Name matches "^e.p$"', True),
        ('Name in ["exp", "other"]', True),
        ('Name != "a ? b : c && !.d"', True),
        ('Spec.VersionInfo.Candidates[0].Name == "c"', True),
        ("WinnerFound() ? Status.CompletedIterations == 4 : false", True),
        ('not (Name matches "^x")', True),
        ('Name contains "x" and Name startsWith "e"', True),
        ('!(Name endsWith "p") || Name contains "y"', False),
        ("WinnerFound()\n  and\n  CandidateWon()\n", True),
        ('"matches" + "|" == "matches|"', True),
        ("2 ** 8 == 256", True),
        ('Labels["nobody"] == nil and Kind == "Experiment"', True),
        ('ObjectMeta.Name == "exp"', True),
    ],
)
def test_conditions_of_tasks(expression, expected):
    assert holds(expression, a_context()) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "1 + 1",
        "__import__('os')",
        "Name.__class__",
        "CandidateWon(",
        "open('/etc/passwd')",
        "1 / 0 == 1",
        "Name[9] == 'x'",
        "x",
        "",
        "WinnerFound",
        "WinnerFound()\nCandidateWon()",
        "WinnerFound(); CandidateWon()",
        "1 | 2 == 3",
        "3999999 ** 3999999 > 1",
        'Name matches "(e+)+$"',
        "Name matches 3",
    ],
)
def test_a_condition_that_is_no_truth_value_fails(expression):
    with pytest.raises(TaskFailed):
        holds(expression, a_context())


@pytest.mark.parametrize("text", ["{{ omg }}", "{{ range .x }}", "{{ .x", "{{ .x | html }}"])
def test_a_placeholder_that_cannot_be_read_fails(text):
    with pytest.raises(TaskFailed):
        old_style(text, {"x": "1"})


def test_secrets_are_called_by_name():
    for key in ('"token"', "`token`", "'token'"):
        assert new_style(f"@< .Secret {key} >@", {}, {"Secret": str.upper}) == "TOKEN"


def leases(store, owner, now=lambda: datetime.now(UTC)):
    return Leases(store, owner, now)


async def yes() -> bool:
    return True


async def test_two_actuators_never_act_at_once():
    store, alive = MemoryStore(), []

    async def work():
        alive.append(1)
        assert len(alive) == 1
        await asyncio.sleep(0.05)
        alive.pop()
        return "done"

    found = await asyncio.gather(
        *(leases(store, f"a{i}").holding("u", work(), yes) for i in range(5))
    )
    assert found.count("done") == 1


async def test_work_without_a_lease_never_begins():
    store, began = MemoryStore(), []
    await store.put("lease.u", b'{"owner":"b","until":9e9}', 0)

    class Slow:
        async def get(self, key):
            await asyncio.sleep(0.02)  # as a broker is
            return await store.get(key)

    async def work():
        began.append(1)

    assert await leases(Slow(), "a").holding("u", work(), yes) is None
    assert began == []


async def test_work_that_is_no_longer_wanted_is_cancelled(monkeypatch):
    monkeypatch.setattr("crossfade_actuator.leases.RENEW_SECONDS", 0.05)
    cancelled = asyncio.Event()

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def no() -> bool:
        return False

    with pytest.raises(Lost):
        await leases(MemoryStore(), "a").holding("u", work(), no)
    assert cancelled.is_set()


async def test_a_lease_that_somebody_took_over_ends_the_work(monkeypatch):
    monkeypatch.setattr("crossfade_actuator.leases.RENEW_SECONDS", 0.05)
    store = MemoryStore()

    async def work():
        entry = await store.get("lease.u")
        await store.put("lease.u", b'{"owner":"b","until":9e9}', entry.revision)
        await asyncio.sleep(60)

    with pytest.raises((Lost, Conflict)):
        await leases(store, "a").holding("u", work(), yes)


async def test_a_killed_actuators_task_leaves_no_folder_behind(tmp_path):
    """What `finally` clears away is cleared away by the sweeper where nothing runs any more."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told = tmp_path / "told"
    program = f"""
import asyncio, os, signal
from crossfade_actuator.actions.processes import Processes

async def main():
    script = 'touch $HOME/kept $SCRATCH_DIR/kept; echo $HOME > {told}; sleep 600'
    environment = {{"PATH": "/usr/bin:/bin", "SCRATCH_DIR": "{scratch}"}}
    work = asyncio.ensure_future(Processes().execute(["bash", "-c", script], environment, 60))
    while not os.path.exists("{told}") or not open("{told}").read().strip():
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    actuator = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await asyncio.wait_for(actuator.wait(), 20)
    folders = [told.read_text().strip(), str(scratch)]
    for _ in range(100):
        if not standing(folders):
            break
        await asyncio.sleep(0.05)
    assert standing(folders) == []


def standing(folders):
    return [folder for folder in folders if Path(folder).exists()]
