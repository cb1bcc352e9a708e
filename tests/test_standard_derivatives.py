"""The derivatives that frameworks make of rounded results are within the baseline bounds.

Each formula is written out in NumPy as the frameworks register it, and runs in the dtype itself on
random and on saturated inputs, where its 1 - s or t - sum s t cancels. Faults of such derivatives
stay failures.
"""

# ruff: noqa: ARG005 - the formulas of one table have the same arguments
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from families import problem

from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.operators import OPERATORS
from reference.problem import Problem
from tests.implementations import over_bound
from tests.points import nearest

ROWS = 40
SATURATED = (0.0, 0.5, 17.5, 20.0, 37.43, 60.0, 88.0, 104.0, 400.0, 740.0)
"""Margins at which 1 - s loses its digits, and s underflows."""


def sum_(x: Any) -> Any:
    return x.sum(axis=-1, keepdims=True)


def by_powers(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e / (1 + e), 1 / (1 + e))


def by_tanh(x: Any) -> Any:
    return (1 + np.tanh(x / 2)) / 2


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / sum_(e)


def by_logs(x: Any) -> Any:
    away = x - x.max(axis=-1, keepdims=True)
    return np.exp(away - np.log(sum_(np.exp(away))))


def pulled(s: Any, v: Any) -> Any:
    return s * (v - sum_(s * v))


def spread(s: Any, v: Any) -> Any:
    return s * v - s * sum_(s * v)


def softmax_twice(s: Any, v: Any, t: Any) -> Any:
    """PyTorch's `softmax_double_backward`, and softmax's own derivative."""
    return pulled(s, t * (v - sum_(s * v)) - v * sum_(s * t))


def tanh_twice(x: Any, v: Any, t: Any) -> Any:
    y = np.tanh(x)
    return v * (-2 * y * t) * (1 - y * y)


Formula = Callable[..., Any]
ELEMENTWISE: Mapping[str, tuple[str, str, Formula]] = {
    "s (1 - s)": ("sigmoid", "jvp.x", lambda s, x, v, t: t * (s(x) * (1 - s(x)))),
    "s (1 - s) (1 - 2 s)": (
        "sigmoid", "hvp.x", lambda s, x, v, t: v * t * (1 - 2 * s(x)) * (s(x) * (1 - s(x)))
    ),
    "1 - y^2": ("tanh", "jvp.x", lambda s, x, v, t: t * (1 - np.tanh(x) ** 2)),
    "-2 y (1 - y^2)": ("tanh", "hvp.x", lambda s, x, v, t: tanh_twice(x, v, t)),
    "softplus_double_backward": (
        "softplus", "hvp.x", lambda s, x, v, t: v * t * (s(x) * (1 - s(x)))
    ),
    "log_sigmoid_double_backward": (
        "log_sigmoid", "hvp.x", lambda s, x, v, t: v * t * (s(x) - 1) * s(x)
    ),
    "sigmoid cross entropy": (
        "sigmoid_cross_entropy", "hvp.logits", lambda s, x, z, v, t: v * t * (s(x) * (1 - s(x)))
    ),
    "(s - z) t": ("sigmoid_cross_entropy", "jvp.logits", lambda s, x, z, v, t: t * (s(x) - z)),
    "squares of s": (
        "sigmoid_squared_loss", "mixed.labels.logits",
        lambda s, x, z, v, t: -v * t * (s(x) * (1 - s(x))),
    ),
}  # fmt: skip
"""What it is: operator, quantity, and a formula of a sigmoid, inputs, upstream and tangent."""
ROWWISE: Mapping[str, tuple[str, str, Formula]] = {
    "t - sum s t": ("log_softmax", "jvp.logits", lambda s, x, v, t: t - sum_(s(x) * t)),
    "-s (t - sum s t) sum v": (
        "log_softmax", "hvp.logits", lambda s, x, v, t: -sum_(v) * pulled(s(x), t)
    ),
    "log_softmax step by step": (
        "log_softmax", "hvp.logits", lambda s, x, v, t: spread(s(x), -sum_(v) * t)
    ),
    "s (t - sum s t)": ("softmax", "jvp.logits", lambda s, x, v, t: pulled(s(x), t)),
    "s t - s sum s t": ("softmax", "jvp.logits", lambda s, x, v, t: spread(s(x), t)),
    "softmax_double_backward": (
        "softmax", "hvp.logits", lambda s, x, v, t: softmax_twice(s(x), v, t)
    ),
    "sum s t": ("logsumexp", "jvp.logits", lambda s, x, v, t: sum_(s(x) * t)[:, 0]),
    "logsumexp": ("logsumexp", "hvp.logits", lambda s, x, v, t: v[:, None] * pulled(s(x), t)),
    "sum s t - t_k": (
        "softmax_cross_entropy_index", "jvp.logits",
        lambda s, x, y, v, t: -(t - sum_(s(x) * t))[np.arange(len(y)), y],
    ),
    "cross entropy": (
        "softmax_cross_entropy_index", "hvp.logits",
        lambda s, x, y, v, t: v[:, None] * pulled(s(x), t),
    ),
    "cross entropy step by step": (
        "softmax_cross_entropy_index", "hvp.logits",
        lambda s, x, y, v, t: v[:, None] * spread(s(x), t),
    ),
    "cross entropy of soft labels": (
        "softmax_cross_entropy", "hvp.logits",
        lambda s, x, y, v, t: v[:, None] * sum_(y) * pulled(s(x), t),
    ),
    "-(t - sum s t)": (
        "softmax_cross_entropy", "mixed.labels.logits",
        lambda s, x, y, v, t: -v[:, None] * (t - sum_(s(x) * t)),
    ),
}  # fmt: skip
"""The same of a softmax."""
STANDARD = {**ELEMENTWISE, **ROWWISE}


