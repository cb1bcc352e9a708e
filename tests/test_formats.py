"""Number formats against bit patterns, IEEE casts and exact rational arithmetic."""

from __future__ import annotations

import bisect
import math
from fractions import Fraction
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference.formats import FORMATS, Format

BITS = {"float16": np.uint16, "bfloat16": np.uint16, "float32": np.uint32, "float64": np.uint64}
each = pytest.mark.parametrize("name", FORMATS)
halves = pytest.mark.parametrize("name", ["float16", "bfloat16"])
hypothesis = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def numbers(name: str) -> NDArray[np.float64]:
    """All positive numbers of a 16-bit format in order, from their bit patterns."""
    format_ = FORMATS[name]
    patterns = np.arange(1, infinity(format_), dtype=np.uint16)
    return patterns.view(format_.numpy).astype(np.float64)


def infinity(format_: Format) -> int:
    """The bit pattern of infinity: the exponent's largest value, fraction 0."""
    return (format_.emax - format_.emin + 2) << (format_.p - 1)


def decoded(format_: Format, pattern: int) -> Fraction:
    """The number of a positive bit pattern (IEEE 754-2019, section 3.4), infinity as 2^(emax+1)."""
    exponent, fraction = divmod(pattern, 1 << (format_.p - 1))
    hidden = 0 if exponent == 0 else 1 << (format_.p - 1)
    place = format_.emin - format_.p + 1 + max(exponent - 1, 0)
    return (hidden + fraction) * Fraction(2) ** place


def nearest(format_: Format, real: Fraction) -> float:
    """Rounding by search among the bit patterns: the nearest, at a tie the even one."""
    patterns = range(infinity(format_))
    low = bisect.bisect_right(patterns, real, key=lambda k: decoded(format_, k)) - 1
    left, right = real - decoded(format_, low), decoded(format_, low + 1) - real
    pattern = low + int(right < left or (right == left and low % 2 == 1))
    return math.inf if pattern == len(patterns) else float(decoded(format_, pattern))


@each
def test_constants_are_those_of_the_type(name: str) -> None:
    format_ = FORMATS[name]
    finfo = ml_dtypes.finfo(name) if name == "bfloat16" else np.finfo(name)
    assert format_.max == float(finfo.max)
    assert format_.tiny == float(finfo.tiny)
    assert format_.subnormal == float(finfo.smallest_subnormal)
    assert 2 * format_.u == float(finfo.eps)
    assert format_.emin == math.log2(format_.tiny)
    assert format_.emax == math.frexp(format_.max)[1] - 1
    assert format_.numpy.itemsize * 8 == np.dtype(BITS[name]).itemsize * 8


@halves
def test_rounding_between_any_two_neighbours(name: str) -> None:
    format_ = FORMATS[name]
    table = numbers(name).tolist()
    for odd, (below, above) in enumerate(pairwise(table), start=1):
        if odd > 3000 and odd % 7 and 2 < odd % 128 < 126:
            continue  # some of each binade, all about its ends
        middle = (Fraction(below) + Fraction(above)) / 2
        assert format_.round(middle) == (above if odd % 2 else below)
        nudge = middle / 1000003
        assert format_.round(middle - nudge) == below
        assert format_.round(middle + nudge) == above


@halves
def test_arrays_round_as_rationals_do_between_any_two_neighbours(name: str) -> None:
    format_ = FORMATS[name]
    table = numbers(name)
    below, above = table[:-1], table[1:]
    middle = (below + above) / 2  # exact in float64
    ties = np.where(np.arange(1, len(table)) % 2 == 0, below, above)
    assert (format_.nearest(middle) == ties).all()
    assert (format_.nearest(np.nextafter(middle, 0)) == below).all()
    assert (format_.nearest(np.nextafter(middle, np.inf)) == above).all()
    assert (format_.nearest(-middle) == -ties).all()
    assert (format_.nearest(table) == table).all()


@halves
def test_floor_and_neighbours_of_every_number(name: str) -> None:
    format_ = FORMATS[name]
    table = np.concatenate([[0.0], numbers(name), [np.inf]])
    table = np.concatenate([-table[:0:-1], table])
    assert (format_.next_up(table[:-1]) == table[1:]).all()
    assert (-format_.next_up(-table[1:]) == table[:-1]).all()
    assert format_.next_up(np.array([np.inf]))[0] == np.inf
    assert np.isnan(format_.next_up(np.array([np.nan]))[0])
    finite = table[1:-1]
    assert (format_.floor(finite) == finite).all()
    assert (format_.floor(np.nextafter(finite, np.inf)) == finite).all()
    # Less than -max by a little: minus infinity is the only number below.
    assert (format_.floor(np.nextafter(finite, -np.inf)) == table[:-2]).all()


