"""`describe --layout iter8`: what the seed prints, to the byte."""

import yaml
from cli_builders import REWARD_SECTION, SEED_TABLES, the_seed

from crossfade_cli.describe import describe
from crossfade_cli.tables import table, wrapped


def without_rewards(text):
    head, _, rest = text.partition("\n****** Reward Assessment ******")
    return head + rest[rest.index("\n\n****** Objective") + 1 :]


def test_the_seeds_printed_tables_come_out_byte_for_byte():
    assert without_rewards(describe(the_seed())) == SEED_TABLES


def test_the_star_stands_at_the_best_reward():
    assert REWARD_SECTION in describe(the_seed())


def test_the_star_stands_at_the_first_column_where_low_is_better():
    seed = the_seed()
    seed["spec"]["criteria"]["rewards"][0]["preferredDirection"] = "Low"
    text = describe(seed)
    assert "| 49.867 * |  68.240 |" in text
    assert "(lower better)" in text


def test_upstreams_own_example_of_a_wrapped_limit():
    drawn = table(
        ["Objective", "A", "B"], [["iter8-istio/mean-latency <= 100.000", "true", "true"]]
    )
    assert drawn == "\n".join(
        (
            "+--------------------------------+------+------+",
            "|           OBJECTIVE            |  A   |  B   |",
            "+--------------------------------+------+------+",
            "| iter8-istio/mean-latency <=    | true | true |",
            "|                        100.000 |      |      |",
            "+--------------------------------+------+------+",
        )
    )


def test_a_cell_is_wrapped_where_its_lines_balance():
    assert wrapped("aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee") == [
        "aaaaaaaaaa bbbbbbbbbb",
        "cccccccccc dddddddddd",
        "eeeeeeeeee",
    ]


def test_headings_lose_underscores_and_dots_but_not_between_digits():
    assert "| MY APP V1.2 |" in table(["my_app.v1.2"], [["1"]])


def test_without_iterations_only_the_first_two_sections_appear():
    text = describe(the_seed(completedIterations=0))
    assert text.count("******") == 4
    assert text.endswith("Number of completed iterations: 0\n")


def test_a_failed_experiment_ends_with_the_reason():
    failed = {"type": "Failed", "status": "True", "reason": "HandlerFailed", "message": "no"}
    text = describe(the_seed(conditions=[failed]))
    assert text.endswith("****** Failure ******\nReason: HandlerFailed\nMessage: no\n")


def test_a_version_without_a_value_is_unavailable():
    seed = the_seed()
    del seed["status"]["analysis"]["aggregatedMetrics"]["data"]["iter8-seldon/error-rate"]
    del seed["status"]["analysis"]["versionAssessments"]["data"]["iris-v2"]
    text = describe(seed)
    assert "| iter8-seldon/error-rate                   | unavailable | unavailable |" in text
    assert "| true    | unavailable |" in text


def test_metrics_are_found_under_either_form_of_their_key():
    seed = the_seed()
    seed["metadata"]["namespace"] = "iter8-seldon"
    read = seed["status"]["analysis"]["aggregatedMetrics"]["data"]
    for key in list(read):
        read[key.rpartition("/")[2]] = read.pop(key)
    assert "|  49.867 |  68.240 |" in describe(seed)


def test_without_copies_of_the_metrics_the_table_is_its_heading_as_upstreams():
    seed = the_seed()
    del seed["status"]["metrics"]
    drawn = [
        "> Most recently read values of experiment metrics for each version.",
        "+--------+---------+---------+",
        "| METRIC | IRIS-V1 | IRIS-V2 |",
        "+--------+---------+---------+",
        "",
    ]

    assert describe(seed).endswith("\n".join(drawn))


def test_lines_about_what_is_not_there_are_left_out_as_upstream_does():
    seed = the_seed()
    del seed["spec"]["versionInfo"]
    del seed["status"]["versionRecommendedForPromotion"]
    text = describe(seed)

    assert "Winning version: iris-v2\n" in text
    assert "App versions" not in text
    assert "recommended" not in text


def test_a_resource_comes_from_standard_input(call):
    result = call("describe", "-f", "-", "--layout", "iter8", stdin=yaml.safe_dump(the_seed()))
    assert result.exit_code == 0
    assert without_rewards(result.stdout) == SEED_TABLES + "\n"


def test_our_own_layout_shows_failure_conditions_weights_and_limits(call):
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "HandlerFailed",
        "message": "exit 3",
    }
    weights = [{"name": "iris-v1", "value": 40}, {"name": "iris-v2", "value": 60}]
    seed = the_seed(conditions=[failed], currentWeightDistribution=weights)
    out = call("describe", "-f", "-", stdin=yaml.safe_dump(seed)).stdout
    assert "HandlerFailed: exit 3" in out
    assert "60 %" in out
    assert "iter8-seldon/error-rate ≤ 0.01" in out
    assert "6 of 15" in out


def test_a_split_that_is_a_number_nowhere_is_not_shown_and_an_end_without_winner_is_one(call):
    weights = [{"name": "iris-v1", "value": 100}, {"name": "iris-v2", "value": 0}]
    seed = the_seed(currentWeightDistribution=weights, stage="Completed")
    seed["status"]["analysis"]["winnerAssessment"]["data"] = {"winnerFound": False}
    carried = call("describe", "-f", "-", stdin=yaml.safe_dump(seed)).stdout
    del seed["spec"]["versionInfo"]["baseline"]["weightObjRef"]
    out = call("describe", "-f", "-", stdin=yaml.safe_dump(seed)).stdout

    assert "Weights" in carried
    assert "Weights" not in out
    assert "Winner" in out
    assert "none yet" not in out


def test_a_status_that_cannot_be_described_is_refused_by_field(call):
    odd = yaml.safe_dump(the_seed(conditions="x", currentWeightDistribution=7))
    for layout in ("crossfade", "iter8"):
        result = call("describe", "-f", "-", "--layout", layout, stdin=odd)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines() == [
            "status.conditions: found 'x'; right would be a list",
            "status.currentWeightDistribution: found 7; right would be a list",
        ]


def test_what_is_no_experiment_is_refused_in_one_line(call):
    result = call(
        "describe", "-f", "-", stdin="kind: Metric\napiVersion: iter8.tools/v2alpha2\n"
    )
    assert result.exit_code == 1
    assert result.stderr == (
        "-: found 0 Experiments; right is one Experiment, as "
        "`kubectl get experiment NAME -o yaml` prints it\n"
    )
