"""Admission lists everything that an author got wrong, at once, by field."""

import re

import pytest

from crossfade.errors import FieldError, Malformed
from crossfade.resources import (
    LARGEST_START,
    Metric,
    admit,
    condition_of,
    gather,
    missing_metrics,
    parse_experiment,
    parse_metric,
    reason_of,
)
from crossfade.resources.metrics import qualified


def refused(body, **how):
    with pytest.raises(Malformed) as caught:
        admit(body, **how)
    return {error.field: error for error in caught.value.errors}


def put(document, field, value):
    """Puts a value at a field in document notation; `...` takes the field away."""
    *steps, last = [int(s) if s.isdigit() else s for s in re.findall(r"[\w-]+", field)]
    for step in steps:
        document = document[step]
    if value is ...:
        del document[last]
    else:
        document[last] = value


def mistake(field, value, words, told=None):
    """A mistake at `field` of the spec, and the field under which it is told."""
    return pytest.param(field, value, words, told or field, id=f"{field}={value}")


PATTERN = "strategy.testingPattern"
FINISH = "strategy.actions.finish"
LIMIT = "criteria.objectives[1].upperLimit"
REF = "versionInfo.baseline.weightObjRef"

MISTAKES = [
    mistake("target", ..., "is missing"),
    mistake("target", "", "not empty"),
    mistake("target", 5, "found 5; right would be text"),
    mistake("strategy", ..., "is missing"),
    mistake(PATTERN, ..., "is missing"),
    mistake(PATTERN, "AB", "'A/B/N' or 'Conformance'"),
    mistake("strategy.deploymentPattern", "Fast", "'Progressive'"),
    mistake("strategy.weights.maxCandidateWeight", 101, "100"),
    mistake("strategy.weights.maxCandidateWeight", True, "whole"),
    mistake(f"{FINISH}[0].run", "ls", "both task", f"{FINISH}[0]"),
    mistake(f"{FINISH}[1].run", ..., "neither task nor run", f"{FINISH}[1]"),
    mistake(f"{FINISH}[1]", {"if": "x"}, "only a condition"),
    mistake(FINISH, {}, "a list"),
    mistake("duration.intervalSeconds", 0, "found 0"),
    mistake("duration.intervalSeconds", "10", "found '10'; right would be a whole"),
    mistake("duration.maxLoops", 2**31, "up to 2147483647"),
    mistake("criteria.rewards", [], "Invalid number of rewards for A/B experiment"),
    mistake("criteria.rewards[0].preferredDirection", "higher", "'High'"),
    mistake("criteria.rewards[0].metric", "a/b/c", "namespace/name"),
    mistake(LIMIT, "1 %", "not a quantity"),
    mistake(LIMIT, True, "found True"),
    mistake(LIMIT, float("nan"), "finite"),
    mistake("criteria.objectives[1].rollback_on_failure", "yes", "true or false"),
    mistake("criteria.indicators[0]", 3, "found 3"),
    mistake("versionInfo.candidates", [], "Invalid number of candidates"),
    mistake("versionInfo.candidates[0].name", "iris-v1", "not unique"),
    mistake("versionInfo.baseline.variables[0].value", 8080, "quotes"),
    mistake(f"{REF}.fieldPath", "spec.x", "must start with '.'"),
    mistake(f"{REF}.fieldPath", ".a[-1].b", "counted from 0"),
    mistake(f"{REF}.fieldPath", ".a[*].b", "a path such as"),
    mistake(f"{REF}.fieldPath", ..., "is missing"),
    mistake(f"{REF}.kind", ..., "is missing"),
    mistake(
        "versionInfo.candidates[0].weightObjRef.fieldPath",
        ".spec.predictors[0].traffic",
        "which spec.versionInfo.baseline has already",
    ),
    mistake(f"{REF}.namespace", "A_B", "lower-case"),
    mistake("decision", {"policy": "luck"}, "'assured'", "decision.policy"),
    mistake("decision", {"alpha": "0.1"}, "a number", "decision.alpha"),
    mistake("decision", {"futility": False}, "a number", "decision.futility"),
    mistake("decision", {"alpha": 1}, "below 1", "decision.alpha"),
    mistake("decision", {"gates": ["end"]}, "'promote'", "decision.gates[0]"),
]


