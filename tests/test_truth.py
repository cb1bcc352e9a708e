"""Truths against closed forms at 400 digits, printed digits, and what a truth promises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from conformance import cases
from reference import batch, evaluation, memory
from reference.balls import ball, precision, vector
from reference.evaluation import evaluate
from reference.formats import FORMATS
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.tape import Vector
from reference.truth import Truth, decimal
from tests import closed_forms
from tests.enclosing import at_bits, forget
from tests.families import problem

DOUBLE = FORMATS["float64"]
TOO_LARGE = 2**1024 - 2**970
EDGES = (0.0, 1.0, 17.5, 37.43, 40.0, 745.5, 1e4, 1e30, 1e300, 5e-324, 1e-310, 2.3e-308, 1e-16)
EDGES += (DOUBLE.max, math.log(2), 0.1)
several = settings(max_examples=20, deadline=None, derandomize=True, database=None)

signed = st.builds(lambda x, s: x * s, st.sampled_from(EDGES), st.sampled_from([1, -1]))
anything = signed | st.floats(-50, 50) | st.floats(allow_nan=False, allow_infinity=False)
labels = st.sampled_from([0.0, 1.0, 0.5, 0.1, 0.25, -0.5, 1.5, 5e-324]) | st.floats(-2, 2)
inside = st.sampled_from([5e-324, 1e-300, 1e-16, 0.1, 0.5, 1 - 2**-53]) | st.floats(1e-9, 0.999)
upstreams = st.sampled_from([1.0, -0.5, 2.0, -0.25, 0.1, 1e-30])

PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "beta": st.sampled_from([1.0, 0.5, 3.0, 0.001, 0.1]),
    "negative_slope": st.sampled_from([0.0, 0.01, 1.0, -1.0, 2.0]),
    "scale": st.sampled_from([1.0, 0.5, 3.0, 0.1]),
    "label_smoothing": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    "temperature": st.sampled_from([1.0, 2.5, 0.3]),
    "gamma": st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
    "alpha": st.sampled_from([0.25, 0.9]),
    "epsilon": st.sampled_from([2.0, 0.05]),
    "margin": st.sampled_from([1.0, 0.3]),
    "exponent": st.sampled_from([1.0, 2.0]),
    "q": st.sampled_from([0.7, 0.5, 1.0]),
    "clip_epsilon": st.sampled_from([1e-7, 0.01]),
    "add_epsilon": st.sampled_from([1e-7, 0.02]),
    "log_floor": st.sampled_from([-100.0, -1.0]),
    "target": st.sampled_from([0.05, 0.5]),
}
WEIGHTS = st.sampled_from([0.5, 1.0, 3.0, 0.13859937, 7.1588294])
"""Not zero, so that every weighted mean has a divisor."""


def entries(operator: str, name: str) -> st.SearchStrategy[float]:  # noqa: C901 - one line an input
    """What an input may be, within its domain and away from its ends."""
    match operator, name:
        case _, "probabilities":
            return inside
        case "kl_divergence" | "generalized_kl_divergence", "labels":
            return inside | st.floats(0.5, 3)
        case "jensen_shannon_divergence", _:
            return inside | st.floats(0.5, 3)
        case "logistic_loss_pm1" | "hinge_loss", "labels":
            return st.sampled_from([1.0, -1.0])
        case "hinge_loss", "logits":
            return anything.filter(lambda x: abs(x) not in (1.0, 0.3))
        case "sigmoid_focal_loss", "labels":
            return st.sampled_from([0.0, 1.0, 0.5, 0.1, 5e-324]) | st.floats(0, 1)
        case _, "counts":
            return st.sampled_from([0.0, 1.0, 2.0, 7.0, 40.0, 1e6, 1e30, 5e-324]) | st.floats(0, 9)
        case _, "rates":
            return inside | st.sampled_from([1.0, 2.0, 1e6, 1e30, 1e300])
        case _, "activations" | "reconstructions":
            return inside
        case "relu" | "leaky_relu", "x":
            return anything.filter(bool)
        case _, "labels" | "inputs":
            return labels
    return anything


@st.composite
def problems(draw: st.DrawFn, operator: str, reduction: str) -> Problem:  # noqa: C901
    """A few rows of an operator at edges and at random numbers; ties are common."""
    shape = OPERATORS[operator]
    rows, classes = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    inputs: dict[str, Any] = {}
    for i in shape.inputs:
        if i.kind == "index":
            inputs[i.name] = np.array([draw(st.integers(0, classes - 1)) for _ in range(rows)])
            continue
        width = 1 if i.kind == "scalar" else classes
        values = [draw(entries(operator, i.name)) for _ in range(rows * width)]
        array = np.array(values).reshape(rows, width)
        inputs[i.name] = array[:, 0] if i.kind == "scalar" else array
    parameters: dict[str, Any] = {}
    for name in shape.parameters:
        if not draw(st.booleans()):
            continue
        if name == "pos_weight":
            parameters[name] = [draw(WEIGHTS) for _ in range(rows)]
        elif name in ("class_weights", "bias"):
            parameters[name] = [draw(WEIGHTS) for _ in range(classes)]
        elif name == "weights":
            lines = [[draw(WEIGHTS) for _ in range(classes)] for _ in range(classes)]
            parameters[name] = np.array(lines)
        elif name == "mask":
            flags = [draw(st.booleans()) for _ in range(rows * classes)]
            parameters[name] = np.array(flags).reshape(rows, classes)
        elif name in shape.words:
            parameters[name] = draw(st.sampled_from(shape.words[name]))
        elif name == "ignore_index":
            parameters[name] = draw(st.sampled_from([-100, classes]))
            if rows > 1:
                inputs["labels"][0] = parameters[name]
        else:
            parameters[name] = draw(PARAMETERS[name])
    made = problem(operator, "float64", inputs, reduction, **parameters)
    ups = [draw(upstreams) for _ in range(made.upstream.size)]
    return replace(made, upstream=np.array(ups).reshape(made.upstream.shape))


def agrees(truth: Truth, expected: list[mpf]) -> None:
    """Every enclosure holds the expected number and is narrow; `hi` is the nearest float64."""
    assert truth.hi.size == len(expected)
    assert not truth.undecided.any()
    for hi, tail, radius, exact in zip(
        truth.hi.flat, truth.tail.flat, truth.radius.flat, expected, strict=True
    ):
        if not mp.isfinite(exact) or abs(exact) >= TOO_LARGE:
            assert hi == math.copysign(math.inf, exact)
            continue
        ulp = mpf(math.ulp(hi))
        middle = mpf(float(hi)) + mpf(float(tail)) * ulp
        # The tail is a float: relative error 2^-53 of at most half an ulp.
        slack = (mpf(float(radius)) + mpf(2) ** -54) * ulp + abs(exact) * mpf(10) ** -380
        assert abs(middle - exact) <= slack
        assert radius <= 2**-19
        assert abs(exact - mpf(float(hi))) <= ulp / 2 * (1 + mpf(2) ** -19)


@pytest.mark.parametrize("operator", OPERATORS)
@several
@given(st.data())
def test_values_and_gradients_are_those_of_the_closed_form(
    operator: str, data: st.DataObject
) -> None:
    made = data.draw(problems(operator, "none"))
    found, expected = evaluate(made), closed_forms.answers(made)
    assert list(found) == list(expected)
    with mp.workdps(closed_forms.DIGITS):
        for quantity, truth in found.items():
            agrees(truth, expected[quantity])


@pytest.mark.parametrize("reduction", ["sum", "mean", "weighted_mean"])
@pytest.mark.parametrize("operator", [o for o in OPERATORS if OPERATORS[o].output != "vector"])
@settings(several, max_examples=5)
@given(st.data())
def test_reductions_are_those_of_the_closed_form(
    operator: str, reduction: str, data: st.DataObject
) -> None:
    made = data.draw(problems(operator, reduction))
    ignored = made.parameters.get("ignore_index")
    if reduction == "weighted_mean" and ignored is not None:
        made.inputs["labels"][-1] = 0
    found, expected = evaluate(made), closed_forms.answers(made)
    with mp.workdps(closed_forms.DIGITS):
        for quantity, truth in found.items():
            agrees(truth, expected[quantity])


# The digits printed beside the seed documents' examples.

QUARTERS = ["1/4"] * 4
FOURTH = ["0", "0", "0", "1", "0"]
PRINTED = [
    ([QUARTERS, ["1/4", "1/2", "1/8", "1/8"]], "1.5595811562598769462"),
    ([QUARTERS, ["1/4", "1/4", "1/8", "3/8"]], "1.4582148792328358507"),
    ([FOURTH, ["0.1", "0.15", "0.05", "0.6", "0.1"]], "0.5108256237659906832"),
    ([FOURTH, ["0.15", "0.2", "0.4", "0.1", "0.15"]], "2.3025850929940456840"),
    ([FOURTH, ["0.05", "0.15", "0.4", "0.3", "0.1"]], "1.2039728043259359926"),
]
LOGITS, LABELS = ["2", "0.5", "1"], ["0.2", "0.3", "0.5"]


def balls_of(texts: list[str]) -> Vector:
    return vector([Fraction(text) for text in texts])


def prints(vector: Vector, *texts: str) -> None:
    """Each ball agrees with a printed decimal to half a unit of its last digit."""
    for found, text in zip(vector.balls, texts, strict=True):
        half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
        assert ball(Fraction(text) - half) <= found <= ball(Fraction(text) + half)


@pytest.fixture
def enough() -> Iterator[None]:
    with precision(128):
        yield


@pytest.mark.usefixtures("enough")
@pytest.mark.parametrize(("rows", "text"), PRINTED)
def test_cross_entropies_of_the_seed_documents(rows: list[list[str]], text: str) -> None:
    prints(OPERATORS["cross_entropy"].define(*map(balls_of, rows)), text)


@pytest.mark.usefixtures("enough")
def test_softmax_of_the_seed_documents() -> None:
    softmax = OPERATORS["softmax"].define
    texts = ("0.0900305731703804580", "0.2447284710547976525", "0.6652409557748218895")
    prints(softmax(balls_of(["1", "2", "3"])), *texts)
    found = evaluate(problem("softmax", "float64", {"logits": np.array([[1.0, 2.0, 3.0]])}))
    for j, text in enumerate(texts):
        assert abs(Fraction(found["value"].digits((0, j))) - Fraction(text)) < Fraction(1, 10**19)


@pytest.mark.usefixtures("enough")
def test_softmax_once_and_twice_of_the_seed_documents() -> None:
    loss, softmax = OPERATORS["softmax_cross_entropy"].define, OPERATORS["softmax"].define
    logits, labels = balls_of(LOGITS), balls_of(LABELS)
    prints(loss(logits, labels), "1.4143687841079448416")
    prints(loss(softmax(logits), labels), "1.1718577655383374942")


@pytest.mark.usefixtures("enough")
def test_forty_logits_of_the_seed_documents() -> None:
    case = next(c for c in cases.load(Path("cases")) if c.id == "seed-004-40-logits")
    made = case.problem(DOUBLE)
    assert evaluate(made)["value"].digits((0,)).startswith("15.5145606537481153944")
    softmax = OPERATORS["softmax"].define
    loss = OPERATORS["softmax_cross_entropy"].define
    logits, hot = (vector(made.inputs[name][0].tolist()) for name in ("logits", "labels"))
    prints(loss(softmax(logits), hot), "14.729314432961941925")


# What a truth promises.


def corpus() -> Iterator[Problem]:
    for case in cases.load(Path("cases")):
        for dtype in case.dtypes:
            yield case.problem(FORMATS[dtype])


def small(made: Problem) -> bool:
    return max(array.size for array in made.inputs.values()) < 200


def test_nothing_in_the_corpus_is_undecided() -> None:
    outputs = 0
    for made in corpus():
        for quantity, truth in evaluate(made).items():
            assert not truth.undecided.any(), (made.operator, quantity)
            assert np.isnan(truth.hi).any() or (truth.radius <= 2**-19).all()
            outputs += truth.hi.size
    assert outputs > 50000


def test_enclosures_at_two_precisions_overlap() -> None:
    for made in corpus():
        if made.format is not DOUBLE or not small(made):
            continue
        first, second = evaluate(made), at_bits(made, 1 << 11)
        for quantity, truth in first.items():
            finer = second[quantity]
            np.testing.assert_array_equal(truth.hi, finer.hi, f"{made.operator} {quantity}")
            # The tails are floats: their own rounding is 2^-54 ulp.
            apart = np.abs(truth.tail - finer.tail)
            assert (apart <= truth.radius + finer.radius + 2**-53).all(), (made.operator, quantity)


def of(hi: float, tail: float = 0.0, radius: float = 0.0) -> Truth:
    """A truth with one output, made by hand."""
    no = np.zeros(1, dtype=bool)
    return Truth(np.array([hi]), np.array([tail]), np.array([radius]), no, no, 128)


@pytest.mark.parametrize("dtype", FORMATS)
@settings(several, max_examples=60)
@given(st.data())
def test_roundings_are_those_of_exact_arithmetic(dtype: str, data: st.DataObject) -> None:
    """(y - z)^2 is a rational: its roundings are known without the reference."""
    format_ = FORMATS[dtype]
    grid = st.builds(
        lambda m, e: math.ldexp(m, e),
        st.integers(-(1 << format_.p) + 1, (1 << format_.p) - 1),
        st.integers(format_.emin - format_.p + 1, format_.emax - format_.p),
    ) | st.sampled_from([0.0, 1.0, format_.max, format_.subnormal, 1 + 2 * format_.u])
    near = st.integers(-3, 3).map(lambda k: 1 + k * 2 * format_.u if k >= 0 else 1 + k * format_.u)
    y, z = data.draw(grid | near), data.draw(grid | near)
    made = problem("squared_loss", dtype, {"predictions": np.array([y]), "labels": np.array([z])})
    value = evaluate(made)["value"]
    exact = (Fraction(y) - Fraction(z)) ** 2
    nearest = format_.round(exact)
    assert value.nearest(format_)[0] == nearest
    down, up = (side[0] for side in value.bracket(format_))
    if value.hi[0] == math.inf:
        assert down == up == math.inf
    elif down == up:
        # The enclosure does not tell on which side, or it is the number itself.
        assert abs(Fraction(down) - exact) <= Fraction(float(value.radius[0])) * math.ulp(down)
    else:
        assert nearest in (down, up)
        assert down < exact < up
        assert up == format_.next_up(np.array([down]))[0]


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_tail_decides_a_tie(dtype: str) -> None:
    format_ = FORMATS[dtype]
    u = format_.u
    if dtype == "float64":
        # The halves are beyond float64: a tail of half an ulp.
        assert of(1.0, 0.5 - 1e-9).nearest(format_) == 1.0
        assert np.isnan(of(1.0, 0.5, 1e-9).nearest(format_))
        assert np.isnan(of(1.0, -0.25, 1e-9).nearest(format_))  # a power of two
        assert of(1.5, -0.25, 1e-9).nearest(format_) == 1.5
        assert of(-1.0, -0.25, 1e-9).nearest(format_) == -1.0
        return
    for sign in (1, -1):
        tie = sign * (1 + u)
        assert of(tie).nearest(format_) == sign
        assert of(tie, sign * 1e-9).nearest(format_) == sign * (1 + 2 * u)
        assert of(tie, -sign * 1e-9).nearest(format_) == sign
        assert np.isnan(of(tie, 1e-12, 1e-9).nearest(format_))
        assert {abs(float(side[0])) for side in of(tie, 1e-12, 1e-9).bracket(format_)} == {
            1.0,
            1 + 2 * u,
        }
        threshold = sign * format_.max * (1 + 2.0**-format_.p / (2 - 2 * u))
        assert abs(of(threshold).nearest(format_)) == math.inf
        assert of(threshold, -sign * 1e-9).nearest(format_) == sign * format_.max


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_tail_tells_the_side_of_a_number(dtype: str) -> None:
    format_ = FORMATS[dtype]
    up = float(format_.next_up(np.array([1.0]))[0])
    down = -float(format_.next_up(np.array([-1.0]))[0])
    assert of(1.0).bracket(format_) == (1.0, 1.0)
    assert of(1.0, 1e-12, 1e-9).bracket(format_) == (1.0, 1.0)  # the enclosure does not tell
    assert of(1.0, 1e-6, 1e-9).bracket(format_) == (1.0, up)
    assert of(1.0, -1e-6, 1e-9).bracket(format_) == (down, 1.0)
    assert of(-format_.max, -1e-6, 0.0).bracket(format_) == (-math.inf, -format_.max)


@pytest.mark.parametrize("count", range(1, 8))
def test_subnormal_doubles_round_to_themselves(count: int) -> None:
    assert of(count * 5e-324, 0.125, 1e-9).nearest(DOUBLE) == count * 5e-324
    assert of(count * 5e-324, -0.125, 1e-9).nearest(DOUBLE) == count * 5e-324


def test_a_mean_that_is_a_tie_is_rounded_to_even() -> None:
    half = FORMATS["float16"]
    inputs = {
        "log_probabilities": np.array([[-2047.0, 0], [-2048, 0], [-2052, 0]]),
        "labels": np.array([0, 0, 0]),
    }
    value = evaluate(problem("nll", "float16", inputs, "mean"))["value"]
    assert value.hi == 2049
    assert value.nearest(half) == 2048


@several
@given(anything.filter(lambda x: abs(x) < 1e4))
def test_digits_are_certain(x: float) -> None:
    made = problem(
        "sigmoid_cross_entropy", "float64", {"logits": np.array([x]), "labels": np.array([1.0])}
    )
    with mp.workdps(60):
        expected = {
            "value": mp.log1p(mp.exp(-mpf(x))),
            "gradient.logits": -1 / (1 + mp.exp(mpf(x))),
        }
        for quantity, exact in expected.items():
            text = evaluate(made)[quantity].digits((0,))
            digits = text.lower().partition("e")[0].strip("-").replace(".", "").lstrip("0")
            # Near the smallest number the pair is only one float64.
            assert (18 if abs(exact) > 1e-290 else 15) <= len(digits) <= 30
            # A unit in the last digit, of which Arb certifies the correctness.
            assert abs(mpf(text) - exact) <= abs(exact) * mpf(10) ** (1 - len(digits))


def test_digits_of_special_and_exact_truths() -> None:
    assert of(math.inf).digits((0,)) == "inf"
    assert of(math.nan).digits((0,)) == "nan"
    assert of(0.0).digits((0,)) == "0"
    assert mpf(of(2.25).digits((0,))) == 2.25
    assert decimal(Fraction(1, 3), 12) == "0.333333333333"
    assert len(of(1.0, 0.0, 2.0**-20).digits((0,))) < 26


def test_error_and_pair_of_a_truth() -> None:
    truth = of(1.0, 0.25)
    assert truth.lo == 2.0**-54
    assert truth.error(np.array([1.0])) == 2.0**-54
    assert truth.error(np.array([1 + 2.0**-52])) == 0.75 * 2.0**-52
    assert of(math.inf).lo == 0


# Kinks, memory, flags.


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    ("slope", "upstream", "ends"),
    [
        (0.0, 1.0, (0.0, 1.0)),
        (0.0, -0.5, (-0.5, 0.0)),
        (0.25, 2.0, (0.5, 2.0)),
        (2.0, 1.0, (1.0, 2.0)),
        (-1.0, 1.0, (-1.0, 1.0)),
    ],
)
def test_the_derivative_at_a_kink_is_an_interval(
    zero: float, slope: float, upstream: float, ends: tuple[float, float]
) -> None:
    x = np.array([zero, 3.0, -3.0, 5e-324])
    up = np.full(4, upstream)
    made = problem("leaky_relu", "float64", {"x": x}, "none", up, negative_slope=slope)
    gradient = evaluate(made)["gradient.x"]
    assert (gradient.lower[0], gradient.upper[0]) == ends
    assert np.isnan(gradient.lower[1:]).all()
    assert np.isnan(gradient.upper[1:]).all()
    assert gradient.hi[1:].tolist() == [upstream, slope * upstream, upstream]
    value = evaluate(made)["value"]
    assert value.hi[0] == 0
    assert value.lower is None or np.isnan(value.lower).all()


def test_slope_one_has_no_kink() -> None:
    made = problem("leaky_relu", "float64", {"x": np.array([0.0])}, negative_slope=1.0)
    gradient = evaluate(made)["gradient.x"]
    assert gradient.hi == 1
    assert gradient.lower is None or np.isnan(gradient.lower).all()


ROW = np.array([[0.5, -1.0, 2.0]])
INDEX = {"logits": ROW, "labels": np.array([1])}
SOFT = {"logits": ROW, "labels": np.array([[0.0, 1.0, 0.0]])}
NEIGHBOURS: list[Problem] = [
    problem("softmax_cross_entropy_index", "float64", INDEX),
    problem("softmax_cross_entropy_index", "float64", INDEX, "sum"),
    problem("softmax_cross_entropy_index", "float64", INDEX, "none", [3.0]),
    problem("softmax_cross_entropy_index", "float64", INDEX, label_smoothing=0.5),
    problem("softmax_cross_entropy_index", "float64", INDEX, label_smoothing=0.25),
    problem("softmax_cross_entropy_index", "float64", INDEX, class_weights=[1.0, 2.0, 3.0]),
    problem("softmax_cross_entropy_index", "float64", INDEX, class_weights=[1.0, 4.0, 3.0]),
    problem("softmax_cross_entropy_index", "float64", INDEX, ignore_index=1),
    problem("softmax_cross_entropy", "float64", SOFT),
    problem("nll", "float64", {"log_probabilities": ROW, "labels": np.array([1])}),
    problem("nll", "float64", {"log_probabilities": ROW, "labels": np.array([2])}),
    problem("softmax", "float64", {"logits": ROW}),
    problem("log_softmax", "float64", {"logits": ROW}),
    problem("log_softmax", "float64", {"logits": ROW}, "none", [[1.0, 1.0, 1.0]]),
    problem("logsumexp", "float64", {"logits": ROW}),
]


def test_what_is_remembered_of_one_problem_does_not_answer_another() -> None:
    """Problems that differ in one thing only, one after the other in one memory."""
    forget()
    shared = [evaluate(made) for made in NEIGHBOURS + NEIGHBOURS[::-1]]
    with mp.workdps(closed_forms.DIGITS):
        for made, found in zip(NEIGHBOURS + NEIGHBOURS[::-1], shared, strict=True):
            expected = closed_forms.answers(made)
            for quantity, truth in found.items():
                agrees(truth, expected[quantity])


def test_problems_evaluated_together_have_the_same_truths() -> None:
    problems = [made for made in corpus() if small(made)]
    forget()
    alone = [evaluate(made) for made in problems]
    forget()
    evaluation.prepare(problems)
    for made, first in zip(problems, alone, strict=True):
        for quantity, truth in evaluate(made).items():
            other = first[quantity]
            for field in ("hi", "tail", "nan", "undecided"):
                np.testing.assert_array_equal(getattr(truth, field), getattr(other, field))


def test_a_full_memory_forgets_and_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [made for made in corpus() if small(made) and made.operator == "softmax"]
    forget()
    alone = [evaluate(made)["value"] for made in problems]
    forget()
    monkeypatch.setattr(memory, "LIMIT", 100)
    evaluation.prepare(problems)
    for made, truth in zip(problems, alone, strict=True):
        np.testing.assert_array_equal(evaluate(made)["value"].tail, truth.tail)
        assert evaluate(made)["value"].bits == truth.bits
    assert evaluation._TRUTHS.total <= 100 or len(evaluation._TRUTHS.held) == 1
    forget()


def test_kinks_are_not_remembered_from_the_other_side() -> None:
    made = problem("relu", "float64", {"x": np.array([0.0, 1.0])}, "sum")
    for _ in range(2):
        gradient = evaluate(made)["gradient.x"]
        assert (gradient.hi[0], gradient.lower[0], gradient.upper[0]) == (1, 0, 1)


def test_precision_is_as_before() -> None:
    with precision(77):
        evaluate(problem("logsumexp", "float64", {"logits": np.array([[1e300, -1e300]])}))
        from flint import ctx

        assert ctx.prec == 77


def test_a_truth_just_above_an_exact_half_rounds_up_or_stays_open() -> None:
    """2^53 + 1 + e^-2^53 is beyond the middle of two float64s by less than a tail tells."""
    inputs = {"logits": np.array([[2.0**53, -1.0, 0.0]]), "labels": np.array([1])}
    found = evaluate(problem("softmax_cross_entropy_index", "float64", inputs))["value"]
    nearest = found.nearest(DOUBLE)[0]
    assert nearest == 2.0**53 + 2 or np.isnan(nearest)


def test_an_unknown_operator_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        evaluate(replace(NEIGHBOURS[0], operator="focal"))


def test_truths_beyond_float64_are_infinite_and_decided() -> None:
    inputs = {"predictions": np.array([1e200, -1e200]), "labels": np.array([-1e200, 1e200])}
    found = evaluate(problem("squared_loss", "float64", inputs))
    assert found["value"].hi.tolist() == [math.inf, math.inf]
    assert not found["value"].undecided.any()
    assert found["gradient.labels"].hi.tolist() == [-4e200, 4e200]


def test_no_precision_is_enough_for_a_kept_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too few bits the truth says so instead of guessing."""
    monkeypatch.setattr(batch, "LAST_BITS", batch.FIRST_BITS)
    inputs = {"logits": np.array([90.0, 1.0]), "labels": np.array([1.0, 1.0])}
    found = evaluate(problem("sigmoid_cross_entropy", "float64", inputs))
    assert found["value"].undecided.tolist() == [True, False]
