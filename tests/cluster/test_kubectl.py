"""A current kubectl against the emulator, as a person at the demo uses it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.errors import Missing
from crossfade_lab.cluster.kubectl import find_kubectl

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
SECONDS = 20
SDEP = ("machinelearning.seldon.io", "seldondeployments")
SEED: dict[str, Any] = {
    "apiVersion": "machinelearning.seldon.io/v1",
    "kind": "SeldonDeployment",
    "metadata": {"name": "iris", "namespace": "default"},
    "spec": {
        "predictors": [
            {"name": "baseline", "traffic": 100, "graph": {"name": "classifier"}},
            {"name": "candidate", "traffic": 0, "graph": {"name": "classifier"}},
        ]
    },
}


@pytest.fixture
async def kubectl(emulator, tmp_path):
    """`await kubectl("get", "ns")` → (exit code, standard output, standard error)."""
    try:
        program = find_kubectl()
    except Missing as missing:
        pytest.skip(str(missing))
    config = emulator.kubeconfig(tmp_path / "kubeconfig")

    async def run(*words, stdin=""):
        child = await asyncio.create_subprocess_exec(
            str(program),
            *words,
            env={"KUBECONFIG": str(config), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told = asyncio.wait_for(child.communicate(stdin.encode()), SECONDS)
        try:
            out, err = await told
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return child.returncode, out.decode(), err.decode()

    return run


def yaml_of(*documents):
    return yaml.safe_dump_all(documents)


def weights(emulator):
    predictors = emulator.get("SeldonDeployment", "default", "iris")["spec"]["predictors"]
    return [predictor.get("traffic") for predictor in predictors]


async def test_apply_creates_then_changes_then_leaves_alone(emulator, kubectl):
    changed = {**SEED, "spec": {"predictors": [{"name": "default"}]}}

    results = [
        await kubectl("apply", "-f", "-", stdin=yaml_of(document))
        for document in (SEED, SEED, changed)
    ]

    words = [out.split()[-1] for _, out, _ in results]
    assert words == ["created", "unchanged", "configured"]
    assert weights(emulator) == [None]


async def test_apply_says_what_the_schema_refuses(kubectl):
    wrong = {**SEED, "spec": {"predictors": [{"name": "a", "traffic": "much"}]}}

    code, _, err = await kubectl("apply", "-f", "-", stdin=yaml_of(wrong))

    assert code == 1
    assert "traffic in body must be of type integer" in err


async def test_apply_says_which_field_is_unknown(emulator, kubectl):
    await emulator.apply(CRDS)
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "typo"},
        "spec": {"target": "iris", "strategy": {"testingPattern": "A/B", "wieghts": {}}},
    }

    code, _, err = await kubectl("apply", "-f", "-", stdin=yaml_of(experiment))

    assert code == 1
    assert 'unknown field "spec.strategy.wieghts"' in err


async def test_apply_says_what_seldon_refuses(kubectl):
    wrong = json.loads(json.dumps(SEED))
    wrong["spec"]["predictors"][1]["traffic"] = 10

    code, _, err = await kubectl("apply", "-f", "-", stdin=yaml_of(wrong))

    assert code == 1
    assert "Traffic must sum to 100 for multiple predictors" in err


async def test_server_side_apply_conflicts_with_who_moved_the_weights(emulator, kubectl):
    apply = ("apply", "--server-side", "-f", "-")
    assert (await kubectl(*apply, stdin=yaml_of(SEED)))[0] == 0
    shift = '[{"op":"add","path":"/spec/predictors/0/traffic","value":40},'
    shift += '{"op":"add","path":"/spec/predictors/1/traffic","value":60}]'
    patch = ("patch", "sdep", "iris", "--type=json", "--field-manager=crossfade", "-p", shift)
    assert (await kubectl(*patch))[0] == 0

    code, _, err = await kubectl(*apply, stdin=yaml_of(SEED))
    forced, _, _ = await kubectl(*apply, "--force-conflicts", stdin=yaml_of(SEED))

    assert code == 1
    assert 'conflict with "crossfade" using machinelearning.seldon.io/v1' in err
    assert ".spec.predictors" in err
    assert forced == 0
    assert weights(emulator) == [100, 0]


async def test_a_refused_json_patch_changes_nothing(emulator, kubectl):
    await emulator.apply(SEED)
    guarded = '[{"op":"test","path":"/spec/predictors/0/traffic","value":90}]'

    code, _, err = await kubectl("patch", "sdep", "iris", "--type=json", "-p", guarded)

    assert code == 1
    assert "the server rejected our request due to an error in our request" in err
    assert len(emulator.history("SeldonDeployment", "default", "iris")) == 1


async def test_get_prints_the_columns_of_an_experiment(emulator, kubectl):
    await emulator.apply(CRDS)
    spec = {"target": "iris", "strategy": {"testingPattern": "A/B"}}
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "quickstart-exp"},
        "spec": spec,
    }
    code, _, err = await kubectl("apply", "-f", "-", stdin=yaml_of(experiment))
    assert code == 0, err
    status = {
        "stage": "Completed",
        "completedIterations": 15,
        "message": "ExperimentCompleted: Experiment Completed",
    }
    patch = ("patch", "experiment", "quickstart-exp", "--subresource=status", "--type=merge")
    code, _, err = await kubectl(*patch, "-p", json.dumps({"status": status}))
    assert code == 0, err

    _, out, _ = await kubectl("get", "experiment")

    heading, row = out.splitlines()
    columns = ["NAME", "TYPE", "TARGET", "STAGE", "COMPLETED", "ITERATIONS", "MESSAGE"]
    assert heading.split() == columns
    assert row.split(maxsplit=5) == [
        "quickstart-exp",
        "A/B",
        "iris",
        "Completed",
        "15",
        "ExperimentCompleted: Experiment Completed",
    ]


async def test_get_watch_prints_a_line_for_each_change(emulator, kubectl, until_watched):
    await emulator.apply(SEED)
    watch = ("get", "sdep", "-w", "--output-watch-events", "--request-timeout=15s")
    watching = asyncio.create_task(kubectl(*watch))
    await until_watched(emulator, SDEP)
    await emulator.apply({**SEED, "metadata": {**SEED["metadata"], "labels": {"a": "b"}}})
    await emulator.delete("SeldonDeployment", "default", "iris")
    emulator.hang_up()

    _, out, _ = await watching

    events = [line.split()[:2] for line in out.splitlines()]
    assert events == [
        ["EVENT", "NAME"],
        ["ADDED", "iris"],
        ["MODIFIED", "iris"],
        ["DELETED", "iris"],
    ]


async def test_wait_sees_a_condition_that_is_there_and_one_that_comes(
    emulator, kubectl, until_watched
):
    await emulator.apply(SEED)
    await asyncio.wait_for(kubectl("wait", "--for=condition=Established", "crd", "--all"), 5)
    patient = "--for=jsonpath={.metadata.labels.done}=yes"
    waiting = asyncio.create_task(kubectl("wait", patient, "sdep/iris", "--timeout=5s"))
    await until_watched(emulator, SDEP)
    await emulator.apply({**SEED, "metadata": {**SEED["metadata"], "labels": {"done": "yes"}}})

    code, out, err = await waiting

    assert code == 0, err
    assert "condition met" in out


async def test_delete_takes_objects_and_whole_namespaces(emulator, kubectl):
    elsewhere = {**SEED, "metadata": {"name": "iris", "namespace": "elsewhere"}}
    await emulator.apply(SEED, elsewhere)

    assert (await kubectl("delete", "sdep", "iris"))[0] == 0
    assert (await kubectl("delete", "namespace", "elsewhere"))[0] == 0

    assert not emulator.store.items(("machinelearning.seldon.io", "seldondeployments"))


async def test_create_and_can_i_speak_protobuf_and_are_understood(emulator, kubectl):
    made = [
        await kubectl("create", "namespace", "tools"),
        await kubectl("create", "-n", "tools", "configmap", "c", "--from-literal=a=b"),
        await kubectl("create", "-n", "tools", "secret", "generic", "s", "--from-literal=k=v"),
    ]
    allowed = await kubectl("auth", "can-i", "patch", "sdep", "-n", "tools")

    assert [code for code, _, _ in made] == [0, 0, 0], made
    assert allowed[:2] == (0, "yes\n")
    assert emulator.get("ConfigMap", "tools", "c")["data"] == {"a": "b"}
    assert emulator.get("Secret", "tools", "s")["data"] == {"k": "dg=="}


async def test_events_of_the_new_api_show_in_describe(emulator, kubectl):
    stored = (await emulator.apply(SEED))[0]
    regarding = {"kind": "SeldonDeployment", "namespace": "default", "name": "iris"}
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "iris.1", "namespace": "default"},
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "reason": "WeightsChanged",
        "action": "Shift",
        "note": "90/10",
        "type": "Normal",
        "reportingController": "crossfade.dev/actuator",
        "reportingInstance": "actuator-1",
        "regarding": {**regarding, "uid": stored["metadata"]["uid"]},
    }
    await emulator.apply(event)

    _, described, _ = await kubectl("describe", "sdep", "iris")
    _, listed, _ = await kubectl("events")

    assert "WeightsChanged" in described
    assert "SeldonDeployment/iris" in listed
    assert "90/10" in listed


async def test_explain_and_diff_and_api_resources_find_what_they_need(emulator, kubectl):
    await emulator.apply(SEED)
    changed = {**SEED, "spec": {"predictors": [{"name": "default"}]}}

    _, explained, _ = await kubectl("explain", "sdep.spec.predictors.traffic")
    diff = ("diff", "--server-side", "--force-conflicts", "-f", "-")
    code, differs, err = await kubectl(*diff, stdin=yaml_of(changed))
    _, resources, _ = await kubectl("api-resources", "--api-group=split.smi-spec.io")

    assert "<integer>" in explained
    assert code == 1, err
    assert "-  - graph:" in differs
    assert "trafficsplits" in resources
    assert weights(emulator) == [100, 0]
