"""Quantities: the grammar, Go's way of writing them, iter8ctl's way of printing them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade.domain import quantities


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        (2000, 2000),
        ("0.01", Fraction(1, 100)),
        ("10m", Fraction(1, 100)),
        ("13352538n", Fraction(13352538, 10**9)),
        ("3u", Fraction(3, 10**6)),
        ("2k", 2000),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("4Ki", 4096),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("1E3", 1000),
        ("2.5e-2", Fraction(1, 40)),
        ("-1.5", Fraction(-3, 2)),
        ("+.5", Fraction(1, 2)),
        ("5.", 5),
    ],
)
def test_every_suffix_of_kubernetes_is_read_exactly(text, value):
    assert quantities.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "5 m",
        "1K",
        "1ki",
        "--1",
        "1e",
        "1e1.5",
        ".",
        "0x10",
        "٣",
        True,
        "1e999",
        "9" * 65,
    ],
)
def test_what_is_no_quantity_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match=r"is not a quantity; right would be|out of range"):
        quantities.parse(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0133525381, "13352539n"),
        (0.024804743, "24804743n"),
        (133.38, "133380m"),
        (5, "5"),
        (5.0, "5"),
        (2000, "2k"),
        (0, "0"),
        (-0.0, "0"),
        (0.01, "10m"),
        (-0.0000000001, "-1n"),
        (Fraction(1, 3), "333333334n"),
        (10**18, "1E"),
        (1e21, "1000E"),
    ],
)
def test_numbers_are_written_as_go_writes_them(number, text):
    assert quantities.canonical(number) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_has_no_quantity(number):
    with pytest.raises(ValueError, match="finite"):
        quantities.canonical(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0001, "0.001"),
        (2000, "2000.000"),
        (0.01, "0.010"),
        (49.8661, "49.867"),
        (0, "0.000"),
        (-0.0001, "0.000"),
        (-1.2345, "-1.234"),
    ],
)
def test_three_decimals_are_rounded_up(number, text):
    assert quantities.ceil_3(number) == text


@given(st.integers(-(10**30), 10**30))
def test_nanos_survive_writing_and_reading(nanos):
    value = nanos * quantities.NANO

    assert quantities.parse(quantities.canonical(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20))
def test_writing_moves_a_number_away_from_zero_by_less_than_a_nano(number):
    written, meant = quantities.parse(quantities.canonical(number)), quantities.exact(number)

    assert abs(meant) <= abs(written) < abs(meant) + quantities.NANO


@given(st.fractions(-(10**6), 10**6))
def test_canonical_text_is_a_fixed_point(value):
    text = quantities.canonical(value)

    assert quantities.canonical(quantities.parse(text)) == text
