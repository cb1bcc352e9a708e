"""Easy points for the adapters' smoke tests: textbook formulas in NumPy's float64.

Nothing here judges accuracy. A disagreement at an easy point means that an adapter is broken, for
instance by a changed signature; what a framework computes badly fails the conformance tests.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from adapters import running
from adapters.base import Adapter, Array, Call, Implementation, Raised, Unsupported

Inputs = Mapping[str, Array]
TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}

X = np.array([0.7, -1.3, 2.1])
LOGITS = np.array([[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 0.1, 0.3]])
LABELS = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.3, 0.2]])
PROBABILITIES = np.array([[0.3, 0.2, 0.4, 0.1], [0.2, 0.1, 0.3, 0.4], [0.25, 0.35, 0.2, 0.2]])
INDEX = np.array([2, 0, 3])
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0])
MASK = np.array([[True, True, False, True], [False, True, True, False], [True, True, True, True]])


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _log_softmax(x: Array) -> Array:
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)))


def _dense(
    logits: Array, labels: Array, class_weights: Any = 1.0, label_smoothing: float = 0.0
) -> Array:
    targets = (1 - label_smoothing) * labels + label_smoothing / logits.shape[-1]
    return np.asarray(-(class_weights * targets * _log_softmax(logits)).sum(-1))


def _nll(
    log_probabilities: Array,
    labels: Array,
    class_weights: Any = 1.0,
    ignore_index: int | None = None,
) -> Array:
    one_hot = np.equal.outer(labels, np.arange(log_probabilities.shape[-1]))
    losses = (class_weights * one_hot * -log_probabilities).sum(-1)
    return np.asarray(losses * (labels != ignore_index))


def _index(
    logits: Array,
    labels: Array,
    class_weights: Any = 1.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    sample_weights: Any = 1.0,
    axis: int = 1,
) -> Array:
    assert axis == 1  # of (N, C), the last
    one_hot = np.equal.outer(labels, np.arange(logits.shape[-1]))
    losses = _dense(logits, one_hot, class_weights, label_smoothing)
    return np.asarray(sample_weights * losses * (labels != ignore_index))


def _binary(
    logits: Array, labels: Array, label_smoothing: float = 0.0, pos_weight: Any = 1.0
) -> Array:
    targets = (1 - label_smoothing) * labels + label_smoothing / 2
    right, wrong = np.log1p(np.exp(-logits)), np.log1p(np.exp(logits))
    return np.asarray(pos_weight * targets * right + (1 - targets) * wrong)


def _clipped(probabilities: Array, labels: Array, clip_epsilon: float = 0.0) -> Array:
    p = np.clip(probabilities, clip_epsilon, 1 - clip_epsilon)
    return np.asarray(-labels * np.log(p) - (1 - labels) * np.log(1 - p))


def _shares(
    probabilities: Array, labels: Array, normalise: str = "no", clip_epsilon: float = 0.0
) -> Array:
    p = probabilities / (probabilities.sum(-1, keepdims=True) if normalise == "before_clip" else 1)
    return np.asarray(-(labels * np.log(np.clip(p, clip_epsilon, 1 - clip_epsilon))).sum(-1))


def _focal(logits: Array, labels: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    missing = _sigmoid(logits) * (1 - labels) + _sigmoid(-logits) * labels
    balance = 1 if alpha is None else alpha * labels + (1 - alpha) * (1 - labels)
    return np.asarray(balance * missing**gamma * _binary(logits, labels))


def _masked(logits: Array, mask: Any = True) -> Array:
    return np.asarray(np.where(mask, logits, -np.inf))


BINARY: Inputs = {"logits": X, "labels": np.array([0.2, 0.9, 0.5])}
# Operator -> inputs, parameters that a case may set, textbook formula.
POINTS: Mapping[str, tuple[Inputs, Mapping[str, Any], Callable[..., Array]]] = {
    "sigmoid": ({"x": X}, {}, _sigmoid),
    "log_sigmoid": ({"x": X}, {}, lambda x: np.log(_sigmoid(x))),
    "softplus": ({"x": X}, {"beta": 2.5}, lambda x, beta=1.0: np.log1p(np.exp(beta * x)) / beta),
    "tanh": ({"x": X}, {}, np.tanh),
    "relu": ({"x": X}, {}, lambda x: np.maximum(x, 0)),
    "leaky_relu": (
        {"x": X},
        {"negative_slope": 0.3},
        lambda x, negative_slope=0.0: np.where(x > 0, x, negative_slope * x),
    ),
    "binary_cross_entropy": (
        {"probabilities": np.array([0.2, 0.6, 0.9]), "labels": np.array([0.1, 0.75, 0.8])},
        {"clip_epsilon": 1e-7},
        _clipped,
    ),
    "categorical_cross_entropy": (
        {"probabilities": 0.9 * PROBABILITIES, "labels": LABELS},
        {"normalise": "before_clip", "clip_epsilon": 1e-7},
        _shares,
    ),
    "sigmoid_focal_loss": (BINARY, {"gamma": 3.0, "alpha": 0.25}, _focal),
    "sigmoid_cross_entropy": (
        BINARY,
        {"label_smoothing": 0.25, "pos_weight": np.array([2.0, 0.5, 3.0])},
        _binary,
    ),
    "logistic_loss_pm1": (
        {"logits": X, "labels": np.array([1.0, 1.0, -1.0])},
        {},
        lambda logits, labels: np.log1p(np.exp(-labels * logits)),
    ),
    "squared_loss": (
        {"predictions": X, "labels": np.array([0.2, -0.4, 3.0])},
        {"scale": 0.5},
        lambda predictions, labels, scale=1.0: scale * (predictions - labels) ** 2,
    ),
    "sigmoid_squared_loss": (
        BINARY,
        {},
        lambda logits, labels: (_sigmoid(logits) - labels) ** 2 / 2,
    ),
    "softmax": (
        {"logits": LOGITS},
        {"mask": MASK},
        lambda logits, mask=True: np.exp(_log_softmax(_masked(logits, mask))),
    ),
    "log_softmax": ({"logits": LOGITS}, {}, _log_softmax),
    "logsumexp": (
        {"logits": LOGITS},
        {"mask": MASK},
        lambda logits, mask=True: np.log(np.exp(_masked(logits, mask)).sum(-1)),
    ),
    "cross_entropy": (
        {"labels": LABELS, "probabilities": PROBABILITIES},
        {},
        lambda labels, probabilities: -(labels * np.log(probabilities)).sum(-1),
    ),
    "kl_divergence": (
        {"labels": LABELS, "log_probabilities": np.log(PROBABILITIES)},
        {},
        lambda labels, log_probabilities: (labels * (np.log(labels) - log_probabilities)).sum(-1),
    ),
    "softmax_cross_entropy": (
        {"logits": LOGITS, "labels": LABELS},
        {"class_weights": WEIGHTS, "label_smoothing": 0.25},
        _dense,
    ),
    "softmax_cross_entropy_index": (
        {"logits": LOGITS, "labels": INDEX},
        {
            "class_weights": WEIGHTS,
            "ignore_index": 0,
            "label_smoothing": 0.25,
            "sample_weights": np.array([2.0, 0.5, 1.5]),
            "axis": 1,
        },
        _index,
    ),
    "nll": (
        {"log_probabilities": np.log(PROBABILITIES), "labels": INDEX},
        {"class_weights": WEIGHTS, "ignore_index": 0},
        _nll,
    ),
}


def point(operator: str, *parameters: str, reduction: str = "none", dtype: str = "float64") -> Call:
    """The easy point of an operator, with the named parameters set."""
    inputs, settings, formula = POINTS[operator]
    number = TYPES.get(dtype) or np.dtype(dtype)
    shape = formula(*inputs.values()).shape if reduction == "none" else ()

    def cast(value: Any) -> Any:
        floats = isinstance(value, np.ndarray) and value.dtype == np.float64
        return value.astype(number) if floats else value

    return Call(
        operator,
        dtype,
        {name: cast(values) for name, values in inputs.items()},
        {name: cast(settings[name]) for name in parameters},
        reduction,
        cast(np.resize([1.0, -0.5, 2.0, -0.25], shape)),
        (
            "value",
            *(f"gradient.{name}" for name, v in inputs.items() if v.dtype == np.float64),
        ),
    )


def widest(adapter: Adapter, implementation: Implementation, mode: str) -> list[Call]:
    """The points an implementation supports in a mode, at the widest dtype that it runs there."""
    for dtype in ("float64", "float32"):
        if calls := list(points(adapter, implementation, dtype, mode)):
            return calls
    raise AssertionError(f"{implementation.name} supports no point in mode {mode}")


def points(
    adapter: Adapter, implementation: Implementation, dtype: str, mode: str | None = None
) -> Iterator[Call]:
    """The points an implementation supports: each reduction, no, each and every parameter."""
    names = tuple(POINTS[implementation.operator][1])
    choices = [(), *((name,) for name in names), names[:2], names[:3], names]
    for parameters in dict.fromkeys(choices):
        for reduction in ("none", "sum", "mean", "weighted_mean"):
            call = point(implementation.operator, *parameters, reduction=reduction, dtype=dtype)
            if not adapter.unsupported(implementation, call, mode or adapter.modes[0]):
                yield call


def value(call: Call, inputs: Inputs) -> Array:
    """The textbook value of a call at other inputs."""
    losses = POINTS[call.operator][2](*inputs.values(), **call.parameters)
    count: Any = losses.size
    if call.reduction == "weighted_mean" and call.weighted:
        labels = inputs["labels"]
        weights = call.parameters.get("class_weights", np.ones(4))[labels]
        count = (weights * (labels != call.parameters.get("ignore_index"))).sum()
    divisor = {"none": 1, "sum": 1, "mean": losses.size, "weighted_mean": count}[call.reduction]
    return np.asarray((losses if call.reduction == "none" else losses.sum()) / divisor)


def expected(call: Call) -> dict[str, Array]:
    """The value and, by central differences, the gradients of a float64 call."""
    found = {"value": value(call, call.inputs)}
    step = 1e-5
    for name in call.wrt:
        slope = np.zeros_like(call.inputs[name])
        for place in np.ndindex(slope.shape):
            move = np.zeros_like(slope)
            move[place] = step
            above, below = (
                (call.upstream * value(call, {**call.inputs, name: call.inputs[name] + m})).sum()
                for m in (move, -move)
            )
            slope[place] = (above - below) / (2 * step)
        found[f"gradient.{name}"] = slope
    return found


def wide(call: Call) -> Call:
    """The call at float64."""

    def widened(value: Any) -> Any:
        return (
            np.float64(value)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
        )

    return replace(
        call,
        inputs={name: widened(array) for name, array in call.inputs.items()},
        parameters={name: widened(value) for name, value in call.parameters.items()},
        upstream=widened(call.upstream),
    )


def agree(adapter: Adapter, implementation: Implementation, call: Call, mode: str) -> None:
    """Asserts that an outcome is the textbook's. Some compositions add 1e-7: hence 1e-5."""
    outcome = adapter.run(implementation, call, mode)
    truth = expected(wide(call))
    assert set(outcome) == set(call.quantities)
    for quantity, answer in outcome.items():
        if adapter.declined(implementation, mode, quantity):
            assert isinstance(answer, Unsupported)
            continue
        assert isinstance(answer, np.ndarray), (call, quantity, answer)
        assert answer.shape == truth[quantity].shape
        np.testing.assert_allclose(
            answer, truth[quantity], rtol=1e-5, atol=2e-6, err_msg=f"{quantity} of {call}"
        )


