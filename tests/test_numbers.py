"""Numbers of the case files: what is one, exactness, generators that never change, errors."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from conformance.numbers import NumberError, number, rounded, sweep, vector
from reference.formats import FORMATS

DOUBLE, HALF = FORMATS["float64"], FORMATS["float16"]
each = pytest.mark.parametrize("name", FORMATS)
hypothesis = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def exact(text: str, name: str = "float64") -> Fraction | float:
    return number(text)(FORMATS[name])


def values(spec: Any, name: str = "float64") -> list[float]:
    return [rounded(n(FORMATS[name]), FORMATS[name]) for n in vector(spec)]


def swept(spec: Any, name: str = "float64") -> list[float]:
    return [rounded(n(FORMATS[name]), FORMATS[name]) for n in sweep(spec)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)),
        ("-3", Fraction(-3)),
        ("+3", Fraction(3)),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1e30", Fraction(10**30)),
        ("-2.5E-3", Fraction(-1, 400)),
        ("1e400", Fraction(10**400)),
        ("1/4", Fraction(1, 4)),
        ("-1/3", Fraction(-1, 3)),
        ("0x1.8p-3", Fraction(3, 16)),
        ("-0X.8P1", Fraction(-1)),
        ("0x10p0", Fraction(16)),
        # More bits than a float64 has, and more range: still exact.
        ("0x1.00000000000000001p0", 1 + Fraction(1, 16**17)),
        ("0x1p5000", Fraction(2**5000)),
        ("2*3+1/2-4", Fraction(5, 2)),
        ("(1+2)*3", Fraction(9)),
        ("-(1-4)", Fraction(3)),
        (" 7 ", Fraction(7)),
        ("20+4*1e-2", Fraction(2004, 100)),
    ],
)
def test_a_number_is_read_exactly(text: str, value: Fraction) -> None:
    assert exact(text) == value


@each
def test_names_are_those_of_the_format(name: str) -> None:
    format_ = FORMATS[name]
    assert exact("max", name) == Fraction(2) ** (format_.emax + 1) * (1 - Fraction(format_.u))
    assert exact("tiny", name) == Fraction(2) ** format_.emin
    assert exact("subnormal", name) == Fraction(2) ** (format_.emin - format_.p + 1)
    assert exact("eps", name) == Fraction(2) ** (1 - format_.p)
    assert exact("1-eps", name) == 1 - Fraction(2) ** (1 - format_.p)
    assert exact("-2*max", name) == -2 * Fraction(format_.max)
    assert rounded(exact("-2*max", name), format_) == -math.inf
    assert rounded(exact("subnormal/2", name), format_) == 0
    assert rounded(exact("max+eps", name), format_) == format_.max


def test_infinities_and_nan() -> None:
    assert exact("inf") == math.inf
    assert exact("-inf") == -math.inf
    assert math.isnan(exact("nan"))
    assert math.isnan(exact("inf-inf"))
    assert exact("-inf+max") == -math.inf
    assert rounded(exact("-inf"), HALF) == -math.inf


def test_a_number_is_rounded_once() -> None:
    """By way of float64 this text would become the tie 1 + 2^-11, and then 1."""
    text = f"1+1/{2**11}+1/{2**70}"
    assert float(exact(text)) == 1 + 2.0**-11
    assert rounded(exact(text), HALF) == 1 + 2.0**-10


@hypothesis
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_itself_in_decimal_and_in_hexadecimal(x: float) -> None:
    assert rounded(exact(repr(x)), DOUBLE) == x
    assert exact(x.hex()) == Fraction(x)


@hypothesis
@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-9, max_value=9))
def test_decimals_are_rationals(x: Any) -> None:
    assert exact(str(x)) == Fraction(str(x))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1_000",
        "1,5",
        "0x10",
        "0x.p1",
        "0b1",
        "1j",
        "1e",
        "e5",
        "--",
        "2**3",
        "1//2",
        "7%4",
        "1<2",
        "1/0",
        "1/-0",
        "1/(1-1)",
        "1e400*inf",
        "1e999999",
        "Max",
        "max()",
        "abs(-1)",
        "[1]",
        "1 if 1 else 2",
        "__import__('os')",
        "max.real",
        "True",
        "'1'",
        "1;2",
        "(1",
    ],
)
def test_anything_else_is_refused_by_a_word_on_what_is_allowed(text: str) -> None:
    with pytest.raises(NumberError) as error:
        number(text)
    assert f"`{text}` is not a number" in str(error.value)
    assert "subnormal" in str(error.value)


@pytest.mark.parametrize("thing", [None, True, 1, 1.5, ["1"], {"a": "1"}])
def test_only_text_is_a_number(thing: Any) -> None:
    with pytest.raises(NumberError, match="is not a number"):
        number(thing)


# Vectors.


def test_lists_and_generators() -> None:
    assert values(["1/4", "-1", "1e3"]) == [0.25, -1, 1000]
    assert values([]) == []
    assert values({"repeat": "1/3", "size": "3"}, "float16") == [float(np.float16(1 / 3))] * 3
    assert values({"one_hot": "2", "size": "4"}) == [0, 0, 1, 0]
    assert values({"linspace": ["-3", "3"], "size": "7"}) == [-3, -2, -1, 0, 1, 2, 3]
    assert values({"linspace": ["5", "9"], "size": "1"}) == [5]
    assert values({"linspace": ["0", "max"], "size": "3"}, "float16") == [0, 32752, 65504]


def test_the_steps_of_a_linspace_are_rationals() -> None:
    found = [n(DOUBLE) for n in vector({"linspace": ["0", "1"], "size": "8"})]
    assert found == [Fraction(k, 7) for k in range(8)]


NORMAL = [Fraction(-n, 1 << 23) for n in (114070955, 144793560, 4780755, -25194645)]
"""What seed 1 and scale 10 give."""


def test_normal_numbers_are_the_same_for_ever() -> None:
    """Fixed here: cases, truths and results depend on them."""
    found = [n(DOUBLE) for n in vector({"normal": {"seed": "1", "scale": "10"}, "size": "4"})]
    assert found == NORMAL
    words = np.random.Philox(1).random_raw(12) >> 40  # 24 bits of each word
    assert found[0] == 10 * (Fraction(sum(words.tolist()), 2**24) - 6)
    more = [n(DOUBLE) for n in vector({"normal": {"seed": "1", "scale": "10"}, "size": "9"})]
    assert more[:4] == found
    assert values({"normal": {"seed": "1"}, "size": "2"}) == [float(x / 10) for x in NORMAL[:2]]
    assert values({"normal": {"seed": "2", "scale": "10"}, "size": "1"})[0] != float(NORMAL[0])


def test_normal_numbers_are_about_normal() -> None:
    found = values({"normal": {"seed": "3"}, "size": "4000"})
    assert abs(statistics.mean(found)) < 4 / math.sqrt(4000)
    assert abs(statistics.stdev(found) - 1) < 0.05
    assert 2.5 < max(found) < 6


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("1", "neither a list of numbers nor a generator"),
        (None, "neither a list of numbers nor a generator"),
        ({}, "a generator is one of linspace, repeat, normal, one_hot, with a `size`"),
        ({"repeat": "1"}, "with a `size`"),
        ({"repeat": "1", "size": "-2"}, "with a `size`"),
        ({"repeat": "1", "size": "2.0"}, "with a `size`"),
        ({"repeat": "1", "size": ["2"]}, "with a `size`"),
        ({"repeat": "1", "one_hot": "1", "size": "2"}, "a generator is one of"),
        ({"random": "1", "size": "2"}, "a generator is one of"),
        ({"repeat": ["1", "2"], "size": "2"}, "is not a number"),
        ({"linspace": "1", "size": "2"}, "`linspace` takes a list of two numbers"),
        ({"linspace": ["1", "2", "3"], "size": "2"}, "`linspace` takes a list of two numbers"),
        ({"linspace": ["a", "2"], "size": "2"}, "`a` is not a number"),
        ({"one_hot": "4", "size": "4"}, "`one_hot` takes a class below the size"),
        ({"one_hot": "-1", "size": "4"}, "`one_hot` takes a class below the size"),
        ({"one_hot": ["1"], "size": "4"}, "`one_hot` takes a class below the size"),
        ({"normal": "1", "size": "4"}, "`normal` takes a mapping of `seed`"),
        ({"normal": {"scale": "1"}, "size": "4"}, "`normal` takes a mapping of `seed`"),
        ({"normal": {"seed": "x"}, "size": "4"}, "`normal` takes a mapping of `seed`"),
        ({"normal": {"seed": "1", "std": "1"}, "size": "4"}, "`normal` takes a mapping of `seed`"),
        ({"normal": {"seed": "1", "scale": "eps"}, "size": "4"}, "is not a plain number"),
        ({"normal": {"seed": "1", "scale": "inf"}, "size": "4"}, "is not a plain number"),
        ({"normal": {"seed": "1", "scale": ["2"]}, "size": "4"}, "is not a number"),
    ],
)
def test_bad_vectors_are_refused(spec: Any, words: str) -> None:
    with pytest.raises(NumberError) as error:
        vector(spec)
    assert words in str(error.value)


# Sweeps.


@each
def test_neighbours(name: str) -> None:
    found = swept({"ulps": "1", "steps": "3"}, name)
    u = FORMATS[name].u
    assert found == [1 - 3 * u, 1 - 2 * u, 1 - u, 1, 1 + 2 * u, 1 + 4 * u, 1 + 6 * u]
    assert swept({"ulps": "-1", "steps": "1"}, name) == [-1 - 2 * u, -1, -1 + u]
    tiny = FORMATS[name].subnormal
    assert swept({"ulps": "0", "steps": "2"}, name) == [-2 * tiny, -tiny, 0, tiny, 2 * tiny]
    high = FORMATS[name].max
    assert swept({"ulps": "max", "steps": "2"}, name)[2:] == [high, math.inf, math.inf]
    assert swept({"ulps": "0.1", "steps": "0"}, name) == [
        float(FORMATS[name].nearest(np.array([0.1]))[0])
    ]


def test_powers() -> None:
    assert swept({"logspace": ["-2", "2"], "size": "5"}) == [0.01, 0.1, 1, 10, 100]
    assert swept({"logspace": ["-1", "1"], "size": "3", "base": "2"}) == [0.5, 1, 2]
    tenth, one = sweep({"logspace": ["-1", "0"], "size": "2"})
    assert (tenth(DOUBLE), one(DOUBLE)) == (Fraction(1, 10), 1)
    with mp.workdps(60):
        found = swept({"logspace": ["0", "1"], "size": "8", "base": "10"})
        assert found == [float(mp.power(10, mpf(k) / 7)) for k in range(8)]
    # Beyond the range of a float64 on the way, but not in the end.
    assert swept({"logspace": ["400.5", "400.5"], "size": "1"}) == [math.inf]
    assert swept({"linspace": ["0", "1"], "size": "3"}) == [0, 0.5, 1]
    assert swept(["3", "4"]) == [3, 4]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("3", "neither a list of numbers nor a generator"),
        ({"ulps": "1"}, "`ulps` goes with `steps`"),
        ({"ulps": "1", "steps": "x"}, "`ulps` goes with `steps`"),
        ({"ulps": "1", "steps": "-1"}, "`ulps` goes with `steps`"),
        ({"ulps": "1", "steps": ["1"]}, "`ulps` goes with `steps`"),
        ({"ulps": "1", "steps": "2", "size": "3"}, "`ulps` goes with `steps`"),
        ({"ulps": "x", "steps": "2"}, "`x` is not a number"),
        ({"logspace": ["0", "1"]}, "with a `size`"),
        ({"logspace": ["0", "1"], "size": "3", "bases": "2"}, "`logspace` goes with `size`"),
        ({"logspace": ["0", "1"], "size": "3", "base": "0"}, "is positive"),
        ({"logspace": ["0", "1"], "size": "3", "base": "-2"}, "is positive"),
        ({"logspace": ["0", "1"], "size": "3", "base": "max"}, "is not a plain number"),
        ({"logspace": ["0", "inf"], "size": "3"}, "finite numbers"),
        ({"logspace": "1", "size": "3"}, "`linspace` takes a list of two numbers"),
    ],
)
def test_bad_sweeps_are_refused(spec: Any, words: str) -> None:
    with pytest.raises(NumberError) as error:
        sweep(spec)
    assert words in str(error.value)
