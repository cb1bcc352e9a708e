"""Softmax cross entropy of a linear layer: of the products of hidden numbers with class weights."""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.cross_entropy import (
    index_targets,
    kept_weight,
    loss,
    loss_by_logits,
    softmax_cross_entropy_index,
)
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_residual,
    strict_log_softmax,
    strict_residual,
)
from reference.running import Arithmetic
from reference.tape import Labels, Scalar, Vector, repeat, total, turned


def linear_softmax_cross_entropy(
    hidden: Vector,
    labels: Labels,
    weights: Vector | None = None,
    bias: Vector | None = None,
    class_weights: Vector | None = None,
    label_smoothing: Scalar = 0,
) -> Vector:
    """Without weights the logits are the hidden numbers themselves."""
    logits = hidden if weights is None else times_matrix(hidden, weights)
    logits = logits if bias is None else logits + bias
    return softmax_cross_entropy_index(logits, labels, class_weights, label_smoothing)


def times_matrix(hidden: Vector, weights: Vector) -> Vector:
    """W h for each row; W has one line for each class, and the lines stand one after the other."""
    classes = weights.width // hidden.width
    tiled = turned(repeat(hidden, classes), hidden.width)
    return total(tiled * weights, classes)


# Model algorithms (see reference/running.py).


def tiled(a: Arithmetic, hidden: Any, weights: Any) -> Any:
    """The hidden numbers beside those of every line of the matrix."""
    width = hidden.shape[-1]
    return a.turned(a.repeat(hidden, weights.shape[-1] // width), width)


def logits_of(a: Arithmetic, hidden: Any, weights: Any, bias: Any) -> Any:
    logits = hidden
    if weights is not None:
        classes = weights.shape[-1] // hidden.shape[-1]
        logits = a.total(tiled(a, hidden, weights) * weights, classes)
    return logits if bias is None else logits + bias


def of_logits(model: Model) -> Model:
    """A model of logits and labels as one of hidden numbers and labels."""

    def whole(
        a: Arithmetic,
        hidden: Any,
        labels: Any,
        weights: Any = None,
        bias: Any = None,
        **options: Any,
    ) -> Any:
        return model(a, logits_of(a, hidden, weights, bias), labels, **options)

    return whole


def by_hidden(slope: Model) -> Model:
    """W^T (softmax - t)."""

    def model(a: Arithmetic, hidden: Any, labels: Any, weights: Any = None, **options: Any) -> Any:
        found = slope(a, hidden, labels, weights=weights, **options)
        if weights is None:
            return found
        width = hidden.shape[-1]
        products = a.repeat(found, width) * weights
        return a.total(a.turned(products, weights.shape[-1] // width), width)

    return model


def by_weights(slope: Model) -> Model:
    """(softmax - t) h^T."""

    def model(a: Arithmetic, hidden: Any, labels: Any, weights: Any, **options: Any) -> Any:
        found = slope(a, hidden, labels, weights=weights, **options)
        return a.repeat(found, hidden.shape[-1]) * tiled(a, hidden, weights)

    return model


def models(log_softmax: Model, residual: Model) -> dict[str, Model]:
    slope = of_logits(loss_by_logits(residual, index_targets))
    return {
        "value": of_logits(loss(log_softmax, index_targets)),
        "gradient.hidden": by_hidden(slope),
        "gradient.weights": by_weights(slope),
        "gradient.bias": slope,
    }


OPERATORS = (
    Operator(
        "linear_softmax_cross_entropy",
        (Input("hidden", "vector"), Input("labels", "index")),
        "scalar",
        linear_softmax_cross_entropy,
        (
            "-sum_c w_c t_c ln s_c, s = softmax(z), z_c = sum_d W_{c d} h_d + b_c, "
            "t_c = (1 - a) delta_{c k} + a / C"
        ),
        parameters={
            "weights": None,
            "bias": None,
            "class_weights": None,
            "ignore_index": None,
            "label_smoothing": 0.0,
        },
        arrays=("weights", "bias", "class_weights"),
        weight=kept_weight,
        strict=models(strict_log_softmax, strict_residual),
        baseline=models(baseline_log_softmax, baseline_residual),
        derivatives={
            "hidden": "sum_c g_c W_{c j}, g_c = s_c sum_i w_i t_i - w_c t_c",
            "weights": "g_i h_j, g_c = s_c sum_i w_i t_i - w_c t_c",
            "bias": "s_j sum_c w_c t_c - w_j t_j",
            "class_weights": "-t_j ln s_j",
        },
    ),
)