def drawn(name: str, quantity: str, dtype: str, seed: int) -> Problem:
    """Random logits of several sizes, and saturated ones of both signs."""
    rng, operator = np.random.default_rng(seed), OPERATORS[name]
    scales = rng.choice([1.0, 10.0, 40.0], (ROWS, 1))
    x = scales * rng.normal(size=(ROWS, 1 if operator.output == "elementwise" else 4))
    ends = np.array([*SATURATED, *(-m for m in SATURATED)])
    margins = np.zeros((len(ends), x.shape[1]))
    margins[:, 0] = ends
    x = np.concatenate([x, margins])
    inputs: dict[str, Any] = {operator.inputs[0].name: x}
    for other in operator.inputs[1:]:
        labels = rng.choice([0.0, 1.0, 0.3], x.shape)
        inputs[other.name] = rng.integers(0, 4, len(x)) if other.kind == "index" else labels
    asked = problem(name, dtype, inputs)
    by = quantity.split(".")[-1]
    shape = x.shape if operator.output != "scalar" else x.shape[:1]
    upstream = nearest(asked.format, rng.normal(size=shape))
    tangents = {by: nearest(asked.format, rng.normal(size=x.shape))}
    return replace(asked, upstream=upstream, tangents=tangents, quantities=(quantity,))


def computed(asked: Problem, formula: Formula) -> Floats:
    """The formula in the dtype itself."""
    working = asked.format.numpy
    floats = (*asked.inputs.values(), asked.upstream, *asked.tangents.values())
    arrays = [a if a.dtype == np.int64 else a.astype(working) for a in floats]
    with np.errstate(all="ignore"):
        got = formula(*arrays)
    assert got.dtype == working
    return np.asarray(got, dtype=np.float64)


def worst(asked: Problem, formula: Formula) -> float:
    (quantity,) = asked.quantities or ()
    bound = bounds(asked)[quantity].baseline
    truth = evaluate(asked)[quantity]
    return float(over_bound(computed(asked, formula), truth, bound, asked.format).max())


