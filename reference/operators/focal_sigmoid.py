"""The focal loss of two classes.

T.-Y. Lin et al., "Focal Loss for Dense Object Detection", 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.operator import Input, Model, Operator
from reference.operators.activations import (
    LARGE,
    baseline_sigmoid,
    sigmoid,
    strict_sigmoid,
    strict_softplus,
    strict_tanh,
)
from reference.operators.binary import (
    baseline_cross_entropy,
    strict_cross_entropy,
    strict_residual,
)
from reference.running import Arithmetic, Mask, weighted
from reference.tape import Scalar, Vector, exp, log1p, power


def sigmoid_focal_loss(
    logits: Vector, labels: Vector, gamma: Scalar = 2, alpha: Scalar | None = None
) -> Vector:
    missing = sigmoid(logits) * (1 - labels) + sigmoid(-logits) * labels
    # By log1p, since a small power of what is missing divides by numbers like e^-1e30.
    cross_entropy = labels * log1p(exp(-logits)) + (1 - labels) * log1p(exp(logits))
    loss = cross_entropy * power(missing, gamma)
    return loss if alpha is None else loss * (alpha * labels + (1 - alpha) * (1 - labels))


# Model algorithms (see reference/running.py). The rest is 1 - p_t, the probability that is missing.


def against(a: Arithmetic, x: Any, z: Any) -> Any:
    """The logit as it speaks against a hard label: the rest is its sigmoid."""
    return a.where(a.zero(z), x, -x)


def far(a: Arithmetic, x: Any, z: Any) -> Mask:
    """Where the rest of a hard label may underflow."""
    hard = a.zero(z) | a.zero(1 - z)
    mask: Mask = hard & (against(a, x, z) < -LARGE)
    return mask


def strict_rest(a: Arithmetic, x: Any, z: Any) -> Any:
    return weighted(a, 1 - z, strict_sigmoid(a, x)) + weighted(a, z, strict_sigmoid(a, -x))


def rest_unless_far(a: Arithmetic, x: Any, z: Any) -> Any:
    return a.where(far(a, x, z), 1.0, strict_rest(a, x, z))


def log_rest(a: Arithmetic, x: Any, z: Any) -> Any:
    certain = -strict_softplus(a, -against(a, x, z))
    return a.where(far(a, x, z), certain, a.log(rest_unless_far(a, x, z)))


def power_of_rest(a: Arithmetic, x: Any, z: Any, gamma: Any) -> Any:
    """The power; below 1 it may be no small number where the rest underflows."""
    if np.all(gamma > 0.99):
        return a.power(strict_rest(a, x, z), gamma)
    near = a.power(rest_unless_far(a, x, z), gamma)
    return a.where(far(a, x, z), a.exp(gamma * log_rest(a, x, z)), near)


def standard_power(a: Arithmetic, x: Any, z: Any, gamma: Any) -> Any:
    """A power of 1 - p_t that is high enough to forgive the subtraction, or e^(g ln(1 - p_t))."""
    logarithmic = a.exp(gamma * log_rest(a, x, z))
    if np.all(gamma > 1.99):
        return a.any_of(a.power(subtracted_rest(a, x, z), gamma), logarithmic)
    return a.any_of(power_of_rest(a, x, z, gamma), logarithmic)


def subtracted_rest(a: Arithmetic, x: Any, z: Any) -> Any:
    p = baseline_sigmoid(a, x)
    return 1 - (p * z + (1 - p) * (1 - z))


def given(a: Arithmetic, gamma: Any) -> Any:
    return a.exact(2.0) if gamma is None else gamma


def balance(z: Any, alpha: Any) -> Any:
    """The weight of a label."""
    return alpha * z + (1 - alpha) * (1 - z)


def focal(power: Model, cross_entropy: Model) -> Model:
    def model(a: Arithmetic, x: Any, z: Any, gamma: Any = None, alpha: Any = None) -> Any:
        loss = power(a, x, z, given(a, gamma)) * cross_entropy(a, x, z)
        return loss if alpha is None else balance(z, alpha) * loss

    return model


def focal_by_logits(a: Arithmetic, x: Any, z: Any, gamma: Any = None, alpha: Any = None) -> Any:
    """rest^g (g l (1 - 2 z) s (1 - s) / rest + s - z): both of one sign for a hard label."""
    g, both = given(a, gamma), strict_sigmoid(a, x) * strict_sigmoid(a, -x)
    share = a.where(far(a, x, z), 1.0, both / rest_unless_far(a, x, z))
    # The loss times the share first: the loss of the largest logits doubled is infinite.
    inner = g * (1 - 2 * z) * (share * strict_cross_entropy(a, x, z)) + strict_residual(a, x, z)
    slope = power_of_rest(a, x, z, g) * inner
    return slope if alpha is None else balance(z, alpha) * slope


def focal_by_labels(a: Arithmetic, x: Any, z: Any, gamma: Any = None, alpha: Any = None) -> Any:
    """rest^g (-g tanh(x / 2) l / rest - x), and the derivative of the weight."""
    g, loss = given(a, gamma), strict_cross_entropy(a, x, z)
    share = a.where(far(a, x, z), 1.0, loss / rest_unless_far(a, x, z))
    power = power_of_rest(a, x, z, g)
    slope = power * (-g * strict_tanh(a, x / 2) * share - x)
    return slope if alpha is None else balance(z, alpha) * slope + (2 * alpha - 1) * (power * loss)


def standard_by_labels(a: Arithmetic, x: Any, z: Any, gamma: Any = None, alpha: Any = None) -> Any:
    """The derivatives of the powers of 1 - p_t, one after the other."""
    g, loss, s = given(a, gamma), baseline_cross_entropy(a, x, z), baseline_sigmoid(a, x)
    strict = focal_by_labels(a, x, z, gamma, alpha)
    if not np.all(g > 1.99):
        return strict
    rest = subtracted_rest(a, x, z)
    power = a.power(rest, g)
    slope = g * a.power(rest, g - 1) * (1 - 2 * s) * loss - power * x
    if alpha is not None:
        slope = balance(z, alpha) * slope + (2 * alpha - 1) * (power * loss)
    return a.any_of(strict, slope)


OPERATORS = (
    Operator(
        "sigmoid_focal_loss",
        (Input("logits", "scalar"), Input("labels", "scalar", (0.0, 1.0))),
        "elementwise",
        sigmoid_focal_loss,
        (
            "v (1 - r)^gamma c, c = -y ln s - (1 - y) ln(1 - s), s = 1 / (1 + "
            "e^-x), r = s y + (1 - s) (1 - y), v = alpha y + (1 - alpha) (1 - y)"
        ),
        parameters={"gamma": 2.0, "alpha": None},
        strict={
            "value": focal(power_of_rest, strict_cross_entropy),
            "gradient.logits": focal_by_logits,
            "gradient.labels": focal_by_labels,
        },
        baseline={
            "value": focal(standard_power, baseline_cross_entropy),
            "gradient.labels": standard_by_labels,
        },
        derivatives={
            "logits": "v (1 - r)^gamma (s - y) - v gamma (1 - r)^(gamma - 1) (2 y - 1) s (1 - s) c",
            "labels": (
                "(2 alpha - 1) (1 - r)^gamma c - v gamma (1 - r)^(gamma - 1) (2 s - 1) "
                "c - v (1 - r)^gamma x"
            ),
        },
    ),
)
