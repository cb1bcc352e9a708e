"""Nothing is left out: every quantity is defined, bounded, checked, and used in a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from conformance import cases
from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.reduction import SAMPLE_WEIGHTS
from tests import closed_forms
from tests.points import VARIANTS, Parameters, label_of, problem, quantities, variants, weighted
from tests.test_derivatives import EVERY as DIFFERENTIATED
from tests.textbook import FORMULAS

SHARED = frozenset({f"gradient.{SAMPLE_WEIGHTS}"})
"""What all operators have in common: a reduction's, not theirs."""


def owed(operator: Operator) -> set[str]:
    """The quantities that an operator has."""
    names = operator.differentiable
    return {
        "value",
        *(f"gradient.{name}" for name in (*names, *operator.arrays)),
        *(f"{kind}.{name}" for kind in ("jvp", "hvp") for name in names),
        *(f"mixed.{name}.{other}" for name in names for other in names if name != other),
    }


def of(name: str) -> Iterator[Parameters]:
    return (parameters for operator, parameters in variants() if operator == name)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_quantity_is_checked_independently(name: str) -> None:
    """By a closed form, and by differences of a textbook formula with every parameter."""
    operator = OPERATORS[name]
    assert operator.formula
    assert name in FORMULAS
    assert name in closed_forms.FORMS
    points = [problem(name, parameters, seed=1) for parameters in of(name)]
    assert {q for p in points for q in quantities(p)} == owed(operator)
    assert all((name, parameters) in DIFFERENTIATED for parameters in of(name))
    tried = {k for parameters in of(name) for k in parameters}
    assert tried == set(operator.parameters)
    for word, choices in operator.words.items():
        used = {p.get(word, operator.parameters[word]) for p in of(name)}
        assert used == set(choices), word


def test_the_tables_name_operators_only() -> None:
    assert set(VARIANTS) <= set(OPERATORS)
    assert set(FORMULAS) == set(OPERATORS)
    assert set(closed_forms.FORMS) == set(OPERATORS)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
@pytest.mark.parametrize("variant", list(variants()), ids=label_of)
def test_every_quantity_has_a_truth_and_finite_bounds(
    variant: tuple[str, Parameters], dtype: str
) -> None:
    asked = weighted(problem(*variant, seed=6, dtype=dtype), seed=7)
    truths, limits = evaluate(asked), bounds(asked)
    assert set(truths) == set(limits) == set(quantities(asked))
    for quantity, truth in truths.items():
        finite = np.isfinite(truth.hi)
        masked = "mask" in variant[1] and variant[0] == "log_softmax"
        assert finite.all() or masked, quantity
        for bound in (limits[quantity].strict, limits[quantity].baseline):
            assert bound.shape == truth.hi.shape, quantity
            assert (np.isfinite(bound) & (bound >= 0))[finite].all(), quantity


@cache
def measured() -> frozenset[tuple[str, str]]:
    """Every operator with every quantity that some case asks for."""
    found = set()
    for case in cases.load(Path("cases")):
        asked = case.problem(FORMATS[case.dtypes[0]])
        wanted = asked.quantities or OPERATORS[asked.operator].quantities
        found |= {(asked.operator, quantity) for quantity in wanted}
    return frozenset(found)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_quantity_is_in_a_case(name: str) -> None:
    missing = owed(OPERATORS[name]) - {q for operator, q in measured() if operator == name}
    assert sorted(missing) == [], f"no case in cases/ measures these of {name}: `measure:`"


def test_sample_weights_are_in_a_case() -> None:
    assert {quantity for _, quantity in measured()} >= SHARED


def test_a_hole_would_be_found() -> None:
    """The enumeration itself, for an operator with one more input."""
    operator = OPERATORS["sigmoid"]
    more = replace(operator, inputs=(*operator.inputs, *OPERATORS["squared_loss"].inputs))
    assert "mixed.x.labels" in owed(more) - owed(operator)
    assert not owed(more) <= {q for name, q in measured() if name == "sigmoid"}
