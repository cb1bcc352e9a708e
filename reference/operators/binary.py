"""Binary losses: two classes, one number a target."""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
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
from reference.tape import Scalar, Vector, exp, log


def sigmoid_cross_entropy(
    logits: Vector,
    labels: Vector,
    pos_weight: Vector | None = None,
    label_smoothing: Scalar = 0,
) -> Vector:
    targets = smoothed(labels, label_smoothing)
    ones = targets if pos_weight is None else targets * pos_weight
    # 1 - sigmoid(x) is written sigmoid(-x), its equal, since no precision resolves 1 - e^-1e30.
    return -(ones * log(sigmoid(logits)) + (1 - targets) * log(sigmoid(-logits)))


def logistic_loss_pm1(logits: Vector, labels: Vector) -> Vector:
    return log(1 + exp(-labels * logits))


def squared_loss(predictions: Vector, labels: Vector, scale: Scalar = 1) -> Vector:
    return scale * (predictions - labels) * (predictions - labels)


def sigmoid_squared_loss(logits: Vector, labels: Vector) -> Vector:
    return squared_loss(sigmoid(logits), labels) / 2


def smoothed(labels: Vector, label_smoothing: Scalar) -> Vector:
    """The labels, less a part that both classes share."""
    # Without smoothing a hard label stays an exact number.
    return labels if label_smoothing == 0 else labels * (1 - label_smoothing) + label_smoothing / 2


# Model algorithms (see reference/running.py).


def shares(labels: Any, label_smoothing: Any = None) -> tuple[Any, Any]:
    """The shares of both classes, t = (1 - a) z + a / 2 and 1 - t, neither by cancellation."""
    if label_smoothing is None:
        return labels, 1 - labels
    kept, part = 1 - label_smoothing, label_smoothing / 2
    return kept * labels + part, kept * (1 - labels) + part


def less_smoothing(slope: Any, label_smoothing: Any = None) -> Any:
    """A derivative by the labels from that by the targets."""
    return slope if label_smoothing is None else (1 - label_smoothing) * slope


