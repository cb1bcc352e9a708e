"""Plans: what they find is what a batch finds, and they give up where they must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import cases
from reference import batch
from reference.evaluation import _Group, _Work, evaluate
from reference.formats import FORMATS
from reference.operators import OPERATORS
from reference.plan import Plan
from reference.problem import Problem
from reference.truth import Truth
from tests.enclosing import forget
from tests.families import problem

SHARED = {"linear_softmax_cross_entropy"}
"""Its rows share a matrix."""
FIELDS = ("hi", "tail", "radius", "nan", "undecided", "bits")


def corpus() -> list[Problem]:
    return [
        replace(case.problem(FORMATS[dtype]), quantities=case.judged)
        for case in cases.load(Path("cases"))
        for dtype in case.dtypes
    ]


def in_a_batch(made: Problem) -> dict[str, Truth]:
    (found,) = _Group([_Work(made)]).truths()
    return found


def same(one: dict[str, Truth], other: dict[str, Truth]) -> None:
    assert list(one) == list(other)
    for quantity, truth in one.items():
        for name in FIELDS:
            np.testing.assert_array_equal(
                getattr(truth, name), getattr(other[quantity], name), f"{quantity} {name}"
            )


def rows(made: Problem) -> list[Problem]:
    """The first rows of a problem, each on its own."""
    count = min(len(array) for array in [*made.inputs.values(), made.upstream])
    return [
        replace(
            made,
            inputs={name: array[i : i + 1] for name, array in made.inputs.items()},
            upstream=made.upstream[i : i + 1],
        )
        for i in range(min(count, 4))
    ]


def test_plans_find_in_the_corpus_what_batches_find() -> None:
    """Every problem, and its first rows, which have one plan."""
    served, asked = set(), 0
    for made in corpus():
        plan = Plan(made, batch.FIRST_BITS)
        if not plan.possible:
            continue
        of_row, singles = Plan(rows(made)[0], batch.FIRST_BITS), rows(made)
        pairs = [(plan, made), (plan, made), *((of_row, single) for single in singles)]
        for held, one in pairs:
            truths = held.truths(one)
            if truths is not None:
                same(truths, in_a_batch(one))
                served.add(made.operator)
                asked += 1
    assert {name for name, shape in OPERATORS.items() if not shape.kinks} - served <= SHARED
    assert asked > 1000


ROW = np.array([[0.5, -1.0, 2.0]])
INDEX = problem("softmax_cross_entropy_index", "float64", {"logits": ROW, "labels": np.array([1])})
SOFT = problem(
    "cross_entropy",
    "float64",
    {"labels": np.array([[0.25, 0.75, 0.0]]), "probabilities": np.array([[0.5, 0.25, 0.25]])},
)


def numbers(made: Problem, **inputs: Any) -> Problem:
    return replace(made, inputs={k: np.array(inputs.get(k, v)) for k, v in made.inputs.items()})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (INDEX, numbers(INDEX, labels=[2])),
        (INDEX, replace(INDEX, upstream=np.array([-0.5]))),
        (SOFT, numbers(SOFT, probabilities=[[0.5, 0.125, 0.375]])),
    ],
)
def test_a_plan_serves_other_numbers(first: Problem, second: Problem) -> None:
    plan = Plan(first, batch.FIRST_BITS)
    assert plan.truths(first) is not None
    found = plan.truths(second)
    assert found is not None
    same(found, in_a_batch(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(INDEX, numbers(INDEX, logits=[[0.5, np.inf, 2.0]]), id="infinity"),
        pytest.param(INDEX, numbers(INDEX, logits=[[0.5, np.nan, 2.0]]), id="NaN"),
        pytest.param(INDEX, numbers(INDEX, logits=[[np.inf, -np.inf, 2.0]]), id="both infinities"),
        pytest.param(INDEX, numbers(INDEX, logits=[[99.0, 0.5, 200.0]], labels=[2]), id="wide"),
        pytest.param(SOFT, numbers(SOFT, labels=[[0.25, 0.5, 0.25]]), id="another comparison"),
    ],
)
def test_a_plan_gives_up_and_a_batch_takes_over(first: Problem, second: Problem) -> None:
    plan = Plan(first, batch.FIRST_BITS)
    assert plan.truths(first) is not None
    assert plan.truths(second) is None
    forget()
    evaluate(first)
    same(evaluate(second), in_a_batch(second))


@pytest.mark.parametrize(
    "made",
    [
        problem("softmax_cross_entropy_index", "float64", dict(INDEX.inputs), "sum"),
        problem("softmax_cross_entropy_index", "float64", dict(INDEX.inputs), ignore_index=1),
        problem("softmax", "float64", {"logits": ROW}, mask=np.array([[True, False, True]])),
        problem("relu", "float64", {"x": np.array([0.0, 1.0])}),
    ],
)
def test_a_plan_is_not_made_of_rows_that_are_more_than_rows(made: Problem) -> None:
    assert Plan(made, batch.FIRST_BITS).truths(made) is None
