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
