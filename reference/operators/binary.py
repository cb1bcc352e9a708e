"""Binary losses: two classes, one number a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.operator import Input, Model, Operator, Rows
from reference.operators.activations import (
    baseline_sigmoid,
    baseline_sigmoid_slope,
    baseline_softplus,
    baseline_softplus_slope,
    positive_part,
    sigmoid,
    strict_sigmoid,
    strict_sigmoid_slope,
    strict_softplus,
)
from reference.running import Arithmetic, weighted
from reference.tape import Scalar, Vector, exp, log, xlogy


def sigmoid_cross_entropy(logits: Vector, labels: Vector) -> Vector:
    # 1 - sigmoid(x) is written sigmoid(-x), its equal, since no precision resolves 1 - e^-1e30.
    return -(labels * log(sigmoid(logits)) + (1 - labels) * log(sigmoid(-logits)))


def binary_cross_entropy(probabilities: Vector, labels: Vector) -> Vector:
    return -(xlogy(labels, probabilities) + xlogy(1 - labels, 1 - probabilities))


def logistic_loss_pm1(logits: Vector, labels: Vector) -> Vector:
    return log(1 + exp(-labels * logits))


def squared_loss(predictions: Vector, labels: Vector, scale: Scalar = 1) -> Vector:
    return scale * (predictions - labels) * (predictions - labels)


def sigmoid_squared_loss(logits: Vector, labels: Vector) -> Vector:
    return squared_loss(sigmoid(logits), labels) / 2


def _infinite_logits(rows: Rows) -> NDArray[np.bool_]:
    return np.isinf(rows["logits"])


# Model algorithms (see reference/running.py).


def strict_cross_entropy(a: Arithmetic, x: Any, z: Any) -> Any:
    one = weighted(a, z, strict_softplus(a, -x))
    return one + weighted(a, 1 - z, strict_softplus(a, x))


def baseline_cross_entropy(a: Arithmetic, x: Any, z: Any) -> Any:
    """Both terms, max(x, 0) - x z + ln(1 + e^-|x|), or (1 - z) x - ln sigmoid(x)."""
    one, zero = baseline_softplus(a, -x), baseline_softplus(a, x)
    terms = weighted(a, z, one) + weighted(a, 1 - z, zero)
    fused = positive_part(a, x) - x * z + a.log(1 + a.exp(-abs(x)))
    return a.any_of(terms, fused, (1 - z) * x + one)


def strict_residual(a: Arithmetic, x: Any, z: Any) -> Any:
    """sigmoid(x) - z, which is -sigmoid(-x) for z = 1."""
    s = strict_sigmoid(a, x)
    return a.where(a.zero(1 - z), -strict_sigmoid(a, -x), s - z)


def baseline_residual(a: Arithmetic, x: Any, z: Any) -> Any:
    return baseline_sigmoid(a, x) - z


def baseline_cross_entropy_by_logits(a: Arithmetic, x: Any, z: Any) -> Any:
    """sigmoid(x) - z, or the derivatives of both terms."""
    terms = (1 - z) * baseline_softplus_slope(a, x) - z * baseline_softplus_slope(a, -x)
    return a.any_of(baseline_residual(a, x, z), terms)


def cross_entropy_by_labels(_a: Arithmetic, x: Any, _z: Any) -> Any:
    return -x


def baseline_cross_entropy_by_labels(a: Arithmetic, x: Any, _z: Any) -> Any:
    """-x, or the difference of the two terms, ln(1 + e^-x) - ln(1 + e^x)."""
    return a.any_of(-x, baseline_softplus(a, -x) - baseline_softplus(a, x))


def cross_entropy_of(log_complement: Model) -> Model:
    """-(z ln p + (1 - z) ln(1 - p))."""

    def model(a: Arithmetic, p: Any, z: Any) -> Any:
        return -(weighted(a, z, a.log(p)) + weighted(a, 1 - z, log_complement(a, p)))

    return model


def strict_cross_entropy_by_probabilities(a: Arithmetic, p: Any, z: Any) -> Any:
    """(p - z) / (p (1 - p)), and its limit where p = z is 0 or 1."""
    at_end = a.zero(p - z) & (a.zero(z) | a.zero(1 - z))
    return a.where(at_end, 1 - 2 * z, (p - z) / (p * (1 - p)))


def baseline_cross_entropy_by_probabilities(a: Arithmetic, p: Any, z: Any) -> Any:
    """The same, or (1 - z) / (1 - p) - z / p."""
    zero = a.where(a.zero(1 - z), 0.0, (1 - z) / (1 - p))
    one = a.where(a.zero(z), 0.0, z / p)
    return a.any_of(strict_cross_entropy_by_probabilities(a, p, z), zero - one)


def log_odds(log_complement: Model) -> Model:
    """ln(1 - p) - ln p, the derivative of the cross entropy by the labels."""
    return lambda a, p, _z: log_complement(a, p) - a.log(p)


def strict_log_complement(a: Arithmetic, p: Any) -> Any:
    return a.log1p(-p)


def baseline_log_complement(a: Arithmetic, p: Any) -> Any:
    return a.log(1 - p)


def logistic_loss(softplus: Model, slope: Model) -> dict[str, Model]:
    """softplus(-y x) and its derivatives -y sigmoid(-y x), -x sigmoid(-y x)."""
    return {
        "value": lambda a, x, y: softplus(a, -y * x),
        "gradient.logits": lambda a, x, y: -y * slope(a, -y * x),
        "gradient.labels": lambda a, x, y: -x * slope(a, -y * x),
    }


def square(_a: Arithmetic, y: Any, z: Any, scale: Any = 1) -> Any:
    return scale * (y - z) * (y - z)


def square_by_predictions(_a: Arithmetic, y: Any, z: Any, scale: Any = 1) -> Any:
    return 2 * (scale * (y - z))


def square_by_labels(_a: Arithmetic, y: Any, z: Any, scale: Any = 1) -> Any:
    return 2 * (scale * (z - y))


def sigmoid_square(residual: Model, slope: Model) -> dict[str, Model]:
    """(s - y)^2 / 2, s = sigmoid(x), and its derivatives (s - y) s (1 - s), y - s."""
    return {
        "value": lambda a, x, y: residual(a, x, y) * residual(a, x, y) / 2,
        "gradient.logits": lambda a, x, y: residual(a, x, y) * slope(a, x),
        "gradient.labels": lambda a, x, y: -residual(a, x, y),
    }


SQUARE = {
    "value": square,
    "gradient.predictions": square_by_predictions,
    "gradient.labels": square_by_labels,
}

LOGITS = (Input("logits", "scalar"), Input("labels", "scalar"))

OPERATORS = (
    Operator(
        "sigmoid_cross_entropy",
        LOGITS,
        "elementwise",
        sigmoid_cross_entropy,
        "-(z ln s(x) + (1 - z) ln(1 - s(x))), s(x) = 1 / (1 + e^-x)",
        may=_infinite_logits,
        strict={
            "value": strict_cross_entropy,
            "gradient.logits": strict_residual,
            "gradient.labels": cross_entropy_by_labels,
        },
        baseline={
            "value": baseline_cross_entropy,
            "gradient.logits": baseline_cross_entropy_by_logits,
            "gradient.labels": baseline_cross_entropy_by_labels,
        },
    ),
    Operator(
        "binary_cross_entropy",
        (Input("probabilities", "scalar", (0.0, 1.0)), Input("labels", "scalar")),
        "elementwise",
        binary_cross_entropy,
        "-(z ln p + (1 - z) ln(1 - p)), 0 ln 0 = 0",
        strict={
            "value": cross_entropy_of(strict_log_complement),
            "gradient.probabilities": strict_cross_entropy_by_probabilities,
            "gradient.labels": log_odds(strict_log_complement),
        },
        baseline={
            "value": cross_entropy_of(baseline_log_complement),
            "gradient.probabilities": baseline_cross_entropy_by_probabilities,
            "gradient.labels": log_odds(baseline_log_complement),
        },
    ),
    Operator(
        "logistic_loss_pm1",
        LOGITS,
        "elementwise",
        logistic_loss_pm1,
        "ln(1 + e^(-y x)), y = +-1",
        may=_infinite_logits,
        strict=logistic_loss(strict_softplus, strict_sigmoid),
        baseline=logistic_loss(baseline_softplus, baseline_softplus_slope),
    ),
    Operator(
        "squared_loss",
        (Input("predictions", "scalar"), Input("labels", "scalar")),
        "elementwise",
        squared_loss,
        "scale (y - z)^2",
        parameters={"scale": 1.0},
        strict=SQUARE,
        baseline=SQUARE,
    ),
    Operator(
        "sigmoid_squared_loss",
        LOGITS,
        "elementwise",
        sigmoid_squared_loss,
        "(s(x) - z)^2 / 2, s(x) = 1 / (1 + e^-x)",
        strict=sigmoid_square(strict_residual, strict_sigmoid_slope),
        baseline=sigmoid_square(baseline_residual, baseline_sigmoid_slope),
    ),
)
