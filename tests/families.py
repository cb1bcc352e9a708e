"""Problems of every operator, in families of inputs that tell good arithmetic from bad."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reference.formats import FORMATS, Floats, Format
from reference.operators import OPERATORS
from reference.problem import Problem

CYCLE = (1.0, -0.5, 2.0, -0.25)
ACTIVATIONS = ("sigmoid", "log_sigmoid", "softplus", "tanh")
BINARY = ("sigmoid_cross_entropy", "sigmoid_squared_loss")
ROWS = ("softmax", "log_softmax", "logsumexp")


def problem(
    operator: str,
    dtype: str,
    inputs: Mapping[str, Any],
    reduction: str = "none",
    upstream: ArrayLike | None = None,
    **parameters: Any,
) -> Problem:
    """A problem at inputs rounded to the dtype; upstream of ones, or a cycle for vectors."""
    target = FORMATS[dtype]
    arrays = {
        name: np.asarray(values)
        if np.asarray(values).dtype == np.int64
        else rounded(target, np.asarray(values, dtype=np.float64))
        for name, values in inputs.items()
    }
    numbers = {
        name: rounded(target, np.asarray(v)) if isinstance(v, list | np.ndarray) else v
        for name, v in parameters.items()
        if name != "mask"
    }
    for name, value in numbers.items():
        if isinstance(value, float):
            numbers[name] = float(rounded(target, np.array(value)))
    if "mask" in parameters:
        numbers["mask"] = np.asarray(parameters["mask"], dtype=bool)
    first = next(iter(arrays.values()))
    kind = OPERATORS[operator].output
    shape = () if reduction != "none" else first.shape[:1] if kind == "scalar" else first.shape
    if upstream is None:
        upstream = np.resize(CYCLE, shape) if kind == "vector" else np.ones(shape)
    return Problem(operator, target, arrays, numbers, reduction, np.array(upstream, dtype=float))


def rounded(target: Format, values: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return target.array(values).astype(np.float64)


def scalars(target: Format, rng: np.random.Generator, count: int) -> Floats:
    """Numbers of every size at which e^-|x| matters, around the places where it saturates."""
    tail = -np.log(target.subnormal)
    size = np.concatenate(
        [
            np.abs(rng.normal(size=count)),
            rng.uniform(0, tail * 1.05, count),
            10 ** rng.uniform(-8, np.log10(tail), count),
            np.repeat([17.5, 37.43, 40.0, -np.log(target.u), -np.log(target.tiny)], 4),
        ]
    )
    return rounded(target, size * rng.choice([-1, 1], size.size))


def rows(target: Format, rng: np.random.Generator, count: int, classes: int) -> Floats:
    """Logits: ordinary, spread, saturated by one class, nearly equal, far from 0."""
    normal = rng.normal(size=(5, count, classes))
    normal[1] *= 10 ** rng.uniform(0, np.log10(-np.log(target.subnormal) / 3), (count, 1))
    margins = rng.uniform(0, -np.log(target.tiny), count)
    normal[2, np.arange(count), rng.integers(0, classes, count)] += margins
    normal[3] = rng.normal(size=(count, 1)) + normal[3] * 2**-6
    normal[4] = np.round(normal[4] * 8) / 8 + 100 * rng.normal(size=(count, 1))
    return rounded(target, normal.reshape(-1, classes))


def probabilities(target: Format, rng: np.random.Generator, count: int) -> Floats:
    small = 10 ** rng.uniform(np.log10(target.tiny) / 2, 0, count)
    p = np.concatenate([rng.uniform(0, 1, count), small, 1 - small**0.25])
    return np.clip(rounded(target, p), target.tiny, 1 - 2 * target.u)


def targets(target: Format, rng: np.random.Generator, logits: Floats) -> Floats:
    """Soft labels, of which one in three is one-hot."""
    count, classes = logits.shape
    soft = rng.dirichlet(np.full(classes, 0.5), count)
    hard = np.eye(classes)[rng.integers(0, classes, count)]
    return rounded(target, np.where(np.arange(count)[:, None] % 3 == 0, hard, soft))


def elementwise(dtype: str, count: int, seed: int) -> Iterator[Problem]:
    """Problems of the elementwise operators, each with about 3 `count` rows."""
    target, rng = FORMATS[dtype], np.random.default_rng(seed)
    for name in ACTIVATIONS:
        yield problem(name, dtype, {"x": scalars(target, rng, count)})
    yield problem("softplus", dtype, {"x": scalars(target, rng, count)}, beta=0.3)
    x = scalars(target, rng, count)
    yield problem("leaky_relu", dtype, {"x": np.where(x == 0, 1, x)}, negative_slope=0.01)
    x = scalars(target, rng, count)
    z = np.where(rng.random(x.size) < 0.5, rng.integers(0, 2, x.size), rng.random(x.size))
    for name in BINARY:
        yield problem(name, dtype, {"logits": x, "labels": z})
    yield problem("sigmoid_cross_entropy", dtype, {"logits": x, "labels": z}, "mean")
    sign = np.where(z > 0.5, 1.0, -1.0)
    yield problem("logistic_loss_pm1", dtype, {"logits": x, "labels": sign})
    yield problem("squared_loss", dtype, {"predictions": x, "labels": z}, scale=0.3)
    p = probabilities(target, rng, count)
    z = np.where(rng.random(p.size) < 0.5, rng.integers(0, 2, p.size), rng.random(p.size))
    yield problem("binary_cross_entropy", dtype, {"probabilities": p, "labels": z})


def rowwise(dtype: str, count: int, classes: int, seed: int) -> Iterator[Problem]:
    """Problems of the operators on rows of classes, each with 5 `count` rows."""
    target, rng = FORMATS[dtype], np.random.default_rng(seed)
    x = rows(target, rng, count, classes)
    index = rng.integers(0, classes, len(x))
    soft = targets(target, rng, x)
    weights = rng.uniform(0.1, 2, classes)
    for name in ROWS:
        yield problem(name, dtype, {"logits": x})
    yield problem("softmax_cross_entropy", dtype, {"logits": x, "labels": soft})
    hard = {"logits": x, "labels": index}
    name = "softmax_cross_entropy_index"
    yield problem(name, dtype, hard)
    yield problem(name, dtype, hard, "sum")
    yield problem(name, dtype, hard, "mean", label_smoothing=0.1)
    yield problem(name, dtype, hard, "weighted_mean", class_weights=weights, ignore_index=0)
    yield problem(name, dtype, hard, class_weights=weights, label_smoothing=0.2)
    q = rounded(target, np.maximum(rng.dirichlet(np.ones(classes), len(x)), 1e-4))
    yield problem("cross_entropy", dtype, {"labels": soft, "probabilities": q})
    positive = np.maximum(soft, 1e-4)
    log_q = {"labels": positive, "log_probabilities": np.log(q)}
    yield problem("kl_divergence", dtype, log_q)
    yield problem(
        "nll", dtype, {"log_probabilities": np.log(q), "labels": index}, class_weights=weights
    )