def test_limits_that_exclude_each_other_are_refused_only_where_proof_is_asked_for(body):
    put(body, "experiment.spec.criteria.objectives[1].lowerLimit", "1")
    assert admit(body).objectives[1].lower == 1.0

    put(body, "experiment.spec.decision", {"policy": "assured"})
    told = refused(body)["spec.criteria.objectives[1].lowerLimit"]
    assert "above upperLimit" in told.message


@pytest.mark.parametrize(("field", "value", "words", "told"), MISTAKES)
def test_a_mistake_is_told_by_field_with_what_would_be_right(body, field, value, words, told):
    put(body, f"experiment.spec.{field}", value)
    errors = refused(body)

    assert words in errors[f"spec.{told}"].message
    assert list(errors) == [f"spec.{told}"]


@pytest.mark.parametrize(
    ("way", "value", "field", "words"),
    [
        ("experiment.metadata.name", ..., "metadata.name", "is missing"),
        ("experiment.metadata.name", "Iris", "metadata.name", "a Kubernetes name"),
        ("experiment.metadata.namespace", "a.b", "metadata.namespace", "lower-case"),
        ("experiment.kind", "Rollout", "kind", "'Experiment'"),
        ("experiment.apiVersion", "iter8.tools/v2", "apiVersion", "'iter8.tools/v2alpha2'"),
        ("experiment", [], "experiment", "a mapping"),
        ("metrics", "x", "metrics", "a list"),
        ("metrics.0.spec.type", "counter", "metrics[0].spec.type", "'Counter' or 'Gauge'"),
        ("metrics.0.spec.method", "PUT", "metrics[0].spec.method", "'GET' or 'POST'"),
        ("metrics.0.spec.secret", "a/b/c", "metrics[0].spec.secret", "name of a Secret"),
        (
            "metrics.3.spec.mock.0.level",
            "high",
            "metrics[3].spec.mock[0].level",
            "not a quantity",
        ),
        (
            "metrics.0.metadata.name",
            "request_count",
            "metrics[0].metadata.name",
            "a Kubernetes name",
        ),
        ("metrics.0", 5, "metrics[0]", "found 5"),
    ],
)
def test_mistakes_outside_the_spec_are_told_by_field_too(body, way, value, field, words):
    put(body, way, value)
    assert words in refused(body)[field].message


def test_a_missing_field_is_told_with_the_misspelt_one_beside_it(body):
    strategy = body["experiment"]["spec"]["strategy"]
    strategy["testingPatern"] = strategy.pop("testingPattern")
    told = refused(body)["spec.strategy.testingPattern"].message
    assert told == "is missing; it has to be given; found testingPatern, which is no field"


def test_all_mistakes_are_told_at_once(body):
    mistakes = {
        "experiment.metadata.name": "Iris",
        "experiment.spec.target": ...,
        "experiment.spec.strategy.testingPattern": "AB",
        "experiment.spec.strategy.actions.finish.1.run": ...,
        "experiment.spec.criteria.objectives.1.upperLimit": "x",
        "experiment.spec.criteria.indicators.0": "nobody",
        "experiment.spec.versionInfo.candidates.0.weightObjRef.fieldPath": "spec",
        "experiment.spec.versionInfo.candidates.0.name": "iris-v1",
        "metrics.0.spec.type": "gauge",
    }
    for way, value in mistakes.items():
        put(body, way, value)

    assert set(refused(body)) >= {
        "metadata.name",
        "spec.target",
        "spec.strategy.testingPattern",
        "spec.strategy.actions.finish[1]",
        "spec.criteria.objectives[1].upperLimit",
        "spec.criteria.indicators[0]",
        "spec.versionInfo.candidates[0].weightObjRef.fieldPath",
        "spec.versionInfo.candidates[0].name",
        "metrics[0].spec.type",
    }


@pytest.mark.parametrize(
    ("pattern", "candidates", "rewards", "fields"),
    [
        ("Canary", 1, 0, []),
        ("Canary", 2, 0, ["spec.versionInfo.candidates"]),
        ("Canary", 1, 1, ["spec.criteria.rewards"]),
        ("A/B", 1, 1, []),
        ("A/B", 1, 2, ["spec.criteria.rewards"]),
        ("A/B/N", 1, 1, []),
        ("A/B/N", 3, 1, []),
        ("A/B/N", 0, 0, ["spec.versionInfo.candidates", "spec.criteria.rewards"]),
        ("Conformance", 0, 0, []),
        ("Conformance", 1, 1, ["spec.versionInfo.candidates", "spec.criteria.rewards"]),
    ],
)
def test_each_pattern_has_its_numbers(body, pattern, candidates, rewards, fields):
    spec = body["experiment"]["spec"]
    spec["strategy"]["testingPattern"] = pattern
    spec["versionInfo"]["candidates"] = [{"name": f"c{i}"} for i in range(candidates)]
    spec["criteria"]["rewards"] = spec["criteria"]["rewards"] * rewards
    if not fields:
        assert len(admit(body).candidates) == candidates
        return
    errors = refused(body)
    assert list(errors) == fields
    for error in errors.values():
        assert reason_of(error) == "InvalidExperiment"
        assert error.condition.endswith(f"for {pattern} experiment")