def same(adapter: Adapter, implementation: Implementation, call: Call, mode: str) -> None:
    """Asserts that the snippet prints, to the last bit, what the run gave."""
    outcome = adapter.run(implementation, call, mode)
    arrays = {quantity: a for quantity, a in outcome.items() if isinstance(a, np.ndarray)}
    assert not [answer for answer in outcome.values() if isinstance(answer, Raised)]
    out = io.StringIO()
    program = adapter.snippet(implementation, call, mode)
    with contextlib.redirect_stdout(out):
        exec(compile(program, "snippet", "exec"), {"__name__": "__main__"})
    printed = dict(line.split(" ", 1) for line in out.getvalue().splitlines())
    assert list(printed) == [quantity for quantity in call.quantities if quantity in arrays]
    for quantity, array in arrays.items():
        found = np.array(eval(printed[quantity], {"inf": np.inf, "nan": np.nan}))  # noqa: S307
        np.testing.assert_array_equal(found.reshape(array.shape), array.astype(np.float64))


def specials(dtype: str) -> Array:
    """Every 16-bit number, or the special values of a wider type."""
    number = TYPES.get(dtype) or np.dtype(dtype)
    if number.itemsize == 2:
        return np.arange(2**16, dtype=np.uint16).view(number)
    limits = np.finfo(number)
    tiny = limits.smallest_subnormal * np.array([1, -1, 3], number)
    values = [0.0, -0.0, np.inf, -np.inf, np.nan, 1 / 3, limits.max, limits.tiny, limits.eps]
    return np.concatenate([np.array(values, number), tiny])


