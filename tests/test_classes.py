"""Losses of rows of classes: masks, temperatures, layers, and what they have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb

from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.problem import Problem
from reference.tape import Vector, gradients, others, recording, repeat, total, turned
from reference.truth import Truth
from tests.families import problem

X = np.array([[0.5, -1.0, 2.0, 30.0], [1.0, 1.0, -700.0, 0.25]])
SOFT = np.array([[0.25, 0.5, 0.0, 0.25], [0.0, 1.0, 0.0, 0.0]])
INDEX = np.array([2, 1])
MASK = np.array([[True, False, True, True], [True, True, False, True]])
CROSS_ENTROPY, HARD = "softmax_cross_entropy", "softmax_cross_entropy_index"


def truths(operator: str, inputs: dict[str, Any], **parameters: Any) -> dict[str, Truth]:
    return evaluate(problem(operator, "float64", inputs, **parameters))


def same(left: Truth, right: Truth) -> None:
    np.testing.assert_array_equal(left.hi, right.hi)
    assert (np.abs(left.tail - right.tail) <= left.radius + right.radius + 2.0**-53).all()


@pytest.mark.parametrize("operator", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("outside", [0.0, 1e300, np.nan, np.inf, -np.inf])
def test_what_a_masked_class_contains_does_not_matter(operator: str, outside: float) -> None:
    plain, hidden = X, np.where(MASK, X, outside)
    expected = truths(operator, {"logits": plain}, mask=MASK)
    found = truths(operator, {"logits": hidden}, mask=MASK)
    for quantity, truth in expected.items():
        same(truth, found[quantity])
    asked = problem(operator, "float64", {"logits": hidden}, mask=MASK)
    clean = bounds(problem(operator, "float64", {"logits": plain}, mask=MASK))
    for quantity, limits in bounds(asked).items():
        np.testing.assert_array_equal(limits.strict, clean[quantity].strict)


def test_a_masked_class_has_probability_and_gradient_zero() -> None:
    found = truths("softmax", {"logits": X}, mask=MASK)
    assert not found["value"].hi[~MASK].any()
    assert not found["gradient.logits"].hi[~MASK].any()
    logs = truths("log_softmax", {"logits": X}, mask=MASK)
    assert (logs["value"].hi[~MASK] == -np.inf).all()
    assert not logs["gradient.logits"].hi[~MASK].any()


def test_a_row_without_a_class_is_an_empty_sum() -> None:
    nothing = np.zeros_like(MASK)
    expected = {"softmax": 0.0, "log_softmax": -np.inf, "logsumexp": -np.inf}
    for operator, value in expected.items():
        found = truths(operator, {"logits": X}, mask=nothing)
        assert (found["value"].hi == value).all()
        assert not found["gradient.logits"].hi.any()
    found = truths(CROSS_ENTROPY, {"logits": X, "labels": SOFT}, mask=nothing)
    assert not any(truth.hi.any() for truth in found.values())


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"temperature": 2.5}])
def test_an_index_is_a_one_hot_row_also_beside_masks(options: dict[str, float]) -> None:
    for labels in (INDEX, np.array([1, 2])):  # inside, and outside the mask
        hot = np.eye(4)[labels]
        dense = truths(CROSS_ENTROPY, {"logits": X, "labels": hot}, mask=MASK, **options)
        index = truths(HARD, {"logits": X, "labels": labels}, mask=MASK, **options)
        for quantity, truth in index.items():
            same(truth, dense[quantity])


def test_special_parameters_give_the_plain_cross_entropy() -> None:
    expected = truths(CROSS_ENTROPY, {"logits": X, "labels": SOFT})
    for operator, options in (
        (CROSS_ENTROPY, {"temperature": 1.0}),
        ("softmax_focal_loss", {"gamma": 0.0}),
        ("poly1_cross_entropy", {"epsilon": 0.0}),
    ):
        found = truths(operator, {"logits": X, "labels": SOFT}, **options)
        for quantity, truth in expected.items():
            same(truth, found[quantity])


def test_a_layer_is_the_cross_entropy_of_its_products() -> None:
    hidden = np.array([[0.5, -2.0], [4.0, 1.0]])
    matrix = np.array([[1.0, 0.5], [-2.0, 0.25], [8.0, -1.0]])
    bias, labels = np.array([0.5, -0.25, 2.0]), np.array([2, 0])
    logits = hidden @ matrix.T + bias  # exact
    expected = truths(HARD, {"logits": logits, "labels": labels})
    made = problem(
        "linear_softmax_cross_entropy",
        "float64",
        {"hidden": hidden, "labels": labels},
        weights=matrix,
        bias=bias,
    )
    names = ("value", "gradient.hidden", "gradient.weights", "gradient.bias")
    found = evaluate(replace(made, quantities=names))
    slopes = expected["gradient.logits"].hi
    same(found["value"], expected["value"])
    np.testing.assert_allclose(found["gradient.hidden"].hi, slopes @ matrix, rtol=1e-12)
    np.testing.assert_allclose(found["gradient.weights"].hi, slopes.T @ hidden, rtol=1e-12)
    np.testing.assert_allclose(found["gradient.bias"].hi, slopes.sum(axis=0), rtol=1e-12)
    assert all(
        np.isfinite(b.baseline).all() for b in bounds(replace(made, quantities=names)).values()
    )


def test_a_teacher_like_the_student_costs_nothing() -> None:
    shifted = X + np.array([[4.0], [-8.0]])
    found = truths("distillation_loss", {"student": X, "teacher": shifted}, temperature=4.0)
    assert not any(truth.hi.any() for truth in found.values())


def test_the_jensen_shannon_divergence_is_symmetric_and_at_most_ln_2() -> None:
    p, q = np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    one = truths("jensen_shannon_divergence", {"p": p, "q": q})
    other = truths("jensen_shannon_divergence", {"p": q, "q": p})
    same(one["value"], other["value"])
    same(one["gradient.p"], other["gradient.q"])
    assert one["value"].hi[0] == np.log(2)


def adjoint(function: Any, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of a linear function of a row, by its values and by its derivatives."""
    from reference.balls import Balls

    columns, lines = [], []
    for k in range(width):
        row = [arb(int(i == k)) for i in range(width)]
        columns.append([float(b) for b in function(Vector(Balls(row, width))).balls])
    size = len(columns[0])
    for k in range(size):
        with recording():
            v = Vector(Balls([arb(1)] * width, width), live=True)
            up = Vector(Balls([arb(int(i == k)) for i in range(size)], size))
            (down,) = gradients(function(v), up, [v])
            lines.append([float(b) for b in down.balls])
    return np.array(columns).T, np.array(lines)


@pytest.mark.parametrize(
    "function",
    [others, lambda v: total(v, 3), lambda v: repeat(v, 3), lambda v: turned(v, 2)],
    ids=["others", "total", "repeat", "turned"],
)
def test_linear_functions_of_a_row_are_pulled_back_by_their_transposes(function: Any) -> None:
    by_values, by_derivatives = adjoint(function, 6)
    np.testing.assert_array_equal(by_values, by_derivatives)


def test_problems_with_other_masks_are_other_problems() -> None:
    def value(mask: Any) -> float:
        made: Problem = problem("logsumexp", "float64", {"logits": X[:1]}, mask=mask)
        return float(evaluate(made)["value"].hi[0])

    assert value([[True, False, False, False]]) == X[0, 0]
    assert value([[False, True, False, False]]) == X[0, 1]