def test_a_missing_metric_has_upstreams_reason_and_words(body):
    del body["metrics"][4]
    errors = refused(body)

    assert list(errors) == ["spec.criteria.objectives[1].metric"]
    assert condition_of(list(errors.values())) == (
        "MetricUnavailable",
        "Unable to find metric ns-production/error-rate",
    )


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("mean-latency", "iter8-seldon/mean-latency"),  # the namespace was forgotten
        ("iter8-seldon/mean-latencies", "iter8-seldon/mean-latency"),
        ("zzz", None),
    ],
)
def test_a_missing_metric_is_told_with_the_one_that_was_probably_meant(body, asked, there):
    put(body, "experiment.spec.criteria.indicators", [asked])
    (error,) = refused(body).values()

    assert error.condition == f"Unable to find metric {qualified(asked, 'ns-production')}"
    assert error.message == error.condition + (f"; there is {there}" if there else "")


def test_what_stands_beside_experiment_and_metrics_is_left_out_with_a_warning(body):
    told = admit(body | {"metric": [], "requestId": "a"}).warnings

    assert told == (*admit(body).warnings, "metric: is not a field of a start and was left out")


def test_a_missing_link_of_a_chain_is_told_where_it_is_referred_to(body):
    del body["metrics"][-1]

    assert list(refused(body)) == ["metric iter8-seldon/seen: spec.sampleSize"]


def test_metrics_left_out_are_found_in_the_cluster(experiment, metrics):
    cluster = {
        f"{m['metadata'].get('namespace', 'ns-production')}/{m['metadata']['name']}": m
        for m in metrics
    }
    document = admit(experiment, find_metric=cluster)

    assert set(document.metrics) == set(cluster)


def test_what_the_body_brings_wins_over_the_cluster(experiment, metrics):
    stale = {"iter8-seldon/request-count": {**metrics[0], "spec": {"description": "stale"}}}
    document = admit({"experiment": experiment, "metrics": metrics}, find_metric=stale)

    assert document.metric("iter8-seldon/request-count").spec.description == "request-count"


def test_a_mistake_elsewhere_makes_no_metric_missing(experiment, metrics):
    whole = missing_metrics(experiment)
    experiment["spec"]["duration"]["intervalSeconds"] = "soon"
    assert missing_metrics(experiment) == whole

    broken = next(m for m in metrics if m["metadata"]["name"] == "error-count")
    broken["spec"]["method"] = "PUT"
    assert missing_metrics(experiment, metrics) == missing_metrics(
        experiment, [m for m in metrics if m is not broken] + [with_method(broken, "GET")]
    )


def with_method(metric, method):
    return {**metric, "spec": {**metric["spec"], "method": method}}


def test_missing_metrics_are_asked_for_link_by_link(experiment, metrics):
    rounds = [missing_metrics(parse_experiment(experiment))]
    known = {
        m.key if m.metadata.namespace else f"ns-production/{m.name}": m
        for m in map(parse_metric, metrics)
    }
    found: list[Metric] = []
    while missing := missing_metrics(experiment, found):
        rounds.append(missing)
        found += [known[key] for key in missing]

    assert rounds[1:] == [
        [
            "iter8-seldon/request-count",
            "ns-production/user-engagement",
            "iter8-seldon/error-count",
            "iter8-seldon/mean-latency",
            "ns-production/error-rate",
        ],
        ["iter8-seldon/seen"],
        ["iter8-seldon/seen-by-all"],
    ]


def test_a_chain_that_bites_its_tail_is_refused_once(body):
    body["metrics"][-1]["spec"]["sampleSize"] = "seen"
    errors = refused(body)

    assert len(errors) == 1
    assert (
        "iter8-seldon/seen → iter8-seldon/seen-by-all → iter8-seldon/seen"
        in next(iter(errors.values())).message
    )


