"""Replay, lint and explain as commands: recorded runs under other rules, documents from files."""

from __future__ import annotations

import json

import orjson
import pytest
import typer
from assured_builders import ERRORS, RATE, World, a_provable
from test_mapping import EXAMPLES
from typer.testing import CliRunner

from crossfade.errors import Malformed, NotFound
from crossfade.events import StageChange
from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.choice import policies
from crossfade_analyzer.replaying import Change, as_it_ran
from crossfade_analyzer.replaying import replay as replayed
from crossfade_analyzer.service import assess
from crossfade_cli.explain import explain
from crossfade_cli.failing import Readable
from crossfade_cli.lint import lint
from crossfade_cli.recordings import read_file, recorded
from crossfade_cli.replay import changes, replay, sparkline

GOOD = {"c": {"conversion": 0.15}}
EQUAL_AND_LUCKY = {"seed": 2, "requests": 400}


def a_run(document=None, **world):
    """(document, samples, assessments) of a run under policy iter8."""
    document = document or a_provable(reward=RATE, decision={"policy": "iter8"})
    made, memory, chosen = World(document, **world), {}, policies(AnalyzerSettings())
    samples, assessments = [], []
    for iteration in range(1, 16):
        made.grow()
        samples.append(made.sample(iteration))
        said, memory = assess(chosen, document, memory, samples[-1])
        assessments.append(said)
        made.split = said.split
    return document, samples, assessments


def under(document, samples, **change):
    return replayed(document, samples, policies(AnalyzerSettings()), Change(**change))


@pytest.fixture(scope="module")
def a_file(tmp_path_factory):
    """A run as `crossfade events -o json` prints it."""
    document, samples, assessments = a_run(**GOOD)
    began = StageChange(
        uid="u", stage="Running", reason="StageAdvanced", document=document.to_json()
    )
    file = tmp_path_factory.mktemp("log") / "events.jsonl"
    events = [began, *(e for pair in zip(samples, assessments, strict=True) for e in pair)]
    lines = [
        orjson.dumps(
            {"type": e.type, "namespace": "default", "name": "exp", "body": e.to_json()}
        )
        for e in events
    ]
    file.write_bytes(b"\n".join(lines))
    return file


def bodies_of(recording):
    return [event.to_json() for event in (*recording.samples, *recording.assessments)]


def invoked(command, *args):
    app = typer.Typer(cls=Readable)
    app.command("it")(command)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["it", *map(str, args)])


def test_a_replay_under_the_same_policy_says_what_was_said():
    document, samples, assessments = a_run(**GOOD)
    again, ran = under(document, samples), as_it_ran(document, samples, assessments)
    assert again.moments == ran.moments
    assert (again.verdict, again.winner, again.stopped_at) == (ran.verdict, "c", 15)
    assert again.exposure == pytest.approx(sum(s.split["c"] for s in samples) / len(samples))


def test_a_lucky_equal_is_promoted_by_points_and_not_by_proof():
    document, samples, _ = a_run(**EQUAL_AND_LUCKY)
    points, proof = under(document, samples), under(document, samples, policy="assured")
    assert points.winner == "c"
    assert (proof.verdict, proof.winner) == ("inconclusive", None)
    assert proof.stopped_at <= points.stopped_at


def test_a_stricter_limit_stops_earlier():
    document, samples, _ = a_run(c={"conversion": 0.15, "errors": 0.006})
    kept = under(document, samples, policy="assured")
    strict = under(document, samples, policy="assured", limits=(("error-rate", "0.001"),))
    assert strict.verdict == "rollback"
    assert strict.stopped_at < kept.stopped_at
    assert strict.name == "assured, error-rate ≤ 0.001"


def test_a_bolder_alpha_proves_what_a_careful_one_does_not():
    document, samples, _ = a_run(seed=3, requests=1000, c={"conversion": 0.116})
    careful = under(document, samples, policy="assured", alpha=0.001)
    bold = under(document, samples, policy="assured", alpha=0.4)
    assert careful.winner is None
    assert bold.winner == "c"


def test_a_limit_on_nothing_names_the_objectives_there_are():
    document, samples, _ = a_run(**GOOD)
    with pytest.raises(Malformed, match="error-rate"):
        under(document, samples, limits=(("latency", "5"),))


def test_a_recording_is_read_from_events_cloudevents_and_bare_bodies(a_file, tmp_path):
    whole = recorded(read_file(a_file))
    assert len(whole.samples) == len(whole.assessments) == 15
    assert whole.document is not None
    bodies = [json.loads(line)["body"] for line in a_file.read_text().splitlines()]
    bare = tmp_path / "bare.jsonl"
    bare.write_text("\n".join(json.dumps(b) for b in bodies) + "\n\n")
    assert bodies_of(recorded(read_file(bare))) == bodies_of(whole)
    cloud = tmp_path / "cloud.jsonl"
    kinds = [json.loads(line)["type"] for line in a_file.read_text().splitlines()]
    events = [{"type": t, "data": b} for t, b in zip(kinds, bodies, strict=True)]
    events.append({"type": "crossfade.weight-change.v1", "data": {"uid": "u"}})
    cloud.write_text("\n".join(map(json.dumps, events)))
    assert bodies_of(recorded(read_file(cloud))) == bodies_of(whole)