def strict_cross_entropy(
    a: Arithmetic, x: Any, z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    one, zero = shares(z, label_smoothing)
    loss = weighted(a, one, strict_softplus(a, -x))
    loss = loss if pos_weight is None else pos_weight * loss
    return loss + weighted(a, zero, strict_softplus(a, x))


def baseline_cross_entropy(
    a: Arithmetic, x: Any, z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    """Both terms, max(x, 0) - x z + ln(1 + e^-|x|), or (1 - z) x - (1 + (w - 1) z) ln s(x)."""
    z, _ = shares(z, label_smoothing)
    one, zero = baseline_softplus(a, -x), baseline_softplus(a, x)
    if pos_weight is not None:
        terms = pos_weight * weighted(a, z, one) + weighted(a, 1 - z, zero)
        return a.any_of(terms, (1 - z) * x + (1 + (pos_weight - 1) * z) * one)
    terms = weighted(a, z, one) + weighted(a, 1 - z, zero)
    fused = positive_part(a, x) - x * z + a.log(1 + a.exp(-abs(x)))
    return a.any_of(terms, fused, (1 - z) * x + one)


def strict_residual(a: Arithmetic, x: Any, z: Any) -> Any:
    """sigmoid(x) - z, which is -sigmoid(-x) for z = 1."""
    s = strict_sigmoid(a, x)
    return a.where(a.zero(1 - z), -strict_sigmoid(a, -x), s - z)


def strict_cross_entropy_by_logits(
    a: Arithmetic, x: Any, z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    """(1 - t) sigmoid(x) - w t sigmoid(-x)."""
    if pos_weight is None and label_smoothing is None:
        return strict_residual(a, x, z)
    one, zero = shares(z, label_smoothing)
    one = one if pos_weight is None else pos_weight * one
    return zero * strict_sigmoid(a, x) - one * strict_sigmoid(a, -x)


def baseline_residual(a: Arithmetic, x: Any, z: Any) -> Any:
    return baseline_sigmoid(a, x) - z


def baseline_cross_entropy_by_logits(
    a: Arithmetic, x: Any, z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    """sigmoid(x) - z, or the derivatives of both terms."""
    z, _ = shares(z, label_smoothing)
    up, down = baseline_softplus_slope(a, x), baseline_softplus_slope(a, -x)
    if pos_weight is None:
        return a.any_of(baseline_residual(a, x, z), (1 - z) * up - z * down)
    ones = pos_weight * z
    fused = (ones + (1 - z)) * baseline_sigmoid(a, x) - ones
    split = (1 - z) - (1 + (pos_weight - 1) * z) * down
    return a.any_of(fused, split, (1 - z) * up - ones * down)


def strict_cross_entropy_by_labels(
    a: Arithmetic, x: Any, _z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    """-x, or w softplus(-x) - softplus(x) such that only a true zero cancels."""
    slope = -x
    if pos_weight is not None:
        more = pos_weight - 1
        left = more * strict_softplus(a, x) - pos_weight * x
        slope = a.where(x < 0, left, more * strict_softplus(a, -x) - x)
    return less_smoothing(slope, label_smoothing)


def baseline_cross_entropy_by_labels(
    a: Arithmetic, x: Any, _z: Any, pos_weight: Any = None, label_smoothing: Any = None
) -> Any:
    """-x, or the difference of the two terms, w ln(1 + e^-x) - ln(1 + e^x)."""
    one, zero = baseline_softplus(a, -x), baseline_softplus(a, x)
    if pos_weight is None:
        slope = a.any_of(-x, one - zero)
    else:
        slope = a.any_of(pos_weight * one - zero, (pos_weight - 1) * one - x)
    return less_smoothing(slope, label_smoothing)


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
        ("-(w t ln s(x) + (1 - t) ln(1 - s(x))), s(x) = 1 / (1 + e^-x), t = (1 - a) y + a / 2"),
        parameters={"pos_weight": None, "label_smoothing": 0.0},
        arrays=("pos_weight",),
        strict={
            "value": strict_cross_entropy,
            "gradient.logits": strict_cross_entropy_by_logits,
            "gradient.labels": strict_cross_entropy_by_labels,
        },
        baseline={
            "value": baseline_cross_entropy,
            "gradient.logits": baseline_cross_entropy_by_logits,
            "gradient.labels": baseline_cross_entropy_by_labels,
        },
        derivatives={
            "logits": "(1 - t + w t) s(x) - w t",
            "labels": "(1 - a) (ln(1 - s(x)) - w ln s(x))",
            "pos_weight": "-t ln s(x)",
            "logits logits": "(1 - t + w t) s(x) (1 - s(x))",
            "logits labels": "(1 - a) ((w - 1) s(x) - w)",
            "labels labels": "0",
        },
    ),
    Operator(
        "logistic_loss_pm1",
        LOGITS,
        "elementwise",
        logistic_loss_pm1,
        "ln(1 + e^(-y x)), y = +-1",
        strict=logistic_loss(strict_softplus, strict_sigmoid),
        baseline=logistic_loss(baseline_softplus, baseline_softplus_slope),
        derivatives={
            "logits": "-y / (1 + e^(y x))",
            "labels": "-x / (1 + e^(y x))",
            "logits logits": "y^2 e^(y x) / (1 + e^(y x))^2",
            "logits labels": "x y e^(y x) / (1 + e^(y x))^2 - 1 / (1 + e^(y x))",
            "labels labels": "x^2 e^(y x) / (1 + e^(y x))^2",
        },
    ),
    Operator(
        "squared_loss",
        (Input("predictions", "scalar"), Input("labels", "scalar")),
        "elementwise",
        squared_loss,
        "c (p - y)^2",
        parameters={"scale": 1.0},
        strict=SQUARE,
        baseline=SQUARE,
        derivatives={
            "predictions": "2 c (p - y)",
            "labels": "2 c (y - p)",
            "predictions predictions": "2 c",
            "predictions labels": "-2 c",
            "labels labels": "2 c",
        },
    ),
    Operator(
        "sigmoid_squared_loss",
        LOGITS,
        "elementwise",
        sigmoid_squared_loss,
        "(s - y)^2 / 2, s = 1 / (1 + e^-x)",
        strict=sigmoid_square(strict_residual, strict_sigmoid_slope),
        baseline=sigmoid_square(baseline_residual, baseline_sigmoid_slope),
        derivatives={
            "logits": "(s - y) s (1 - s)",
            "labels": "y - s",
            "logits logits": "s^2 (1 - s)^2 + (s - y) s (1 - s) (1 - 2 s)",
            "logits labels": "-s (1 - s)",
            "labels labels": "1",
        },
    ),
)
