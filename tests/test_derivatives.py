"""Every derivative of every operator against differences of textbook formulas, and SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sympy
from mpmath import mp, mpf
from sympy import exp, log

from reference.evaluation import evaluate
from reference.operators import OPERATORS
from reference.problem import Problem
from tests.differences import Difference, Differences, Memory
from tests.enclosing import misses
from tests.points import (
    MADE,
    REDUCED,
    Layout,
    Parameters,
    label_of,
    problem,
    reduced,
    richest,
    variants,
    weighted,
)

EVERY = list(variants())


def check(asked: Problem, digits: int = 130, memory: Memory | None = None) -> None:
    """Every quantity of a problem that it asks for."""
    truths, expected = evaluate(asked), Differences(asked, digits, memory)
    assert tuple(truths) == asked.quantities
    with mp.workdps(digits):
        wrong = {q: misses(truth, expected.of(q)) for q, truth in truths.items()}
    assert {q: w for q, w in wrong.items() if w} == {}


@pytest.mark.parametrize("variant", EVERY, ids=label_of)
def test_every_quantity_is_that_of_differences(variant: tuple[str, Parameters]) -> None:
    check(problem(*variant, seed=1))


THREE = Layout(rows=3, classes=2)
SATURATED = Layout(rows=2, classes=3, scale=20.0)


@pytest.mark.parametrize("variant", richest(), ids=label_of)
def test_saturated_derivatives_are_those_of_differences(variant: tuple[str, Parameters]) -> None:
    """Logits of about 40: some derivatives are 10^-30 times the others."""
    check(problem(*variant, seed=2, layout=SATURATED), digits=300)


FINITE = [v for v in EVERY if v != ("log_softmax", {"mask": MADE})]
"""What can be reduced: a masked class of log_softmax is -inf."""


@pytest.mark.parametrize("variant", FINITE, ids=label_of)
def test_every_quantity_of_every_reduction_is_that_of_differences(
    variant: tuple[str, Parameters],
) -> None:
    """A mean depends on the weights that it divides by, the class weights and those of samples."""
    name, _ = variant
    plain = weighted(problem(*variant, seed=3, layout=THREE), seed=4)
    first_order = tuple(q for q in plain.quantities or () if not q.startswith(("hvp", "mixed")))
    memory: Memory = {}
    for reduction in ("sum", "mean") if OPERATORS[name].output == "vector" else REDUCED:
        # Of the second derivatives, which a reduction only scales, one is enough.
        every = reduction == "weighted_mean"
        asked = plain if every else replace(plain, quantities=first_order)
        check(reduced(asked, reduction), memory=memory)


# The same by symbolic differentiation: an expression of one row in the names of the inputs.


def names(stem: str) -> list[Any]:
    return list(sympy.symbols([f"{stem}{k}" for k in range(3)]))


X, Y, P, R = sympy.symbols("x y p r", real=True)
Z, T, Q = names("z"), names("t"), names("q")
POWERS = [exp(z) for z in Z]
TOTAL: Any = sum(POWERS)
SHARES = [power / TOTAL for power in POWERS]
S = 1 / (1 + exp(-X))
MIXTURE = [(t + q) / 2 for t, q in zip(T, Q, strict=True)]
CROSS_ENTROPY = -sum(t * log(s) for t, s in zip(T, SHARES, strict=True))


def relative(p: list[Any], q: list[Any]) -> Any:
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


P_T = S * Y + (1 - S) * (1 - Y)
BINARY = -(Y * log(S) + (1 - Y) * log(1 - S))
Symbolic = tuple[Mapping[str, Any], Any]
SYMBOLIC: Mapping[str, Symbolic] = {
    "sigmoid": ({"x": [X]}, S),
    "log_sigmoid": ({"x": [X]}, log(S)),
    "softplus": ({"x": [X]}, log(1 + exp(X))),
    "tanh": ({"x": [X]}, sympy.tanh(X)),
    "sigmoid_cross_entropy": ({"logits": [X], "labels": [Y]}, BINARY),
    "binary_cross_entropy": (
        {"probabilities": [P], "labels": [Y]},
        -(Y * log(P) + (1 - Y) * log(1 - P)),
    ),
    "logistic_loss_pm1": ({"logits": [X], "labels": [Y]}, log(1 + exp(-Y * X))),
    "squared_loss": ({"predictions": [X], "labels": [Y]}, (X - Y) ** 2),
    "sigmoid_squared_loss": ({"logits": [X], "labels": [Y]}, (S - Y) ** 2 / 2),
    "sigmoid_focal_loss": ({"logits": [X], "labels": [Y]}, (1 - P_T) ** 2 * BINARY),
    "poisson_nll": ({"log_rates": [X], "counts": [Y]}, exp(X) - Y * X),
    "poisson_nll_rate": ({"rates": [R], "counts": [Y]}, R - Y * log(R)),
    "softmax": ({"logits": Z}, SHARES),
    "log_softmax": ({"logits": Z}, [log(s) for s in SHARES]),
    "logsumexp": ({"logits": Z}, log(TOTAL)),
    "z_loss": ({"logits": Z}, log(TOTAL) ** 2),
    "softmax_cross_entropy": ({"logits": Z, "labels": T}, CROSS_ENTROPY),
    "poly1_cross_entropy": (
        {"logits": Z, "labels": T},
        CROSS_ENTROPY + 1 - sum(t * s for t, s in zip(T, SHARES, strict=True)),
    ),
    "cross_entropy": (
        {"labels": T, "probabilities": Q},
        -sum(t * log(q) for t, q in zip(T, Q, strict=True)),
    ),
    "kl_divergence": (
        {"labels": T, "log_probabilities": Z},
        sum(t * (log(t) - z) for t, z in zip(T, Z, strict=True)),
    ),
    "kl_divergence_log_targets": (
        {"log_labels": T, "log_probabilities": Z},
        sum(exp(t) * (t - z) for t, z in zip(T, Z, strict=True)),
    ),
    "jensen_shannon_divergence": (
        {"p": T, "q": Q},
        (relative(T, MIXTURE) + relative(Q, MIXTURE)) / 2,
    ),
}
"""Operator -> the symbols of each input, and its outputs."""


def symbolic(asked: Problem, form: Symbolic) -> dict[str, list[Any]]:
    """Every quantity of one row as expressions; numbers of upstream and tangents are put in."""
    symbols, outputs = form
    outputs = outputs if isinstance(outputs, list) else [outputs]
    upstream = [sympy.Rational(u) for u in asked.upstream[0].reshape(-1).tolist()]
    loss = sum(u * out for u, out in zip(upstream, outputs, strict=True))

    def along(expressions: list[Any], name: str) -> list[Any]:
        steps = [sympy.Rational(t) for t in asked.tangents[name].reshape(-1).tolist()]
        pairs = list(zip(steps, symbols[name], strict=True))
        return [sum(t * sympy.diff(e, x) for t, x in pairs) for e in expressions]

    def slope(name: str) -> list[Any]:
        return [sympy.diff(loss, x) for x in symbols[name]]

    found = {}
    for quantity in asked.quantities or ():
        kind, *by = quantity.split(".")
        match kind:
            case "value":
                found[quantity] = outputs
            case "gradient":
                found[quantity] = slope(by[0])
            case "jvp":
                found[quantity] = along(outputs, by[0])
            case _:
                found[quantity] = along(slope(by[0]), by[-1])
    return found


@pytest.mark.parametrize("name", SYMBOLIC)
def test_every_quantity_is_that_of_symbolic_differentiation(name: str) -> None:
    form = SYMBOLIC[name]
    width = len(next(iter(form[0].values())))
    asked = problem(name, {}, seed=5, layout=Layout(rows=1, classes=width))
    expressions, truths = symbolic(asked, form), evaluate(asked)
    assert tuple(truths) == tuple(expressions)
    symbols = [x for row in form[0].values() for x in row]
    digits = 60
    with mp.workdps(digits):
        numbers = [mpf(x) for k in form[0] for x in asked.inputs[k].reshape(-1).tolist()]
        for quantity, truth in truths.items():
            f = sympy.lambdify(symbols, expressions[quantity], "mpmath")
            error = mpf(10) ** (10 - digits)
            expected = [Difference(mpf(e), error) for e in f(*numbers)]
            assert misses(truth, expected) == [], quantity