def round_trip(adapter: Adapter, values: Array) -> None:
    """Asserts that an array comes back from the framework bit for bit."""
    back = adapter.array(adapter.tensor(values))
    assert (back.dtype, back.shape) == (values.dtype, values.shape)
    assert back.tobytes() == values.tobytes()


def joins(adapter: Adapter, rows: Sequence[Implementation], mode: str) -> None:
    """Compiled together and in turns, functions answer to the bit what each answers alone."""
    calls = [(row, call) for row in rows for call in points(adapter, row, "float32")]
    calls = [task for task in calls if not adapter.unsupported(*task, mode)]
    tasks = [task for row, call in calls for task in ((row, call), (row, _turned(call)))]
    asked = [running._asked(adapter, task, mode) for task in calls]
    assert not isinstance(running._attempt(adapter, calls, asked, mode), Raised)
    outcomes = dict(adapter.run_all(tasks, mode))
    assert sorted(outcomes) == list(range(len(tasks)))
    for n, (row, call) in enumerate(tasks):
        for quantity, answer in adapter.run(row, call, mode).items():
            assert isinstance(answer, np.ndarray)
            np.testing.assert_array_equal(np.asarray(outcomes[n][quantity]), answer, strict=True)


def _turned(call: Call) -> Call:
    return replace(call, inputs={name: array[::-1] for name, array in call.inputs.items()})
