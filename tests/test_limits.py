"""Special values: the table of the criterion, row by row, and the search for limits by itself.

The rules: the limit where it exists along every approach; NaN where there is none; NaN propagates
unless the result does not depend on that operand; an empty sum is 0, an empty mean NaN; an exact
zero weight or target multiplies to 0 even against infinity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from flint import arb

from reference import special_table
from reference.balls import ball
from reference.evaluation import evaluate
from reference.limits import limits
from reference.operators import OPERATORS
from reference.special import Policy, Special
from reference.truth import Truth
from tests.families import problem

INF, NAN, LN2 = math.inf, math.nan, math.log(2)
INDEX, SOFT = "softmax_cross_entropy_index", "softmax_cross_entropy"
BCE, LOGITS_BCE = "binary_cross_entropy", "sigmoid_cross_entropy"


def numbers(text: str) -> list[float]:
    known = {"ln2": LN2, "-ln2": -LN2, "3ln2": 3 * LN2}
    return [known.get(number) or float(number) for number in text.split(",")]


def rows(*policies: Policy) -> Any:
    """The table's rows as parameters of a test."""
    found = [pair for policy in policies for pair in special_table.examples(policy)]
    ids = [f"{operator}: {row.example}" for operator, row in found]
    return pytest.mark.parametrize(("operator", "row"), found, ids=ids)


def pairs(text: str) -> dict[str, list[float]]:
    """The lists of a text `name=1,2 other=3`."""
    named = (part.partition("=") for part in text.split())
    return {name.replace("d/", "gradient."): numbers(values) for name, _, values in named}


def truths(
    operator: str, inputs: Mapping[str, Any], reduction: str = "none", **parameters: Any
) -> dict[str, Truth]:
    """Truths of rows, given one row or several."""
    arrays = {}
    for i in OPERATORS[operator].inputs:
        array = np.array(inputs[i.name], dtype=np.int64 if i.kind == "index" else np.float64)
        rank = 2 if i.kind == "vector" else 1
        arrays[i.name] = array if array.ndim == rank else array[None]
    upstream = None
    if OPERATORS[operator].output == "vector":
        shape = arrays["logits"].shape
        upstream = np.resize([1, -0.5, 2], shape[-1:])[None].repeat(shape[0], axis=0)
    return evaluate(problem(operator, "float64", arrays, reduction, upstream, **parameters))


def one_row(operator: str, text: str) -> dict[str, Truth]:
    inputs = pairs(text)
    kinds = {i.name: i.kind for i in OPERATORS[operator].inputs}
    return truths(operator, {k: v if kinds[k] == "vector" else v[0] for k, v in inputs.items()})


@rows("must", "may", "doc")
def test_the_reference_answers_what_the_table_says(operator: str, row: Special) -> None:
    found = one_row(operator, row.example)
    for quantity, expected in pairs(row.answer).items():
        np.testing.assert_array_equal(found[quantity].hi.reshape(-1), expected)
        assert found[quantity].nan.all() == (row.policy == "may")
        assert found[quantity].nan.any() == (row.policy == "may")


@pytest.mark.parametrize(
    "row", [row for p in ("may", "doc") for _, row in special_table.examples(p)]
)
def test_a_row_of_the_table_applies_to_its_example(row: Special) -> None:
    arrays = {k: np.array([v]) for k, v in pairs(row.example).items()}
    assert row.where is None or row.where(arrays).all()
    assert row.policy == "doc" or row.where is not None


def test_a_small_number_beside_an_infinity_is_no_zero() -> None:
    found = truths("softmax", {"logits": [-INF, 0, -700]})["value"]
    assert found.hi[0, 0] == 0
    assert found.hi[0, 2] == pytest.approx(math.exp(-700), rel=1e-15, abs=0)


def test_only_the_rows_with_infinities_may_be_nan() -> None:
    found = truths("softmax", {"logits": [[INF, 0], [0, 0], [-INF, 0]]})
    assert found["value"].nan.tolist() == [[True, True], [False, False], [False, False]]
    found = truths(INDEX, {"logits": [[INF, 0], [0, 0]], "labels": [0, 0]}, "sum")
    assert found["value"].nan.shape == ()
    assert found["value"].nan
    assert found["gradient.logits"].nan.tolist() == [[True, True], [False, False]]


def test_smoothing_gives_every_class_a_target() -> None:
    """-inf anywhere then costs an infinite loss, with the gradient s - t."""
    inputs = {"logits": [0, 0, -INF, -INF], "labels": 0}
    found = truths(INDEX, inputs, label_smoothing=0.5)
    assert found["value"].hi == INF
    assert found["gradient.logits"].hi.tolist() == [[-0.125, 0.375, -0.125, -0.125]]


@pytest.mark.parametrize("operator", ["sigmoid", "softmax", INDEX, "squared_loss", "nll"])
def test_an_empty_batch(operator: str) -> None:
    shapes = {"scalar": (0,), "vector": (0, 3), "index": (0,)}
    inputs = {i.name: np.zeros(shapes[i.kind]) for i in OPERATORS[operator].inputs}
    none = truths(operator, inputs)
    lead = next(iter(inputs.values()))
    assert none["value"].hi.shape == (lead.shape if operator in ("sigmoid", "softmax") else (0,))
    for name in OPERATORS[operator].differentiable:
        assert none[f"gradient.{name}"].hi.shape == inputs[name].shape
    if operator != "softmax":
        assert truths(operator, inputs, "sum")["value"].hi == 0
        assert np.isnan(truths(operator, inputs, "mean")["value"].hi)
        assert np.isnan(truths(operator, inputs, "weighted_mean")["value"].hi)


