"""The ladder of verdicts, on truths and bounds made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from adapters.base import Raised, Unsupported
from conformance.judge import Judgement, judge
from conformance.results import VERDICTS
from reference.bounds import Bounds
from reference.formats import FORMATS
from reference.truth import Truth

TYPES = {name: format_.numpy for name, format_ in FORMATS.items()}
INF, NAN = math.inf, math.nan
U = 2.0**-24
ULP = 2 * U
"""Of float32 at 1."""


def truth(*hi: float, tail: float = 0.0, radius: float = 0.0, **changes: Any) -> Truth:
    """A truth for each number; the tail and the radius are in ulps of float64."""
    numbers = np.array(hi)
    no = np.zeros(len(hi), dtype=bool)
    same = {name: np.full(len(hi), value) for name, value in (("tail", tail), ("radius", radius))}
    made = Truth(numbers, same["tail"], same["radius"], no, no, 128)
    return replace(made, **{name: np.array(value) for name, value in changes.items()})


def within(strict: float, baseline: float, size: int = 1) -> Bounds:
    return Bounds(np.full(size, strict), np.full(size, baseline))


def judged(
    got: Any, true: Truth, bounds: Bounds | None = None, dtype: str = "float32"
) -> Judgement:
    with np.errstate(over="ignore"):
        array = np.atleast_1d(np.array(got, dtype=np.float64)).astype(TYPES[dtype])
    return judge(array, true, bounds or within(0.0, 0.0, true.hi.size), dtype)


def verdict(got: Any, true: Truth, bounds: Bounds | None = None, dtype: str = "float32") -> str:
    return judged(got, true, bounds, dtype).verdict


# The rungs.


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("sign", [1, -1])
def test_exact_is_the_correctly_rounded_truth(dtype: str, sign: int) -> None:
    u = FORMATS[dtype].u
    if dtype == "float64":
        below, above = truth(sign, tail=sign * 0.25, radius=1e-9), truth(sign, tail=sign * 0.49)
        assert verdict(sign, below, dtype=dtype) == "exact"
        assert verdict(sign, above, dtype=dtype) == "exact"
        return
    assert verdict(sign, truth(sign * (1 + 0.9 * u)), dtype=dtype) == "exact"
    assert verdict(sign * (1 + 2 * u), truth(sign * (1 + 1.1 * u)), dtype=dtype) == "exact"
    # A tie goes to the even number, unless the tail decides.
    assert verdict(sign, truth(sign * (1 + u)), dtype=dtype) == "exact"
    assert verdict(sign * (1 + 2 * u), truth(sign * (1 + u)), dtype=dtype) == "faithful"
    up = truth(sign * (1 + u), tail=sign * 1e-9, radius=1e-12)
    assert verdict(sign * (1 + 2 * u), up, dtype=dtype) == "exact"
    assert verdict(sign, up, dtype=dtype) == "faithful"


def test_faithful_is_either_of_the_two_floats_around_the_truth() -> None:
    true = truth(1 + 0.25 * ULP)
    assert verdict(1, true) == "exact"
    assert verdict(1 + ULP, true) == "faithful"
    true = truth(1 + 0.75 * ULP)
    assert verdict(1, true) == "faithful"
    assert verdict(1 + ULP, true) == "exact"


def test_an_error_below_one_ulp_is_not_yet_faithful() -> None:
    """Below 1 the numbers are twice as dense: two of them are within an ulp of the truth."""
    true = truth(1 + 0.1 * ULP)
    got = judged(1 - ULP / 2, true)
    assert got.ulps[0] == pytest.approx(0.6)
    assert got.verdict == "inaccurate"
    assert verdict(1 - ULP / 2, true, within(0.7 * ULP, 0.8 * ULP)) == "strict"


def test_a_truth_beside_a_number_has_two_neighbours() -> None:
    """1 - 2^-60 is not 1: the float below it is faithful, the one above is not."""
    true = truth(1.0, tail=-(2.0**-8), radius=2.0**-30)
    for dtype in ("float64", "float32"):
        u = FORMATS[dtype].u
        assert verdict(1, true, dtype=dtype) == "exact"
        assert verdict(1 - u, true, dtype=dtype) == "faithful"
        assert verdict(1 - 2 * u, true, dtype=dtype) == "inaccurate"
        assert verdict(1 + 2 * u, true, dtype=dtype) == "inaccurate"
    assert verdict(1 - U, truth(1.0)) == "inaccurate"


def test_the_bounds_are_met_with_equality() -> None:
    true, bounds = truth(1.0), within(2 * ULP, 4 * ULP)
    expected = ["exact", "strict", "strict", "baseline", "baseline", "inaccurate"]
    assert [verdict(1 + k * ULP, true, bounds) for k in range(6)] == expected
    assert [verdict(-1 - k * ULP, truth(-1.0), bounds) for k in range(6)] == expected


def test_errors_are_measured_against_the_real_truth_not_its_rounding() -> None:
    true = truth(1 + 0.5 * ULP + 2.0**-40)
    got = judged(1 + 2 * ULP, true, within(1.5 * ULP, 1.6 * ULP))
    assert got.verdict == "strict"
    assert got.ulps[0] == pytest.approx(1.5, rel=1e-4)
    assert got.over_bound[0] == pytest.approx(1.5 / 1.6, rel=1e-4)


@pytest.mark.parametrize(
    ("got", "true", "expected"),
    [
        (1.49, 1.0, "inaccurate"),
        (1.5, 1.0, "wrong"),
        (0.51, 1.0, "inaccurate"),
        (0.5, 1.0, "wrong"),
        (0.0, 1.0, "wrong"),
        (-1.0, 1.0, "wrong"),
        (1.0, -1.0, "wrong"),
        (INF, 1.0, "wrong"),
        (NAN, 1.0, "wrong"),
        (1.0, INF, "wrong"),
        (NAN, INF, "wrong"),
        (-INF, INF, "wrong"),
        (1.0, NAN, "wrong"),
        (INF, NAN, "wrong"),
        (1e-30, 0.0, "wrong"),
        (INF, INF, "exact"),
        (-INF, -INF, "exact"),
        (NAN, NAN, "exact"),
        (0.0, 0.0, "exact"),
        (-0.0, 0.0, "exact"),
    ],
)
def test_wrong_is_another_leading_bit_sign_or_class(got: float, true: float, expected: str) -> None:
    assert verdict(got, truth(true)) == expected


def test_within_a_bound_even_the_sign_may_differ() -> None:
    """Near a zero of the function the bound decides, not the relative error."""
    assert verdict(-1e-9, truth(1e-9), within(0.0, 1e-8)) == "baseline"
    assert verdict(0.0, truth(1e-9), within(1e-8, 1e-8)) == "strict"
    assert verdict(-1e-9, truth(1e-9), within(0.0, 1e-9)) == "wrong"


# Overflow and underflow.


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_threshold_only_infinity_passes(dtype: str, sign: int) -> None:
    format_ = FORMATS[dtype]
    high = sign * format_.max
    threshold = high * (1 + format_.u / (2 - 2 * format_.u))
    roomy = within(abs(high), abs(high))
    for true in (truth(threshold), truth(high * 1e3), truth(sign * INF)):
        assert verdict(sign * INF, true, roomy, dtype) == "exact"
        assert verdict(high, true, roomy, dtype) == "wrong"
        assert verdict(-sign * INF, true, roomy, dtype) == "wrong"
    below = truth(threshold, tail=-sign * 0.01, radius=1e-9)
    assert verdict(high, below, roomy, dtype) == "exact"
    assert verdict(sign * INF, below, roomy, dtype) == "faithful"
    assert verdict(sign * INF, truth(high), roomy, dtype) == "wrong"
    assert verdict(sign * INF, truth(high * 0.99), roomy, dtype) == "wrong"


def test_overflow_of_float64() -> None:
    high = FORMATS["float64"].max
    assert verdict(INF, truth(INF), dtype="float64") == "exact"
    assert verdict(high, truth(INF), dtype="float64") == "wrong"
    assert verdict(INF, truth(high, tail=0.4), dtype="float64") == "faithful"
    assert verdict(INF, truth(high), dtype="float64") == "wrong"


@pytest.mark.parametrize("dtype", FORMATS)
def test_subnormals(dtype: str) -> None:
    least = FORMATS[dtype].subnormal
    if dtype != "float64":
        assert verdict(0.0, truth(least * 0.4), dtype=dtype) == "exact"
        assert verdict(least, truth(least * 0.4), dtype=dtype) == "faithful"
        assert verdict(least, truth(least * 1e-9), dtype=dtype) == "faithful"
        assert judged(0.0, truth(least * 1.75), dtype=dtype).ulps[0] == 1.75
    assert verdict(0.0, truth(3 * least), dtype=dtype) == "wrong"
    assert verdict(2 * least, truth(3 * least), dtype=dtype) == "inaccurate"


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_mode_that_flushes_may_answer_zero_for_a_subnormal(dtype: str) -> None:
    tiny, least = FORMATS[dtype].tiny, FORMATS[dtype].subnormal

    def flushed(got: float, true: float) -> str:
        array = np.array([got]).astype(TYPES[dtype])
        return judge(array, truth(true), within(0.0, 0.0), dtype, flush=True).verdict

    assert flushed(0.0, tiny - least) == flushed(0.0, -3 * least) == "strict"
    assert flushed(0.0, tiny) == "wrong"
    assert flushed(8 * least, 3 * least) == "wrong"
    assert flushed(3 * least, 3 * least) == "exact"
    assert verdict(0.0, truth(tiny - least), dtype=dtype) == "wrong"


# Special values and sets.


def test_nan_where_it_may_or_must_be_answered() -> None:
    may = truth(1.0, 1.0, nan=[True, False])
    assert judged([NAN, 1.0], may).verdict == "exact"
    assert judged([1.0, NAN], may).verdict == "wrong"
    assert judged([NAN, 1.0], truth(INF, 1.0, nan=[True, True])).counts == {"exact": 2}
    assert verdict(2.0, truth(1.0, nan=[True])) == "wrong"
    assert verdict(1.0, truth(NAN, nan=[True])) == "wrong"


def test_a_kink_accepts_its_interval() -> None:
    kink = truth(1.0, lower=[0.0], upper=[1.0])
    for got in (0.0, 0.5, 1.0):
        assert verdict(got, kink) == "exact"
    for got in (-0.5, 1.5, NAN, INF):
        assert verdict(got, kink) == "wrong"
    assert verdict(1 + ULP, kink) == "inaccurate"
    apart = truth(2.0, 2.0, lower=[1.0, NAN], upper=[2.0, NAN])
    assert judged([1.0, 1.0], apart).counts == {"exact": 1, "wrong": 1}


def test_the_ends_of_the_interval_may_be_rounded() -> None:
    third = truth(1 / 3, lower=[-1 / 3], upper=[1 / 3])
    near = float(ml_dtypes.bfloat16(1 / 3))
    assert near > 1 / 3
    for got in (near, -near):
        assert verdict(got, third, dtype="bfloat16") == "exact"


def test_an_enclosure_that_decides_nothing_is_undecided() -> None:
    true = truth(1.0, tail=0.25, radius=1e6, undecided=[True])
    assert verdict(1.5, true, dtype="float64") == "undecided"
    assert verdict(1.5, truth(1.0), dtype="float64") == "wrong"


def test_a_bound_within_the_radius_is_undecided() -> None:
    true = truth(1.0, radius=2.0)
    ulp = 2.0**-52
    bounds = within(4 * ulp, 16 * ulp)
    answers = {2: "strict", 3: "undecided", 5: "undecided", 7: "baseline", 13: "baseline"}
    answers |= {15: "undecided", 17: "undecided", 19: "inaccurate"}
    for steps, expected in answers.items():
        assert verdict(1 + steps * ulp, true, bounds, "float64") == expected


def test_an_open_tie_is_faithful_on_both_sides_and_measured_elsewhere() -> None:
    tie = truth(1 + U, tail=1e-12, radius=1e-9)
    assert verdict(1, tie) == "faithful"
    assert verdict(1 + ULP, tie) == "faithful"
    assert verdict(1 + 2 * ULP, tie, within(2 * ULP, 2 * ULP)) == "strict"
    assert verdict(1 + 2 * ULP, tie) == "inaccurate"


@pytest.mark.parametrize("bound", [INF, NAN])
def test_a_bound_without_a_number_is_an_error_of_the_harness(bound: float) -> None:
    assert verdict(1.5, truth(1.0), within(bound, bound)) == "harness-error"
    assert verdict(1.5, truth(1.0), within(0.0, bound)) == "harness-error"
    # Nothing to do with the bound: an exact answer, a truth that is no number.
    assert verdict(1.0, truth(1.0), within(bound, bound)) == "exact"
    assert verdict(INF, truth(INF), within(bound, bound)) == "exact"
    assert verdict(1.0, truth(INF), within(bound, bound)) == "wrong"


# Outcomes without numbers, shapes, and the worst output.


def test_raised_and_unsupported_are_their_own_verdicts() -> None:
    raised = judge(Raised("ValueError", "no such reduction"), truth(1.0), within(0, 0), "float32")
    assert (raised.verdict, raised.message) == ("raised", "ValueError: no such reduction")
    assert (raised.worst, raised.counts) == (None, {})
    missing = judge(Unsupported("no float16"), truth(1.0), within(0, 0), "float16")
    assert (missing.verdict, missing.message) == ("unsupported", "no float16")


def test_another_shape_or_dtype_is_wrong_whatever_its_numbers() -> None:
    ones, true = np.ones(2, np.float32), truth(1.0, 1.0)
    for answer, message in (
        (ones.reshape(2, 1), "shape (2, 1), expected (2,)"),
        (ones[:1], "shape (1,), expected (2,)"),
        (np.float32(1.0).reshape(()), "shape (), expected (2,)"),
        (ones.astype(np.float64), "dtype float64, expected float32"),
        (ones.astype(ml_dtypes.bfloat16), "dtype bfloat16, expected float32"),
        (ones.astype(np.int32), "dtype int32, expected float32"),
    ):
        got = judge(answer, true, within(0, 0, 2), "float32")
        assert (got.verdict, got.message, got.worst) == ("wrong", message, None)


def test_nothing_is_exact() -> None:
    empty = judge(
        np.zeros((0, 3), np.float32), truth_of_shape((0, 3)), bounds_of((0, 3)), "float32"
    )
    assert (empty.verdict, empty.worst, empty.counts) == ("exact", None, {})


def truth_of_shape(shape: tuple[int, ...]) -> Truth:
    zeros, no = np.zeros(shape), np.zeros(shape, dtype=bool)
    return Truth(zeros, zeros, zeros, no, no, 128)


def bounds_of(shape: tuple[int, ...]) -> Bounds:
    return Bounds(np.zeros(shape), np.zeros(shape))


def test_the_worst_output_has_the_worst_verdict_then_the_largest_error_over_its_bound() -> None:
    true = truth(1.0, 1.0, 1.0, 1.0)
    bounds = Bounds(np.full(4, ULP), np.array([64, 64, 2, 64]) * ULP)
    got = judged([1, 1 + 8 * ULP, 1 + 2 * ULP, 1 + 16 * ULP], true, bounds)
    assert (got.verdict, got.worst) == ("baseline", (2,))
    got = judged([1.49, 1 + 8 * ULP, 1 + 2 * ULP, 1.01], true, bounds)
    assert (got.verdict, got.worst) == ("inaccurate", (0,))
    got = judged([1.49, 1 + 8 * ULP, -1, 1.01], true, bounds)
    assert (got.verdict, got.worst) == ("wrong", (2,))
    assert got.counts == {"baseline": 1, "inaccurate": 2, "wrong": 1}
    got = judged([1.49, 1, NAN, 1.4], true, bounds)
    assert (got.verdict, got.worst) == ("wrong", (2,))
    got = judged([-1, 1, 1.49, -1], replace(true, undecided=np.arange(4) == 2), bounds)
    assert (got.verdict, got.worst) == ("undecided", (2,))


def test_the_worst_output_has_an_index_in_every_dimension() -> None:
    numbers = np.ones((2, 3), np.float32)
    numbers[1, 2] = 2
    true = replace(truth_of_shape((2, 3)), hi=np.ones((2, 3)))
    got = judge(numbers, true, bounds_of((2, 3)), "float32")
    assert (got.verdict, got.worst) == ("wrong", (1, 2))
    scalar = replace(truth_of_shape(()), hi=np.array(1.0))
    got = judge(np.array(1.0, np.float32), scalar, bounds_of(()), "float32")
    assert (got.verdict, got.worst) == ("exact", ())


def test_codes_name_the_verdicts() -> None:
    bounds = within(2 * ULP, 4 * ULP, 6)
    got = judged(
        [1, 1 + ULP, 1 + 2 * ULP, 1 + 4 * ULP, 1.25, 5],
        truth(1.0, 1 + ULP / 4, 1.0, 1.0, 1.0, 1.0),
        bounds,
    )
    names = [VERDICTS[code] for code in got.codes]
    assert names == ["exact", "faithful", "strict", "baseline", "inaccurate", "wrong"]
    # An exact answer is within half an ulp by definition.
    assert got.ulps[0] <= 0.5
    assert judged(INF, truth(1e39)).ulps[0] <= 0.5