def ways(what: str) -> Iterator[Formula]:
    """The formula with each way to compute the sigmoid, or the softmax in another function."""
    name, _, formula = STANDARD[what]
    of_rows = (softmax,) if name == "softmax" else (softmax, by_logs)
    for way in (by_powers, by_tanh) if what in ELEMENTWISE else of_rows:
        yield lambda *arrays, way=way: formula(way, *arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("what", STANDARD)
def test_derivatives_of_rounded_results_are_within_the_baseline(what: str, dtype: str) -> None:
    name, quantity, _ = STANDARD[what]
    for seed in range(3):
        asked = drawn(name, quantity, dtype, seed)
        for formula in ways(what):
            assert worst(asked, formula) <= 1


WRONG: Mapping[str, tuple[str, str, Formula]] = {
    "a sign": (
        "sigmoid", "hvp.x",
        lambda x, v, t: v * t * (2 * by_powers(x) - 1) * by_powers(x) * (1 - by_powers(x)),
    ),
    "no second factor": (
        "sigmoid", "hvp.x", lambda x, v, t: v * t * by_powers(x) * (1 - by_powers(x))
    ),
    "half of tanh": ("tanh", "hvp.x", lambda x, v, t: tanh_twice(x, v, t) / 2),
    "a threshold of 5": (
        "softplus", "jvp.x", lambda x, v, t: t * np.where(x > 5, 1, by_powers(x)).astype(x.dtype)
    ),
    "a slope that overflows": ("softplus", "jvp.x", lambda x, v, t: t / (1 + np.exp(-x)) * 1.001),
    "no mean": ("log_softmax", "jvp.logits", lambda x, v, t: t),
    "no shift": (
        "log_softmax", "jvp.logits",
        lambda x, v, t: t - sum_(np.exp(x) / sum_(np.exp(x)) * t),
    ),
    "the diagonal alone": (
        "softmax", "jvp.logits", lambda x, v, t: softmax(x) * (1 - softmax(x)) * t
    ),
    "one term of the second derivative": (
        "softmax", "hvp.logits", lambda x, v, t: pulled(softmax(x), t * v)
    ),
    "the mean of the tangent": (
        "softmax_cross_entropy_index", "hvp.logits",
        lambda x, y, v, t: v[:, None] * softmax(x) * (t - t.mean(axis=-1, keepdims=True)),
    ),
    "a result of 0": (
        "softmax_cross_entropy_index", "hvp.logits", lambda x, y, v, t: 0 * t
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("what", WRONG)
def test_wrong_derivatives_are_not(what: str, dtype: str) -> None:
    name, quantity, formula = WRONG[what]
    assert worst(drawn(name, quantity, dtype, seed=1), formula) > 1


@pytest.mark.parametrize("quantity", ["jvp.logits", "hvp.logits"])
def test_softmax_of_a_rounded_logsumexp_is_not_standard(quantity: str) -> None:
    """e^(x - result) has the error of a result of 1e4 as its relative one."""
    x = np.array([[1e4, 1e4], [1e4, 9999.0]], dtype=np.float32)

    def formula(x: Any, v: Any, t: Any) -> Any:
        top = x.max(axis=-1, keepdims=True)
        s = np.exp(x - (top + np.log(sum_(np.exp(x - top)))))
        return sum_(s * t)[:, 0] if quantity == "jvp.logits" else v[:, None] * pulled(s, t)

    tangents = {"logits": np.array([[1.0, 0.5], [-0.25, 2.0]])}
    asked = problem("logsumexp", "float32", {"logits": x})
    asked = replace(asked, tangents=tangents, quantities=(quantity,))
    assert worst(asked, formula) > 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("what", STANDARD)
def test_the_strict_bounds_ask_for_more(what: str, dtype: str) -> None:
    """Where it saturates, the standard derivative is no cancellation-free one."""
    name, quantity, _ = STANDARD[what]
    asked = drawn(name, quantity, dtype, seed=1)
    found = bounds(asked)[quantity]
    assert (found.baseline >= found.strict).all()
    lost = {"log_softmax.jvp.logits", "sigmoid.hvp.x", "tanh.hvp.x", "softplus.hvp.x"}
    if f"{name}.{quantity}" in lost:
        assert (found.baseline > 1e3 * found.strict).any()


def test_the_bounds_are_in_units_of_the_format() -> None:
    """1 - s at s = 1 errs by some u, which is all of the second derivative there."""
    asked = problem("sigmoid", "float64", {"x": [40.0]})
    asked = replace(asked, tangents={"x": np.ones(1)}, quantities=("hvp.x",))
    (error,) = bounds(asked)["hvp.x"].baseline
    assert 1 <= error / FORMATS["float64"].u <= 16