def test_a_metric_that_samples_itself_is_refused(body):
    body["metrics"][0]["spec"]["sampleSize"] = "request-count"

    assert list(refused(body)) == ["metric iter8-seldon/request-count: spec.sampleSize"]


def test_a_metric_given_twice_is_refused(body):
    body["metrics"].append(body["metrics"][0])

    assert "given twice" in refused(body)["metrics[7].metadata.name"].message


def test_fields_without_a_value_are_left_out_with_a_warning(body):
    put(body, "experiment.spec.duration.maxLoops", None)
    put(body, "experiment.spec.strategy.actions.loop", None)
    put(body, "experiment.spec.decision", None)
    put(body, "metrics[0].spec.type", None)
    document = admit(body)

    assert document.max_loops == 1
    assert "loop" not in document.actions
    assert document.policy == "iter8"
    assert sorted(document.warnings) == [
        "metrics[0].spec.type: is empty and was left out",
        "spec.decision: is empty and was left out",
        "spec.duration.maxLoops: is empty and was left out",
        "spec.strategy.actions.loop: is empty and was left out",
    ]


def test_what_has_to_be_there_is_missing_where_it_is_empty(body):
    put(body, "experiment.spec.target", None)
    put(body, "experiment.spec.versionInfo.candidates[0].name", None)
    errors = refused(body)

    assert "is missing" in errors["spec.target"].message
    assert "is missing" in errors["spec.versionInfo.candidates[0].name"].message


def test_unknown_fields_are_left_out_with_a_warning(body):
    body["experiment"]["spec"]["colour"] = "red"
    body["experiment"]["spec"]["criteria"]["objectives"][0]["upperlimit"] = 5
    body["metrics"][0]["spec"]["urlQueryParams"] = []
    document = admit(body)

    assert [w.partition(":")[0] for w in document.warnings] == [
        "spec.criteria.objectives[0].upperlimit",
        "spec.colour",
        "metrics[0].spec.urlQueryParams",
    ]
    assert "colour" not in document.to_json()["experiment"]["spec"]


def test_snake_case_is_no_spelling_of_a_camel_case_field(body):
    strategy = body["experiment"]["spec"]["strategy"]
    strategy["testing_pattern"] = strategy.pop("testingPattern")

    assert "is missing" in refused(body)["spec.strategy.testingPattern"].message


def test_a_start_that_is_too_large_is_refused_with_size_and_limit(body):
    body["experiment"]["metadata"]["annotations"] = {"note": "x" * LARGEST_START}
    error = refused(body)[""]

    assert f"at most {LARGEST_START} bytes" in error.message


def test_a_document_that_its_metrics_make_too_large_is_refused(experiment, metrics):
    cluster = {
        f"{m['metadata'].get('namespace', 'ns-production')}/{m['metadata']['name']}": m
        for m in metrics
    }
    for metric in metrics:
        metric["spec"]["body"] = "x" * 150_000

    assert "at most 768000 bytes" in refused(experiment, find_metric=cluster)[""].message


def test_a_body_that_is_neither_form_says_so():
    assert "experiment" in refused({"experiments": []})


def test_only_a_cluster_asks_where_weights_are(body):
    put(body, "experiment.spec.versionInfo.baseline.weightObjRef", ...)
    put(body, "experiment.spec.versionInfo.candidates[0].weightObjRef", ...)

    assert admit(body)
    errors = refused(body, on_cluster=True)
    assert list(errors) == ["spec.versionInfo.candidates[0].weightObjRef"]
    assert condition_of(list(errors.values()))[1].startswith(
        "Specification of version weightObjectRef invalid"
    )


def test_one_version_without_a_reference_is_enough_for_a_cluster(body):
    del body["experiment"]["spec"]["versionInfo"]["baseline"]["weightObjRef"]

    assert admit(body, on_cluster=True)


def test_what_a_start_action_may_bring_is_not_asked_for(body):
    spec = body["experiment"]["spec"]
    spec["strategy"]["actions"]["start"] = [{"run": "kubectl patch …"}]
    del spec["versionInfo"]

    assert admit(body, on_cluster=True).versions == ()
    del spec["strategy"]["actions"]["start"]
    assert condition_of(list(refused(body, on_cluster=True).values())) == (
        "InvalidExperiment",
        "No versionInfo in experiment",
    )