def test_a_broken_line_is_named(tmp_path):
    file = tmp_path / "broken.jsonl"
    file.write_text('{"readings": [], "uid": "u"}\n')
    with pytest.raises(Malformed, match=r"broken\.jsonl:1"):
        read_file(file)
    file.write_text("{oops\n")
    with pytest.raises(Malformed, match="not JSON"):
        read_file(file)
    with pytest.raises(NotFound):
        read_file(tmp_path / "nowhere.jsonl")
    with pytest.raises(NotFound, match="no run"):
        recorded([], uid="u")


def by_hand(tmp_path, *changes):
    """Arguments of a replay of bare samples with bare metric names, in no order."""
    document, samples, _ = a_run(**GOOD)
    bodies = [sample.to_json() for sample in reversed(samples)]
    for body in bodies:
        for reading in body["readings"]:
            reading["metric"] = reading["metric"].rpartition("/")[2]
    for body, change in zip(bodies, changes, strict=False):
        body.update(change)
    documents, file, whole = tmp_path / "x.json", tmp_path / "x.jsonl", document.to_json()
    items = [whole["experiment"], *whole["metrics"]]
    documents.write_text(json.dumps({"kind": "List", "items": items}))
    file.write_text("\n".join(map(json.dumps, bodies)))
    return ("--recording", file, "-f", documents, "--policy", "assured")


def test_samples_by_hand_are_put_in_order_and_their_metrics_named_in_full(tmp_path):
    told = json.loads(invoked(replay, *by_hand(tmp_path), "-o", "json").stdout)
    document, samples, _ = a_run(**GOOD)
    meant = under(document, samples, policy="assured")
    assert told == [json.loads(json.dumps(meant.to_json()))]
    assert meant.winner == "c"


def test_what_cannot_be_of_a_run_by_hand_is_named(tmp_path):
    done = invoked(replay, *by_hand(tmp_path, {"of": -3}, {"split": {"b": 60, "x": 40}}))
    assert done.exit_code == 1
    assert "iteration 15 of " in done.stderr
    assert "metric-sample.of: found -3; " in done.stderr
    assert "metric-sample.split.x: no such version; right would be b or c" in done.stderr


def test_an_empty_file_a_folder_and_a_line_without_an_object_are_told(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "list").write_text("[1, 2]\n")
    told = {
        name: invoked(replay, "--recording", tmp_path / name).stderr
        for name in ("empty", "list", "")
    }
    assert told["empty"] == "no run with samples is recorded here\n"
    assert "list:1: found no object; right would be one event a line" in told["list"]
    assert "Is a directory" in told[""]


def test_combinations_are_columns_and_nonsense_is_refused():
    assert [(c.policy, c.alpha) for c in changes(None, None, None)] == [
        ("iter8", None),
        ("assured", None),
    ]
    assert [c.alpha for c in changes(["assured"], [0.1, 0.2], ["m=1"])] == [0.1, 0.2]
    (asked,) = changes(["assured"], None, None, "0.1", True)
    assert (asked.min_effect, asked.early_stop) == ("0.1", True)
    for asked in ((["kayenta"], None, None), (None, [2.0], None), (None, None, ["m"])):
        with pytest.raises(Malformed):
            changes(*asked)


def test_the_command_puts_columns_side_by_side_and_draws_them(a_file, tmp_path):
    plot = tmp_path / "plot.html"
    done = invoked(
        replay, "--recording", a_file, "--alpha", 0.05, "--alpha", 0.2, "--plot", plot
    )
    assert done.exit_code == 0, done.output
    assert "as it ran" in done.output
    assert "assured, α 0.05" in done.output
    assert "promote" in done.output
    assert "█" in done.output
    assert "plotly" in plot.read_text()[:20000].lower()
    early = invoked(replay, "--recording", a_file, "--early-stop", "--min-effect", "0.01")
    assert "assured, effect ≥ 0.01, may stop early" in early.output
    told = json.loads(invoked(replay, "--recording", a_file, "-o", "json").stdout)
    assert [column["name"] for column in told] == ["as it ran", "iter8", "assured"]


def test_a_recording_without_its_document_asks_for_one(a_file, tmp_path):
    samples = tmp_path / "samples.jsonl"
    lines = [json.loads(line)["body"] for line in a_file.read_text().splitlines()]
    samples.write_text("\n".join(json.dumps(b) for b in lines if "readings" in b))
    refused = invoked(replay, "--recording", samples)
    assert refused.exit_code == 1
    document = tmp_path / "document.json"
    body = recorded(read_file(a_file)).document.to_json()
    document.write_text(
        json.dumps({"kind": "List", "items": [body["experiment"], *body["metrics"]]})
    )
    done = invoked(replay, "--recording", samples, "-f", document)
    assert done.exit_code == 0, done.output


