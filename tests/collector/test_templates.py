"""Templates fill as `string.Template.safe_substitute` does, and know our few additions."""

from tests.collector.builders import START, a_document, a_metric

from crossfade_collector.templates import filled, plain, values


def filled_for(text, *, elapsed=61, metric=None, objectives=None, others=(), **variables):
    own = metric or a_metric("m", mock=[])
    written = [{"name": n, "value": v} for n, v in variables.items()]
    document = a_document(own, *others, objectives=objectives, variables=written)
    found = document.metric(own["metadata"]["name"])
    return filled(text, values(document, document.baseline, found, START, elapsed))


def test_the_example_measured_at_upstream_fills_alike():
    text = "a='$ns' b=${elapsedTime} d=$name e=$unknown f=${a-b} g=$$x i=$NS"
    variables = {"ns": "prod", "name": "override", "a-b": "X", "elapsedTime": "user"}

    assert filled_for(text, **variables) == (
        "a='prod' b=61 d=override e=$unknown f=${a-b} g=$x i=$NS"
    )


def test_the_name_is_the_version_unless_a_variable_takes_its_place():
    assert filled_for("$name") == "v1"


def test_the_additions_are_there_and_give_way_to_variables():
    text = "$interval $experiment $namespace"

    assert filled_for(text) == "10 exp ns"
    assert filled_for(text, interval="1m", namespace="theirs") == "1m exp theirs"


def test_epochs_span_the_elapsed_time():
    now = int(START.timestamp())

    assert filled_for("$startEpoch $nowEpoch") == f"{now - 61} {now}"


def test_query_syntax_in_a_variable_goes_in_as_it_is():
    assert filled_for("{x,${userfilter}}", userfilter='g!~"wakanda"') == '{x,g!~"wakanda"}'


def test_limits_are_those_of_the_objectives_on_the_metric():
    objectives = [{"metric": "m", "upperLimit": "250m"}, {"metric": "m", "lowerLimit": 3}]

    assert filled_for("$upperLimit $lowerLimit", objectives=objectives) == "0.25 3"


def test_a_histogram_sees_the_limit_of_the_objective_it_serves():
    histogram = a_metric("within", mock=[])
    served = a_metric("latency", mock=[], histogram="within")
    objectives = [{"metric": "latency", "upperLimit": 5000}]

    assert (
        filled_for("$upperLimit", metric=histogram, others=[served], objectives=objectives)
        == "5000"
    )


def test_a_metric_without_a_limit_leaves_the_placeholder():
    objectives = [{"metric": "m", "upperLimit": 1}]

    assert filled_for("${lowerLimit}", objectives=objectives) == "${lowerLimit}"


def test_a_limit_is_written_as_prometheus_writes_a_bucket():
    assert [plain(x) for x in (0.25, 5000.0, 1.0, 1e-05)] == ["0.25", "5000", "1", "1e-05"]
