"""The hinge loss, one number and one sign at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.operator import Input, Operator
from reference.running import Arithmetic
from reference.tape import Scalar, Vector, relu


def hinge_loss(logits: Vector, labels: Vector, margin: Scalar = 1, exponent: Scalar = 1) -> Vector:
    """For an exponent of 1 or 2."""
    missing = relu(margin - labels * logits)
    return missing if exponent == 1 else missing * missing


# Model algorithms (see reference/running.py).


def squared(a: Arithmetic, exponent: Any) -> bool:
    return exponent is not None and not bool(np.all(a.zero(exponent - 1)))


def missing_margin(a: Arithmetic, x: Any, y: Any, margin: Any = 1, exponent: Any = None) -> Any:
    missing = margin - y * x
    loss = missing * missing if squared(a, exponent) else missing
    return a.where(missing > 0, loss, 0.0)


def slope_of_margin(a: Arithmetic, x: Any, y: Any, margin: Any = 1, exponent: Any = None) -> Any:
    missing = margin - y * x
    slope = -2 * y * missing if squared(a, exponent) else -y
    return a.where(missing > 0, slope, 0.0)


MODELS = {"value": missing_margin, "gradient.logits": slope_of_margin}

OPERATORS = (
    Operator(
        "hinge_loss",
        (Input("logits", "scalar"), Input("labels", "scalar", constant=True)),
        "elementwise",
        hinge_loss,
        "max(0, m - y x)^q, y = +-1",
        parameters={"margin": 1.0, "exponent": 1.0},
        kinks=True,
        strict=MODELS,
        baseline=MODELS,
        derivatives={"logits": "-q y (m - y x)^(q - 1) for y x < m, 0 for y x > m"},
    ),
)
