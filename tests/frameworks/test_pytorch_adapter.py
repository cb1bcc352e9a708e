"""The adapter's wiring: easy points, exact tensors, typed refusals, programs that run.

Nothing here judges accuracy. A failure means that `adapters/pytorch.py` is broken, for instance by
a changed signature; a wrong number from PyTorch itself fails the conformance tests instead.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from adapters.base import DTYPES, Array, Call, Implementation, Raised, Unsupported

pytest.importorskip("torch")
from adapters.pytorch import ADAPTER

X = np.array([0.7, -1.3, 2.1])
LOGITS = np.array([[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 0.1, 0.3]])
LABELS = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.3, 0.2]])
PROBABILITIES = np.array([[0.3, 0.2, 0.4, 0.1], [0.2, 0.1, 0.3, 0.4], [0.25, 0.35, 0.2, 0.2]])
INDEX = np.array([2, 0, 3])
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0])
ONES = np.ones(4)


def sigmoid(x: Array) -> Any:
    return 1 / (1 + np.exp(-x))


def log_softmax(x: Array) -> Any:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def cross_entropy(
    logits: Array, labels: Array, class_weights: Array = ONES, label_smoothing: float = 0.0
) -> Any:
    targets = (1 - label_smoothing) * labels + label_smoothing / logits.shape[-1]
    return -(class_weights * targets * log_softmax(logits)).sum(-1)


def nll(
    log_probabilities: Array,
    labels: Array,
    class_weights: Array = ONES,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    hard = (class_weights * log_probabilities)[np.arange(len(labels)), labels]
    uniform = (class_weights * log_probabilities).mean(-1)
    losses = (1 - label_smoothing) * hard + label_smoothing * uniform
    return -losses * (labels != ignore_index)


Inputs = Mapping[str, Array]
BINARY: Inputs = {"logits": X, "labels": np.array([0.2, 0.9, 0.5])}
OPTIONS = {"class_weights": WEIGHTS, "ignore_index": 0, "label_smoothing": 0.2}

# operator -> inputs in order, parameters that a case may set, closed form
POINTS: Mapping[str, tuple[Inputs, Mapping[str, Any], Callable[..., Any]]] = {
    "sigmoid": ({"x": X}, {}, sigmoid),
    "log_sigmoid": ({"x": X}, {}, lambda x: np.log(sigmoid(x))),
    "softplus": ({"x": X}, {"beta": 2.5}, lambda x, beta=1.0: np.log1p(np.exp(beta * x)) / beta),
    "tanh": ({"x": X}, {}, np.tanh),
    "relu": ({"x": X}, {}, lambda x: np.maximum(x, 0)),
    "leaky_relu": (
        {"x": X},
        {"negative_slope": 0.3},
        lambda x, negative_slope=0.0: np.where(x > 0, x, negative_slope * x),
    ),
    "binary_cross_entropy": (
        {"probabilities": np.array([0.2, 0.6, 0.9]), "labels": np.array([0.0, 0.75, 1.0])},
        {},
        lambda p, z: -z * np.log(p) - (1 - z) * np.log(1 - p),
    ),
    "sigmoid_cross_entropy": (BINARY, {}, lambda x, z: np.log1p(np.exp(x)) - z * x),
    "logistic_loss_pm1": (
        {"logits": X, "labels": np.array([1.0, 1.0, -1.0])},
        {},
        lambda x, y: np.log1p(np.exp(-y * x)),
    ),
    "squared_loss": (
        {"predictions": X, "labels": np.array([0.2, -0.4, 3.0])},
        {"scale": 0.5},
        lambda y, z, scale=1.0: scale * (y - z) ** 2,
    ),
    "sigmoid_squared_loss": (BINARY, {}, lambda x, y: (sigmoid(x) - y) ** 2 / 2),
    "softmax": ({"logits": LOGITS}, {}, lambda x: np.exp(log_softmax(x))),
    "log_softmax": ({"logits": LOGITS}, {}, log_softmax),
    "logsumexp": ({"logits": LOGITS}, {}, lambda x: np.log(np.exp(x).sum(-1))),
    "cross_entropy": (
        {"labels": LABELS, "probabilities": PROBABILITIES},
        {},
        lambda p, q: -(p * np.log(q)).sum(-1),
    ),
    "kl_divergence": (
        {"labels": LABELS, "log_probabilities": np.log(PROBABILITIES)},
        {},
        lambda p, lq: (p * (np.log(p) - lq)).sum(-1),
    ),
    "softmax_cross_entropy": (
        {"logits": LOGITS, "labels": LABELS},
        {name: OPTIONS[name] for name in ("class_weights", "label_smoothing")},
        cross_entropy,
    ),
    "softmax_cross_entropy_index": (
        {"logits": LOGITS, "labels": INDEX},
        OPTIONS,
        lambda x, labels, **options: nll(log_softmax(x), labels, **options),
    ),
    "nll": (
        {"log_probabilities": np.log(PROBABILITIES), "labels": INDEX},
        {name: OPTIONS[name] for name in ("class_weights", "ignore_index")},
        nll,
    ),
}
REDUCTIONS = ("none", "sum", "mean", "weighted_mean")
MODIFIED = 1e-7  # compositions that add 1e-8 or clamp at 1e-7 move numbers of order one by less


def at(operator: str, reduction: str = "none", dtype: str = "float64", *parameters: str) -> Call:
    """The easy point of an operator, with the named parameters set."""
    inputs, options, closed = POINTS[operator]
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    chosen = {name: options[name] for name in parameters}
    shape = closed(*inputs.values()).shape if reduction == "none" else ()
    return Call(
        operator,
        dtype,
        {n: v if v.dtype == np.int64 else v.astype(kind) for n, v in inputs.items()},
        {n: v.astype(kind) if n == "class_weights" else v for n, v in chosen.items()},
        reduction,
        np.resize([1.0, -0.5, 2.0, -0.25], shape).astype(kind),
        tuple(name for name, values in inputs.items() if values.dtype != np.int64),
    )


def truth(call: Call, inputs: Inputs) -> Any:
    """The closed form under the call's reduction."""
    losses = POINTS[call.operator][2](*inputs.values(), **call.parameters)
    if call.reduction == "weighted_mean" and call.weighted:
        labels, weights = inputs["labels"], call.parameters.get("class_weights", ONES)
        return losses.sum() / weights[labels][labels != call.parameters.get("ignore_index")].sum()
    mean = losses.mean()
    return {"none": losses, "sum": losses.sum(), "mean": mean, "weighted_mean": mean}[
        call.reduction
    ]


