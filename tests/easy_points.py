"""An easy point of every operator: ordinary numbers, and a value of each of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from adapters.base import ROWWISE, Array, Call
from reference.operators import OPERATORS
from reference.reduction import SAMPLE_WEIGHTS

Inputs = Mapping[str, Array]
TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}

X = np.array([0.7, -1.3, 2.1])
SHARES = np.array([0.2, 0.9, 0.5])
LOGITS = np.array([[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 0.1, 0.3]])
OTHERS = np.array([[1.0, 0.5, -1.0, 0.0], [0.25, 2.0, 1.0, -0.5], [0.5, 0.0, -0.25, 1.5]])
LABELS = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.3, 0.2]])
PROBABILITIES = np.array([[0.3, 0.2, 0.4, 0.1], [0.2, 0.1, 0.3, 0.4], [0.25, 0.35, 0.2, 0.2]])
INDEX = np.array([2, 0, 3])
MASK = np.array([[True, False, True, True], [True, True, True, False], [False, True, True, True]])

BINARY: Inputs = {"logits": X, "labels": SHARES}
SIGNED: Inputs = {"logits": X, "labels": np.array([1.0, 1.0, -1.0])}
DENSE: Inputs = {"logits": LOGITS, "labels": LABELS}
INDEXED: Inputs = {"logits": LOGITS, "labels": INDEX}
LOGARITHMS = np.log(PROBABILITIES)

CLASS_WEIGHTS = {"class_weights": np.array([1.0, 2.0, 0.5, 3.0])}
SMOOTHING = {"label_smoothing": 0.25}
SOFTMAX = {"mask": MASK}
OPTIONS = {**CLASS_WEIGHTS, **SMOOTHING, "temperature": 2.0, **SOFTMAX}
KEPT = {**CLASS_WEIGHTS, "ignore_index": 0}
CLIPPED = {"normalise": "before_clip", "clip_epsilon": 0.125}
# Operator -> its inputs, and a value of each parameter that a case may set.
POINTS: Mapping[str, tuple[Inputs, Mapping[str, Any]]] = {
    "sigmoid": ({"x": X}, {}),
    "log_sigmoid": ({"x": X}, {}),
    "softplus": ({"x": X}, {"beta": 2.5}),
    "tanh": ({"x": X}, {}),
    "relu": ({"x": X}, {}),
    "leaky_relu": ({"x": X}, {"negative_slope": 0.3}),
    "binary_cross_entropy": (
        {"probabilities": np.array([0.2, 0.6, 0.9]), "labels": np.array([0.1, 0.75, 0.8])},
        {"clip_epsilon": 0.125, "add_epsilon": 0.125, "log_floor": -2.0, **SMOOTHING},
    ),
    "softened_cross_entropy": ({"probabilities": SHARES, "labels": SHARES[::-1]}, {"epsilon": 0.1}),
    "reconstruction_cross_entropy": ({"reconstructions": PROBABILITIES, "inputs": LABELS}, {}),
    "sparsity_penalty": ({"activations": SHARES}, {"target": 0.125}),
    "sigmoid_cross_entropy": (BINARY, {"pos_weight": np.array([3.0, 0.5, 2.0]), **SMOOTHING}),
    "logistic_loss_pm1": (SIGNED, {}),
    "hinge_loss": (SIGNED, {"margin": 0.5, "exponent": 2.0}),
    "squared_loss": (
        {"predictions": X, "labels": np.array([0.2, -0.4, 3.0])},
        {"scale": 0.5},
    ),
    "sigmoid_squared_loss": (BINARY, {}),
    "sigmoid_focal_loss": (BINARY, {"gamma": 3.0, "alpha": 0.25}),
    "poisson_nll": ({"log_rates": X, "counts": np.array([0.0, 3.0, 7.0])}, {"full": "stirling"}),
    "poisson_nll_rate": (
        {"rates": np.array([0.5, 2.0, 6.0]), "counts": np.array([0.0, 3.0, 7.0])},
        {"add_epsilon": 0.125, "full": "stirling"},
    ),
    "softmax": ({"logits": LOGITS}, SOFTMAX),
    "log_softmax": ({"logits": LOGITS}, SOFTMAX),
    "logsumexp": ({"logits": LOGITS}, SOFTMAX),
    "cross_entropy": ({"labels": LABELS, "probabilities": PROBABILITIES}, {}),
    "categorical_cross_entropy": (
        {"probabilities": PROBABILITIES, "labels": LABELS},
        {**CLASS_WEIGHTS, **CLIPPED},
    ),
    "categorical_cross_entropy_index": (
        {"probabilities": PROBABILITIES, "labels": INDEX},
        {**KEPT, **CLIPPED},
    ),
    "kl_divergence": ({"labels": LABELS, "log_probabilities": LOGARITHMS}, {}),
    "kl_divergence_log_targets": (
        {"log_labels": np.log(LABELS), "log_probabilities": LOGARITHMS},
        {},
    ),
    "generalized_kl_divergence": ({"labels": LABELS * 2, "log_probabilities": LOGARITHMS}, {}),
    "jensen_shannon_divergence": ({"p": LABELS, "q": PROBABILITIES}, {}),
    "softmax_cross_entropy": (DENSE, OPTIONS),
    "softmax_cross_entropy_index": (INDEXED, {**KEPT, **OPTIONS}),
    "linear_softmax_cross_entropy": (
        {"hidden": LOGITS[:, :2], "labels": INDEX},
        {"weights": OTHERS.T[:, :2], "bias": OTHERS[1], **KEPT, **SMOOTHING},
    ),
    "softmax_focal_loss": (DENSE, {**CLASS_WEIGHTS, "gamma": 3.0, "alpha": 0.25}),
    "multiclass_margin_loss": (INDEXED, {**CLASS_WEIGHTS, "margin": 0.75, "exponent": 2.0}),
    "z_loss": ({"logits": LOGITS}, {"scale": 0.25}),
    "poly1_cross_entropy": (DENSE, {"epsilon": 2.0}),
    "generalised_cross_entropy": (INDEXED, {"q": 0.5}),
    "distillation_loss": ({"student": LOGITS, "teacher": OTHERS}, {"temperature": 2.0}),
    "nll": ({"log_probabilities": LOGARITHMS, "labels": INDEX}, KEPT),
}
SHARED = {SAMPLE_WEIGHTS: np.array([2.0, 0.5, 1.0]), "axis": 1}
"""Parameters of every operator: weights of the rows, and of those with classes the class axis."""
CYCLE = (1.0, -0.5, 2.0, -0.25)
TANGENT = (1.0, -2.0, 0.5, 0.75, -0.25)


def point(
    operator: str,
    *parameters: str,
    reduction: str = "none",
    dtype: str = "float64",
    given: Mapping[str, Any] | None = None,
) -> Call:
    """The easy point of an operator, with the named parameters set, some to given values.

    The value and the gradients by the inputs are asked for.
    """
    inputs, settings = POINTS[operator]
    chosen = {name: {**settings, **SHARED, **(given or {})}[name] for name in parameters}
    number = TYPES.get(dtype) or np.dtype(dtype)
    names = OPERATORS[operator].differentiable
    tangents = {name: np.resize(TANGENT, inputs[name].shape) for name in names}
    upstream = _upstream(operator, reduction)
    if "mask" in chosen and upstream.shape == MASK.shape:
        upstream = np.where(chosen["mask"], upstream, 0.0)  # those outside are constant
    by_row = {"upstream", *ROWWISE, *inputs}

    def cast(value: Any, name: str) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        whole = value.astype(number) if value.dtype == np.float64 else value
        return arranged(whole, "axis" in chosen and name in by_row)

    def each(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: cast(value, name) for name, value in values.items()}

    asked = ("value", *(f"gradient.{name}" for name in names))
    return Call(
        operator,
        dtype,
        each(inputs),
        each(chosen),
        reduction,
        cast(upstream, "upstream"),
        asked,
        each(tangents),
    )


def arranged(values: Array, wanted: bool = True) -> Array:
    """Rows as a batch of shape (1, rows), with the classes, if there are any, between."""
    if not wanted or values.ndim == 0:
        return values
    return np.moveaxis(values[None], -1, 1) if values.ndim > 1 else values[None]


def flat(values: Array) -> Array:
    """The rows of `arranged`."""
    return np.moveaxis(values, 1, -1)[0] if values.ndim > 2 else values[0]


def _upstream(operator: str, reduction: str) -> Array:
    known = OPERATORS[operator]
    lead = POINTS[operator][0][known.inputs[0].name]
    shape = lead.shape[:1] if known.output == "scalar" else lead.shape
    return np.resize(CYCLE, shape) if reduction == "none" else np.array(CYCLE[0])