@halves
def test_ulp_is_the_gap_to_the_next_number(name: str) -> None:
    format_ = FORMATS[name]
    table = np.concatenate([[0.0], numbers(name)])
    gaps = np.append(np.diff(table), table[-1] - table[-2])
    for reals in (table, table + gaps * 0.4375, -table):
        assert (format_.ulp(reals) == gaps).all()
    assert np.isnan(format_.ulp(np.array([np.inf, -np.inf, np.nan]))).all()


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_ulp_and_neighbours_are_those_of_numpy(name: str) -> None:
    format_ = FORMATS[name]
    bits = np.random.default_rng(1).integers(0, 1 << 63, 20000, dtype=np.uint64)
    pattern = (bits >> (64 - format_.numpy.itemsize * 8)).astype(BITS[name])
    values = pattern.view(format_.numpy)
    powers = np.ldexp(1.0, np.arange(format_.emin - format_.p + 1, format_.emax + 1))
    values = np.concatenate([values[np.isfinite(values)], powers.astype(format_.numpy)])
    values = np.concatenate([values, -values])
    assert len(values) > 38000
    wide = values.astype(np.float64)
    assert (format_.ulp(wide) == np.spacing(np.abs(values)).astype(np.float64)).all()
    up = np.nextafter(values, np.array(np.inf, values.dtype)).astype(np.float64)
    assert (format_.next_up(wide) == up).all()
    down = np.nextafter(values, np.array(-np.inf, values.dtype)).astype(np.float64)
    assert (-format_.next_up(-wide) == down).all()


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_nearest_is_the_cast_of_numpy(name: str) -> None:
    format_ = FORMATS[name]
    random = np.random.default_rng(2)
    # All of float64's range, and numbers about the range of the format.
    wide = random.integers(0, 1 << 64, 20000, dtype=np.uint64).view(np.float64)
    near = np.ldexp(
        random.uniform(-2, 2, 20000),
        random.integers(format_.emin - format_.p - 2, format_.emax + 2, 20000),
    )
    values = np.concatenate([wide, near, [np.nan, np.inf, -np.inf, 0.0]])
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(format_.numpy).astype(np.float64)
    np.testing.assert_array_equal(format_.nearest(values), cast)


def test_nearest_double_is_the_identity() -> None:
    values = np.random.default_rng(3).integers(0, 1 << 64, 20000, dtype=np.uint64)
    values = values.view(np.float64)
    np.testing.assert_array_equal(FORMATS["float64"].nearest(values), values)
    np.testing.assert_array_equal(FORMATS["float64"].floor(values), values)


def reals(name: str) -> st.SearchStrategy[Fraction]:
    """Rationals over the format's range and beyond, many of them near its numbers and ties."""
    format_ = FORMATS[name]
    grid = st.builds(
        lambda m, e, n, d: (Fraction(m, 2) + Fraction(n, d)) * Fraction(2) ** e,
        st.integers(0, 2 << format_.p),
        st.integers(format_.emin - format_.p - 2, format_.emax - format_.p + 2),
        st.integers(-3, 3),
        st.sampled_from([1, 3, 1 << 40, 10**30]),
    )
    plain = st.builds(Fraction, st.integers(1, 10**40), st.integers(1, 10**40))
    return (grid | plain).filter(lambda real: real > 0)


@each
@hypothesis
@given(st.data())
def test_round_finds_the_nearest_number_and_at_ties_the_even_one(
    name: str, data: st.DataObject
) -> None:
    format_ = FORMATS[name]
    real = data.draw(reals(name))
    assert format_.round(real) == nearest(format_, real)
    assert format_.round(-real) == -nearest(format_, real)
    if name == "float64" and real < Fraction(format_.max):
        # The division of Python's integers is correctly rounded.
        assert format_.round(real) == real.numerator / real.denominator


@each
def test_the_threshold_of_overflow(name: str) -> None:
    format_ = FORMATS[name]
    threshold = Fraction(2) ** format_.emax * (2 - Fraction(format_.u))
    assert format_.round(threshold) == math.inf
    assert format_.round(-threshold) == -math.inf
    assert format_.round(threshold - Fraction(1, 10**400)) == format_.max
    assert format_.round(Fraction(10) ** 400) == math.inf
    if name != "float64":
        at = np.array([float(threshold)])
        assert format_.nearest(at) == np.inf
        assert format_.nearest(np.nextafter(at, 0)) == format_.max
        assert format_.nearest(-at) == -np.inf


@each
def test_the_threshold_of_underflow(name: str) -> None:
    format_ = FORMATS[name]
    half = Fraction(format_.subnormal) / 2
    assert format_.round(half) == 0
    assert format_.round(half + Fraction(1, 10**400)) == format_.subnormal
    assert format_.round(3 * half) == 2 * format_.subnormal
    assert format_.round(Fraction(format_.tiny) - half) == format_.tiny


@each
def test_floor_of_huge_and_tiny_numbers(name: str) -> None:
    format_ = FORMATS[name]
    values = np.array([1.7e308, -1.7e308, 5e-324, -5e-324])
    if name == "float64":
        assert (format_.floor(values) == values).all()
    else:
        expected = [format_.max, -np.inf, 0.0, -format_.subnormal]
        assert format_.floor(values).tolist() == expected


@each
def test_holds_exactly_the_numbers_of_the_format(name: str) -> None:
    format_ = FORMATS[name]
    for number in (0.0, format_.max, format_.tiny, format_.subnormal, 1 + 2 * format_.u):
        assert format_.holds(number)
        assert format_.holds(-number)
    assert all(format_.holds(special) for special in (math.inf, -math.inf, math.nan))
    if name != "float64":
        for number in (1 + format_.u, format_.subnormal / 2, format_.max * 1.0001, 1e308):
            assert not format_.holds(number)


@each
def test_arrays_have_the_dtype_and_keep_the_numbers(name: str) -> None:
    format_ = FORMATS[name]
    values = np.array([0.0, -1.5, format_.max, format_.subnormal, np.inf, np.nan])
    array = format_.array(values)
    assert array.dtype == format_.numpy
    np.testing.assert_array_equal(array.astype(np.float64), values)