def derivative(call: Call, name: str) -> Array:
    """Central differences of the closed form along each element of one input."""
    step, found = 1e-5, np.zeros_like(call.inputs[name])
    for place in np.ndindex(found.shape):
        change = np.zeros_like(found)
        change[place] = step
        above, below = ({**call.inputs, name: call.inputs[name] + c} for c in (change, -change))
        found[place] = (call.upstream * (truth(call, above) - truth(call, below))).sum() / 2 / step
    return found


def agree(implementation: Implementation, call: Call, mode: str) -> None:
    """The outcome is the closed form and its central differences, roughly."""
    outcome = ADAPTER.run(implementation, call, mode)
    assert set(outcome) == set(call.quantities)
    for quantity, answer in outcome.items():
        name = quantity.removeprefix("gradient.")
        if name in implementation.fixed:
            assert isinstance(answer, Unsupported)
            continue
        expected = truth(call, call.inputs) if quantity == "value" else derivative(call, name)
        assert isinstance(answer, np.ndarray), (quantity, answer)
        assert answer.shape == np.shape(expected)
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=MODIFIED)


def printed(implementation: Implementation, call: Call, mode: str) -> dict[str, Any]:
    """What the snippet prints, by quantity."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(ADAPTER.snippet(implementation, call, mode), {})  # noqa: S102 - our own program
    lines = (line.split(" ", 1) for line in out.getvalue().splitlines())
    return {name: eval(text, {"inf": np.inf, "nan": np.nan}) for name, text in lines}


def same(implementation: Implementation, call: Call, mode: str) -> None:
    """The snippet prints what the run answers, to the last bit."""
    outcome = ADAPTER.run(implementation, call, mode)
    arrays = {name: answer for name, answer in outcome.items() if isinstance(answer, np.ndarray)}
    found = printed(implementation, call, mode)
    assert "value" in arrays
    assert set(found) == set(arrays)
    for quantity, array in arrays.items():
        assert array.dtype.name == call.dtype
        exactly = array.astype(np.float64)
        np.testing.assert_array_equal(np.reshape(found[quantity], array.shape), exactly)


def taken(implementation: Implementation, call: Call) -> bool:
    return not ADAPTER.unsupported(implementation, call, "eager")


def named(name: str) -> Implementation:
    return next(row for row in ADAPTER.implementations if row.name == name)


everywhere = pytest.mark.parametrize(
    "implementation", ADAPTER.implementations, ids=lambda row: f"{row.operator}-{row.name}"
)


@everywhere
def test_an_easy_point_agrees_with_the_closed_form(implementation: Implementation) -> None:
    if implementation.dtypes is not None and "float64" not in implementation.dtypes:
        pytest.skip("not run in float64")
    names = tuple(POINTS[implementation.operator][1])
    for parameters in {(), names, *((name,) for name in names)}:
        for reduction in REDUCTIONS:
            call = at(implementation.operator, reduction, "float64", *parameters)
            if taken(implementation, call):
                agree(implementation, call, "eager")


@everywhere
def test_every_dtype_runs_and_its_snippet_prints_the_same(implementation: Implementation) -> None:
    names = tuple(POINTS[implementation.operator][1])
    for dtype in implementation.dtypes or DTYPES:
        every = [at(implementation.operator, r, dtype, *p) for p in (names, ()) for r in REDUCTIONS]
        same(implementation, next(c for c in every if taken(implementation, c)), "eager")


@pytest.mark.parametrize("name", ["torch.sigmoid"])
def test_compiled_agrees_and_its_snippet_prints_the_same(name: str) -> None:
    call = at(named(name).operator)
    agree(named(name), call, "compiled")
    same(named(name), call, "compiled")


def test_names_are_unique_and_free_of_wildcards() -> None:
    names = [row.name for row in ADAPTER.implementations]
    assert len(names) == len(set(names))
    assert not [name for name in names if set(name) & set("*?[]")]
    assert {row.operator for row in ADAPTER.implementations} == set(POINTS)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_keep_every_bit(dtype: str) -> None:
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    bits = np.dtype(f"u{kind.itemsize}")
    if bits.itemsize == 2:
        patterns = np.arange(2**16, dtype=bits)
    else:
        random = np.random.default_rng(0).integers(0, 2 ** (8 * bits.itemsize), 1000, bits.type)
        limits = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype).view(bits)
        patterns = np.concatenate([random, limits, np.arange(9, dtype=bits)])  # and subnormals
    values = patterns.view(kind)
    for array in (
        values,
        values[::-2],
        values[1:2].reshape(()),
        values[:0],
        values[:6].reshape(2, 3).T,
    ):
        back = ADAPTER.array(ADAPTER.tensor(array))
        assert back.dtype == kind
        assert back.shape == array.shape
        np.testing.assert_array_equal(back.view(bits), array.copy().view(bits))


def test_an_error_is_raised_for_each_quantity() -> None:
    easy = at("softmax_cross_entropy_index")
    call = replace(easy, inputs={**easy.inputs, "labels": np.array([2, 0, 9])})
    outcome = ADAPTER.run(named("F.cross_entropy (index)"), call, "eager")
    error = Raised("IndexError", "Target 9 is out of bounds.")
    assert outcome == {"value": error, "gradient.logits": error}


def test_what_an_implementation_cannot_take_is_unsupported() -> None:
    row, operator = named("logsumexp(x) - x at y"), "softmax_cross_entropy_index"
    weighted = ADAPTER.run(row, at(operator, "none", "float64", "class_weights"), "eager")
    assert weighted["value"] == Unsupported("no argument for class_weights")
    compiled = ADAPTER.run(row, at(operator), "compiled")
    assert compiled["value"] == Unsupported("not run in mode compiled")
    soft = ADAPTER.run(named("F.soft_margin_loss"), at("logistic_loss_pm1"), "eager")
    assert isinstance(soft["gradient.labels"], Unsupported)
    assert isinstance(soft["gradient.logits"], np.ndarray)


@pytest.mark.parametrize(
    "logits",
    [np.zeros((0, 3)), np.array([[np.inf, 1.0], [-np.inf, np.nan], [5e-324, -0.0]])],
    ids=["empty", "special"],
)
def test_empty_and_special_inputs_survive_the_snippet(logits: Array) -> None:
    easy = at("log_softmax")
    call = replace(easy, inputs={"logits": logits}, upstream=np.ones_like(logits))
    same(named("F.log_softmax"), call, "eager")