def test_a_sparkline_is_as_long_as_its_values_and_no_longer_than_a_line():
    assert sparkline([0, 50, 100]) == "▁▅█"
    assert len(sparkline(list(range(1000)))) <= 60


def test_lint_exits_1_for_errors_alone():
    seed, mended = (
        [
            EXAMPLES / "iris-separate" / f"{name}{suffix}.yaml"
            for name in ("experiment", "metrics")
        ]
        for suffix in ("", "-corrected")
    )
    broken = invoked(lint, *seed)
    assert broken.exit_code == 1
    assert "[sum-for-count]" in broken.output
    assert invoked(lint, *mended).exit_code == 0
    told = json.loads(invoked(lint, *mended, "-o", "json").stdout)
    assert {"code", "level", "where", "reason", "mend"} == set(told[0])


def test_lint_looks_at_metrics_that_nobody_refers_to():
    metrics = EXAMPLES / "iris-separate" / "metrics.yaml"
    alone = json.loads(invoked(lint, metrics, "-o", "json").stdout)
    both = json.loads(
        invoked(lint, metrics.with_name("experiment.yaml"), metrics, "-o", "json").stdout
    )
    for found in (alone, both):
        assert "iter8-seldon/error-count spec.params[0].value" in {f["where"] for f in found}


def test_lint_says_what_is_left_out(tmp_path):
    example = EXAMPLES / "iris-single"
    misspelt = tmp_path / "experiment.yaml"
    text = (example / "experiment.yaml").read_text()
    misspelt.write_text(text.replace("upperLimit: 2000", "upperLimt: 2000"))
    files = [misspelt, example / "metrics-corrected.yaml"]
    found = json.loads(invoked(lint, *files, "-o", "json").stdout)
    left = [f["where"] for f in found if f["code"] == "left-out"]
    assert left == ["spec.criteria.objectives[0].upperLimt"]


def test_lint_names_a_kind_that_is_none_of_ours(tmp_path):
    misspelt = tmp_path / "experiment.yaml"
    text = (EXAMPLES / "iris-single" / "experiment.yaml").read_text()
    misspelt.write_text(text.replace("kind: Experiment", "kind: Experimnt"))
    done = invoked(lint, misspelt, EXAMPLES / "iris-single" / "metrics-corrected.yaml")
    assert done.exit_code == 1
    assert "found 'Experimnt'; the document was left out" in done.stdout


def test_explain_tells_needs_and_lacks():
    files = [EXAMPLES / "iris-separate" / f"{n}.yaml" for n in ("experiment", "metrics")]
    told = invoked(explain, *files).stdout
    assert "lacks    distribution" in told
    assert "Under policy assured no candidate" in told
    corrected = [f.with_name(f"{f.stem}-corrected.yaml") for f in files]
    told = invoked(explain, *corrected, "--rate", 25).stdout
    assert "25 requests/s" in told
    assert "requests without a failure: " in told
    assert "iterations" in told
    listed = json.loads(invoked(explain, *corrected, "-o", "json").stdout)
    assert {each["claim"] for each in listed} >= {"error-rate", "user-engagement"}


def test_explain_refuses_a_rate_that_is_none_and_counts_one_iteration_as_one():
    files = [
        EXAMPLES / "iris-separate" / f"{n}-corrected.yaml" for n in ("experiment", "metrics")
    ]
    for rate in ("0", "inf"):
        refused = invoked(explain, *files, "--rate", rate)
        assert refused.exit_code == 1
        assert (
            refused.stderr == f"--rate: found {rate}; right is requests per second, above 0\n"
        )
    told = invoked(explain, *files, "--rate", 1e6).stdout
    assert ": 1 iteration, " in told
    assert "1 iterations" not in told.replace("11 iterations", "")


def test_explain_says_how_old_a_number_may_be(tmp_path):
    files = [EXAMPLES / "iris-separate" / f"{n}.yaml" for n in ("experiment", "metrics")]
    dated = tmp_path / "metrics.yaml"
    written = (
        files[1]
        .read_text()
        .replace("provider: prometheus", "provider: prometheus\n  maxAge: 45")
    )
    dated.write_text(written)

    assert "maxAge" not in invoked(explain, *files).stdout
    assert "(maxAge): " in (told := invoked(explain, files[0], dated).stdout)
    assert "iter8-seldon/mean-latency 45 s" in told


def test_explain_prints_the_table_of_shapes():
    told = invoked(explain, "--shapes").stdout
    assert len(told.splitlines()) == 9
    assert "descriptive only" in told


def test_the_rate_of_the_last_run_is_its_requests_over_its_time():
    from crossfade_analyzer.explain import rate_of

    document, samples, _ = a_run(a_provable((ERRORS,)), requests=1000)
    assert rate_of(document, samples) == pytest.approx(100, rel=0.05)
    assert rate_of(document, []) is None