def test_once_the_start_action_has_run_everything_is_asked_for(body):
    spec = body["experiment"]["spec"]
    spec["strategy"]["actions"]["start"] = [{"run": "kubectl patch …"}]
    info = spec.pop("versionInfo")
    for on_cluster in (True, False):
        errors = refused(body, on_cluster=on_cluster, started=True)
        assert list(errors) == ["spec.versionInfo"]

    spec["versionInfo"] = info | {"candidates": []}
    assert list(refused(body, started=True)) == ["spec.versionInfo.candidates"]


def test_a_start_action_may_bring_metrics_where_there_is_a_cluster(body):
    body["experiment"]["spec"]["strategy"]["actions"]["start"] = [{"run": "kubectl apply …"}]
    body["metrics"] = []

    assert admit(body, on_cluster=True).metrics == {}
    for asked in ({"on_cluster": True, "started": True}, {}):
        errors = refused(body, **asked)
        assert condition_of(list(errors.values()))[0] == "MetricUnavailable"


def test_a_metric_that_is_broken_is_not_missed_as_well(body):
    body["metrics"][0]["spec"]["type"] = "counter"

    assert list(refused(body)) == ["metrics[0].spec.type"]


def test_a_broken_metric_of_the_cluster_has_upstreams_reason(experiment, metrics):
    cluster = {
        f"{m['metadata'].get('namespace', 'ns-production')}/{m['metadata']['name']}": m
        for m in metrics
    }
    cluster["iter8-seldon/error-count"]["spec"]["type"] = "counter"
    errors = refused(experiment, find_metric=cluster)

    assert list(errors) == ["metric iter8-seldon/error-count: spec.type"]
    assert condition_of(list(errors.values())) == (
        "MetricsUnreadable",
        "Unable to load metric iter8-seldon/error-count: spec.type: found 'counter'; "
        "right would be one of 'Counter' or 'Gauge'",
    )


def test_a_condition_tells_the_first_mistake_and_a_few_more_and_counts_the_rest():
    many = [FieldError(f"spec.a{i}", "is missing; it has to be given") for i in range(9)]
    _, message = condition_of(many)

    assert message.startswith("spec.a0: is missing; it has to be given; spec.a1: ")
    assert "spec.a4: " in message
    assert message.endswith("; and 4 more mistakes")
    assert condition_of(many[:1])[1] == str(many[0])


def test_built_in_metrics_are_known_without_a_cluster(body):
    objective = {"metric": "iter8-system/latency-95th-percentile", "upperLimit": 5}
    body["experiment"]["spec"]["criteria"]["objectives"].append(objective)
    document = admit(body)

    assert document.metric("iter8-system/latency-95th-percentile").spec.provider == "iter8"
    assert "iter8-system/request-count" in document.references
    assert not any("iter8-system" in key for key in missing_metrics(body["experiment"]))


def test_a_start_is_gathered_from_the_documents_of_its_files(experiment, metrics):
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    start, others = gather([metrics[0], namespace, experiment, metrics[1]])

    assert start == {"experiment": experiment, "metrics": metrics[:2]}
    assert others == [namespace]


@pytest.mark.parametrize("count", [0, 2])
def test_a_start_has_exactly_one_experiment(experiment, count):
    with pytest.raises(Malformed, match=f"found {count} documents of kind Experiment"):
        gather([experiment] * count)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("criteria.objectives", ...),
        ("criteria.objectives", []),
        ("criteria.indicators", ...),
        ("criteria.requestCount", ...),
        ("criteria.objectives[1].upperLimit", ...),
        ("criteria.objectives[1].upperLimit", 5),
        ("duration", ...),
        ("strategy.actions", {"finish": []}),
        ("strategy.actions", {"celebrate": [{"task": "any/thing"}]}),
        ("strategy.actions.finish[0].task", "no/such-task"),
        ("strategy.actions.finish[0].run", ""),
        ("strategy.weights", {"maxCandidateWeight": 50}),
        ("versionInfo.baseline.variables", ...),
        ("versionInfo.candidates[0].weightObjRef", ...),
        ("versionInfo.candidates[0].name", "any name at all"),
        ("target", "ns/name of (anything)"),
    ],
)
def test_what_upstream_accepts_is_accepted(body, field, value):
    put(body, f"experiment.spec.{field}", value)

    assert admit(body, on_cluster=True).warnings == ()