IGNORED = {"logits": [[1, 2], [3, 4]], "labels": [-100, -100]}


@pytest.mark.parametrize(("reduction", "value"), [("sum", 0), ("mean", 0), ("weighted_mean", NAN)])
def test_all_rows_ignored(reduction: str, value: float) -> None:
    found = truths(INDEX, IGNORED, reduction, ignore_index=-100)
    np.testing.assert_array_equal(found["value"].hi, value)
    assert (found["gradient.logits"].hi == 0).all()
    assert truths(INDEX, IGNORED, ignore_index=-100)["value"].hi.tolist() == [0, 0]


def test_an_ignored_row_contributes_nothing_whatever_it_contains() -> None:
    inputs = {"logits": [[0, 0], [NAN, -INF]], "labels": [0, 7]}
    found = truths(INDEX, inputs, "weighted_mean", ignore_index=7)
    assert found["value"].hi == LN2
    assert found["gradient.logits"].hi.tolist() == [[-0.5, 0.5], [0, 0]]


def test_weights_that_sum_to_zero() -> None:
    inputs = {"logits": [[1, 2], [3, 4]], "labels": [0, 0]}
    found = truths(INDEX, inputs, "weighted_mean", class_weights=[0.0, 1.0])
    assert np.isnan(found["value"].hi)
    assert np.isnan(found["gradient.logits"].hi).all()
    assert truths(INDEX, inputs, "sum", class_weights=[0.0, 1.0])["value"].hi == 0


def test_no_classes() -> None:
    empty = np.zeros((2, 0))
    assert truths("softmax", {"logits": empty})["value"].hi.shape == (2, 0)
    assert truths(SOFT, {"logits": empty, "labels": empty})["value"].hi.tolist() == [0, 0]
    assert truths("logsumexp", {"logits": empty})["value"].hi.tolist() == [-INF, -INF]


@pytest.mark.parametrize("operator", [INDEX, "nll"])
def test_the_weight_of_an_unused_class_is_not_used(operator: str) -> None:
    name = "logits" if operator == INDEX else "log_probabilities"
    inputs = {name: [[0, 0]], "labels": [0]}
    found = truths(operator, inputs, class_weights=[2.0, NAN])
    assert found["value"].hi.tolist() == [2 * LN2 if operator == INDEX else 0]
    assert not np.isnan(found[f"gradient.{name}"].hi).any()


@pytest.mark.parametrize(
    ("losses", "total"),
    [
        ([-INF, 1], INF),
        ([-INF, -INF], INF),
        ([NAN, 1], NAN),
        ([-INF, NAN], NAN),
        ([-INF, INF], NAN),
    ],
)
def test_sums_and_means_of_special_losses(losses: list[float], total: float) -> None:
    inputs = {"log_probabilities": np.array(losses)[:, None], "labels": [0, 0]}
    for reduction in ("sum", "mean"):
        np.testing.assert_array_equal(truths("nll", inputs, reduction)["value"].hi, total)


def test_a_zero_cotangent_ends_in_zero_and_a_negative_one_turns_the_sign() -> None:
    inputs = {"probabilities": np.array([0.0, 0.0]), "labels": np.array([1.0, 1.0])}
    made = problem(BCE, "float64", inputs, "none", [2.0, -2.0])
    assert evaluate(made)["gradient.probabilities"].hi.tolist() == [-INF, INF]


# The search itself, on functions whose limits are known.


def along(function: Any, *numbers: float, ends: tuple[float, float] = (-INF, INF)) -> Any:
    def evaluate_(points: Sequence[tuple[int, Mapping[str, list[arb]]]]) -> list[list[arb]]:
        return [[function(*inputs["x"])] for _, inputs in points]

    ((entry,),) = limits(evaluate_, [{"x": list(numbers)}], {"x": ends})
    return entry


def test_limits_of_plain_functions() -> None:
    assert abs(along(lambda x: (x + 1) / x, INF) - 1) < 1e-300
    assert along(lambda x: 1 / x, -INF).is_zero()
    assert along(lambda x: x * x, -INF) == INF
    assert along(lambda x: -x, INF) == -INF
    assert along(lambda x: x.log(), INF) == INF
    assert along(lambda x: x.log(), 0.0, ends=(0.0, INF)) == -INF
    assert along(lambda x: x * x.log(), 0.0, ends=(0.0, INF)).is_zero()
    assert along(lambda x: (x - 1) / (x * x - 1), 1.0, ends=(0.0, 1.0)).overlaps(ball("0.5"))


def test_no_limit_is_nan() -> None:
    assert math.isnan(along(lambda x: x.sin(), INF))
    assert math.isnan(along(lambda x, y: x - y, INF, INF))
    assert math.isnan(along(lambda x, y: x / y, INF, INF))


def test_nan_propagates_unless_nothing_depends_on_it() -> None:
    assert math.isnan(along(lambda x: x + 1, NAN))
    assert along(lambda _: ball(3), NAN) == 3
    assert math.isnan(along(lambda x, y: x * y, NAN, INF))
    assert along(lambda x, y: y / (x * x + 1), NAN, INF) == INF


def test_an_exact_zero_stays_zero_against_infinity() -> None:
    assert along(lambda x, y: x * y, 0.0, INF).is_zero()
