"""Binary losses: two classes, one number a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference.balls import Number, Vector, exp, log, xlogy
from reference.operator import Input, Operator, Rows
from reference.operators.activations import sigmoid


def sigmoid_cross_entropy(logits: Vector, labels: Vector) -> Vector:
    # 1 - sigmoid(x) is written sigmoid(-x), its equal, since no precision resolves 1 - e^-1e30.
    return -(labels * log(sigmoid(logits)) + (1 - labels) * log(sigmoid(-logits)))


def binary_cross_entropy(probabilities: Vector, labels: Vector) -> Vector:
    return -(xlogy(labels, probabilities) + xlogy(1 - labels, 1 - probabilities))


def logistic_loss_pm1(logits: Vector, labels: Vector) -> Vector:
    return log(1 + exp(-labels * logits))


def squared_loss(predictions: Vector, labels: Vector, scale: Number = 1) -> Vector:
    return scale * (predictions - labels) * (predictions - labels)


def sigmoid_squared_loss(logits: Vector, labels: Vector) -> Vector:
    return squared_loss(sigmoid(logits), labels) / 2


def _infinite_logits(rows: Rows) -> NDArray[np.bool_]:
    return np.isinf(rows["logits"])


LOGITS = (Input("logits", "scalar"), Input("labels", "scalar"))

OPERATORS = (
    Operator(
        "sigmoid_cross_entropy",
        LOGITS,
        "elementwise",
        sigmoid_cross_entropy,
        "-(z ln s(x) + (1 - z) ln(1 - s(x))), s(x) = 1 / (1 + e^-x)",
        may=_infinite_logits,
    ),
    Operator(
        "binary_cross_entropy",
        (Input("probabilities", "scalar", (0.0, 1.0)), Input("labels", "scalar")),
        "elementwise",
        binary_cross_entropy,
        "-(z ln p + (1 - z) ln(1 - p)), 0 ln 0 = 0",
    ),
    Operator(
        "logistic_loss_pm1",
        LOGITS,
        "elementwise",
        logistic_loss_pm1,
        "ln(1 + e^(-y x)), y = +-1",
        may=_infinite_logits,
    ),
    Operator(
        "squared_loss",
        (Input("predictions", "scalar"), Input("labels", "scalar")),
        "elementwise",
        squared_loss,
        "scale (y - z)^2",
        parameters={"scale": 1.0},
    ),
    Operator(
        "sigmoid_squared_loss",
        LOGITS,
        "elementwise",
        sigmoid_squared_loss,
        "(s(x) - z)^2 / 2, s(x) = 1 / (1 + e^-x)",
    ),
)
