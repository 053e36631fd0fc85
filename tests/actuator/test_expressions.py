"""The language of `if`, beyond what documents mostly use: upstream's, antonmedv/expr."""

from __future__ import annotations

import pytest

from crossfade.testing.documents import a_document
from crossfade_actuator.actions.conditions import check, holds
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.port import TaskFailed

WEIGHTS = [{"name": "iris-v1", "value": 30}, {"name": "iris-v2", "value": 70}]
STATUS = {"completedIterations": 4, "currentWeightDistribution": WEIGHTS}


def a_context() -> Context:
    document = a_document()
    metadata = document.experiment.metadata.model_copy(update={"labels": {"team": "data"}})
    experiment = document.experiment.model_copy(update={"metadata": metadata})
    document = document.model_copy(update={"experiment": experiment})
    return Context(document, STATUS, uid="u", namespace="ns", name="exp")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # Operators of one rank group from the left; powers from the right.
        ("1 < 2 == true", True),
        ("3 > 2 != false", True),
        ("10 - 2 - 3 == 5", True),
        ("2 ** 3 ** 2 == 512", True),
        ("1 + 2 * 3 == 7 and 7 % 4 == 3", True),
        ("true or false and false", True),
        # `not` holds of the comparison behind it.
        ('not Name == "exp"', False),
        ("not false == false or true", True),
        ('Name not in ["a", "b"]', True),
        ('not (Name in ["exp"])', False),
        # Conditions in conditions, in brackets and in lists.
        ("(WinnerFound() ? 1 : 2) == 2", True),
        ("WinnerFound() ? false : Status.CompletedIterations > 3 ? true : false", True),
        ("true ? false ? false : true : false", True),
        ("[true ? 1 : 2][0] == 1", True),
        ("(true ?: false)", True),
        # Ranges, slices, lists, maps.
        ("Status.CompletedIterations in 1..5", True),
        ("Status.CompletedIterations in 5..9", False),
        ('Name[1:] == "xp" and Name[:1] == "e" and Name[:] == Name', True),
        ('{"a": 1, b: 2,}.b == 2 and len({}) == 0', True),
        ("[1, 2,] == [1, 2]", True),
        ("1_000 == 1000 and 0x10 == 16 and 1.5e1 == 15 and -1 < +1", True),
        # Fields.
        ('Labels["team"] == "data" and Labels.team == "data" and "team" in Labels', True),
        ('"nobody" in Labels or "Team" in Labels', False),
        ('"Nothing" in Status', False),
        ("Status.Analysis?.WinnerAssessment.Data.WinnerFound == nil", True),
        (".Spec.VersionInfo.Baseline == Spec.VersionInfo.Baseline", True),
        (".WinnerFound() || .CandidateWon()", False),
        # Functions of lists.
        ("all(Status.CurrentWeightDistribution, {.Value >= 30})", True),
        ("all(status.currentWeightDistribution, {#.value > 30})", False),
        ('any(Status.CurrentWeightDistribution, {.Name == "iris-v2" and .Value > 50})', True),
        ("none(Status.CurrentWeightDistribution, {# == nil})", True),
        ("one(1..5, {# == 3}) and not one(1..5, {# > 3})", True),
        ("count(Status.CurrentWeightDistribution, {.Value > 50}) == 1", True),
        ("filter(1..6, {# % 2 == 0}) == [2, 4, 6]", True),
        ("filter(Status.CurrentWeightDistribution, {.Value > 50})[0].Name == 'iris-v2'", True),
        ("len(map(1..3, {# * 2})) == 3 and map(1..3, {# * 2})[2] == 6", True),
        ("all(1..2, {any([#, 9], {# == 9})})", True),
        ('all(1..50, {Name matches "^e"})', True),
        ("all([], {false}) and none([], {true})", True),
    ],
)
def test_an_expression_means_what_it_does_upstream(expression, expected):
    assert holds(expression, a_context()) is expected


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("Name =~ 'x'", "found =, which is no operator here"),
        ("1 | 2 == 3", "found |, which is no operator here"),
        ("CandidateWon(", "found the end; right is a value"),
        ("CandidateWon() true", "found true; right is an operator or the end"),
        ("(1 == 1", "found the end; right is )"),
        ("Status.", "found the end; right is a name"),
        ("true ? 1", "found the end; right is :"),
        ("Name == 'x", "found ', which is no operator here"),
        ("all(1..2, # == 1)", "found #; right is {"),
        ("# == 1", "found # outside of { }; right is a function of lists around it"),
        ("Name.lower() == 'x'", "found a call of .lower(), which nothing here has"),
        ("upper(Name) == 'X'", "names upper; right is one of"),
        ("WinnerFound == true", "names WinnerFound, which is a function; right is a call"),
        ("Name() == 'x'", "names Name, which is no function; right is Name without ()"),
        ('Name matches "("', "is no regular expression"),
        ('Name matches "(e+)+$"', "might be tried for ever"),
        ("(" * 900, "cannot be read"),
    ],
)
def test_what_no_run_could_evaluate_is_told_at_once_with_what_would_be_right(expression, told):
    with pytest.raises(TaskFailed, match=r"^if: ") as error:
        check(expression)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("Status.Analysis.WinnerAssessment == nil", "found None before .WinnerAssessment"),
        ("all(Status, {true})", "right is a list"),
        ("all(1..3, {#})", "found 1 in { }; right is true or false"),
        ("filter(1..3, {#}) == []", "found 1 in { }; right is true or false"),
        ("len(0..100000000) > 1", "is too long; right are at most 10000"),
        ('any(1..51, {Name matches "x$"})', "is looked for more than 50 times"),
        ("count(1..9999, {any(1..9999, {false})}) == 0", "too many elements"),
    ],
)
def test_what_a_run_cannot_evaluate_names_what_was_found(expression, told):
    check(expression)
    with pytest.raises(TaskFailed) as error:
        holds(expression, a_context())
    assert told in str(error.value)
