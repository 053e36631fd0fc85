"""`assess`: one assessment a sample, in order, by the analyzer's own code."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import yaml

from crossfade.events import Assessment, MetricSample
from crossfade.testing.runs import IrisRun, iris_document

ROOT = Path(__file__).parents[2]


@pytest.fixture
def documents(tmp_path):
    whole = iris_document()
    for metric in whole["metrics"]:
        if metric["metadata"]["name"] == "request-count":
            metric["spec"]["type"] = "Counter"
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(whole["experiment"]))
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump_all(whole["metrics"]))
    return ["-f", tmp_path / "experiment.yaml", "-f", tmp_path / "metrics.yaml"]


def samples(*uids):
    """The samples of some runs, interleaved."""
    said = [e for _, e in IrisRun().events() if isinstance(e, MetricSample)]
    return [orjson.dumps(s.to_json() | {"uid": uid}) for s in said for uid in uids]


def lines(result):
    return [Assessment.from_json(line) for line in result.stdout.splitlines()]


def test_every_sample_gets_one_assessment_in_order(call, documents):
    asked = samples("one", "two")
    result = call("assess", *documents, stdin=b"\n".join(asked))
    assert result.exit_code == 0, result.output
    wanted = [(s.uid, s.iteration) for s in map(MetricSample.from_json, asked)]
    assert [(a.uid, a.iteration) for a in lines(result)] == wanted
    assert lines(result)[-1].final


def test_runs_do_not_learn_from_each_other(call, documents):
    alone = call("assess", *documents, stdin=b"\n".join(samples("one")))
    both = call("assess", *documents, stdin=b"\n".join(samples("one", "two")))
    assert [a for a in lines(both) if a.uid == "one"] == lines(alone)


def test_a_policy_may_be_asked_for_whatever_the_documents_say(call, documents):
    asked = b"\n".join(samples("one"))
    said = {
        name: call("assess", *documents, "--policy", name, stdin=asked)
        for name in ("iter8", "assured")
    }
    for name, result in said.items():
        assert {a.policy for a in lines(result)} == {name}, result.output
    wrong = call("assess", *documents, "--policy", "fair", stdin=asked)
    assert wrong.exit_code != 0
    assert "--policy: found fair; right is iter8 or assured" in wrong.stderr


def test_a_malformed_line_ends_it_after_what_came_before(call, documents):
    good = samples("one")
    bad = orjson.dumps(orjson.loads(good[1]) | {"elapsedSeconds": "soon"})
    result = call("assess", *documents, stdin=b"\n".join([good[0], bad, good[2]]))
    assert result.exit_code == 2
    assert len(lines(result)) == 1
    assert result.stderr.startswith("line 2: metric-sample.elapsedSeconds: ")


def changed(line, **fields):
    """A sample's line with other fields; `first` are changes to its first reading."""
    body = orjson.loads(line)
    body["readings"][0] |= fields.pop("first", {})
    return orjson.dumps(body | fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"of": -3}, "of: found -3; right would be the iterations of the run, or 0"),
        ({"iteration": 99}, "iteration: found 99; the run has 15"),
        ({"split": {"iris-v1": 110, "iris-v2": -10}}, "split.iris-v2: found -10; right would"),
        (
            {"split": {"iris-v1": 60, "iris-v2": 60}},
            "split: adds up to 120; right would be 100",
        ),
        (
            {"split": {"iris-v3": 5}},
            "split.iris-v3: no such version; right would be iris-v1 or",
        ),
        ({"first": {"version": "iris-v3"}}, "readings.0.version: iris-v3 is no version; right"),
        ({"first": {"value": -5.0}}, "readings.0.value: found -5; "),
        ({"first": {"value": "many"}}, "readings.0.value: "),
    ],
)
def test_what_cannot_be_of_the_run_is_named_by_line_and_field(call, documents, change, told):
    good = samples("one")
    found = [good[0], changed(good[1], **change)]
    result = call("assess", *documents, stdin=b"\n".join(found))
    assert result.exit_code == 2
    assert len(lines(result)) == 1
    assert f"line 2: metric-sample.{told}" in result.stderr
    assert "Traceback" not in result.stderr


def test_samples_out_of_order_and_readings_twice_are_named(call, documents):
    good = samples("one")
    late = call("assess", *documents, stdin=b"\n".join([good[2], good[0]]))
    assert late.stderr.startswith("line 2: metric-sample.iteration: found 1 after 3; ")
    body = orjson.loads(good[0])
    body["readings"].append(body["readings"][0])
    twice = call("assess", *documents, stdin=orjson.dumps(body))
    assert f"metric-sample.readings.{len(body['readings']) - 1}: iter8-seldon/" in twice.stderr
    assert "was read already" in twice.stderr
    again = call("assess", *documents, stdin=b"\n".join([good[0], good[0]]))
    assert again.exit_code == 0
    assert len(lines(again)) == 2


@pytest.mark.parametrize("stdin", [b"", b"\n\n"])
def test_no_sample_at_all_is_a_mistake(call, documents, stdin):
    result = call("assess", *documents, stdin=stdin)
    assert result.exit_code == 2
    assert result.stderr.startswith("standard input: found no sample")


@pytest.mark.parametrize("policy", ["iter8", "assured"])
def test_a_trial_reading_is_passed_over(call, documents, policy):
    good = samples("one")
    asked = b"\n".join([changed(good[0], iteration=0, elapsedSeconds=0), good[0]])
    result = call("assess", *documents, "--policy", policy, stdin=asked)
    assert result.exit_code == 0, result.output
    assert [a.iteration for a in lines(result)] == [1]


def test_a_line_that_is_no_json_is_named(call, documents):
    result = call("assess", *documents, stdin=b"nonsense\n")
    assert result.exit_code == 2
    assert result.stderr.startswith("line 1: metric-sample: not JSON")


def test_mistakes_in_the_documents_are_listed_by_field(call, documents, tmp_path):
    broken = iris_document()["experiment"]
    broken["spec"]["duration"] = {"intervalSeconds": 0, "maxLoops": "x"}
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(broken))
    result = call("assess", *documents, stdin=b"")
    assert result.exit_code == 1
    fields = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert fields == ["spec.duration.intervalSeconds", "spec.duration.maxLoops"]


def test_an_answer_comes_before_the_next_question(documents):
    command = [sys.executable, "-m", "crossfade_cli.main", "assess", *map(str, documents)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
    ) as child:
        for sample in samples("one")[:3]:
            child.stdin.write(sample + b"\n")
            child.stdin.flush()
            asked = MetricSample.from_json(sample).iteration
            assert Assessment.from_json(child.stdout.readline()).iteration == asked
        child.stdin.close()
        assert child.wait(10) == 0


def test_it_needs_neither_broker_nor_cluster(documents):
    script = (
        "import sys; from crossfade_cli.main import app\n"
        "try: app()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'nats', 'faststream', 'kubernetes_asyncio', 'aiohttp'} & sys.modules.keys()\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "assess", *map(str, documents)],
        input=samples("one")[0],
        capture_output=True,
        timeout=60,
        env=os.environ | {"CROSSFADE_BUS__URL": "nats://127.0.0.1:1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 1
