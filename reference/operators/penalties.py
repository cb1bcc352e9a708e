"""Two terms that are added to a cross entropy: the z-loss, and the first one of poly-loss.

z-loss: B. Zoph et al., "ST-MoE", 2022, after TensorFlow Mesh; it keeps logits near 0.
Poly-1: Z. Leng et al., "PolyLoss", ICLR 2022: cross entropy with another coefficient of 1 - s.
"""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.cross_entropy import softmax_cross_entropy
from reference.operators.focal_softmax import misses
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_logsumexp,
    baseline_residual,
    baseline_softmax,
    baseline_softmax_vjp,
    logsumexp,
    shifted_powers,
    shifted_softmax,
    strict_log_softmax,
    strict_logsumexp,
    strict_residual,
    strict_softmax_vjp,
)
from reference.running import Arithmetic, weighted
from reference.tape import Scalar, Vector, total


def z_loss(logits: Vector, scale: Scalar = 1) -> Vector:
    log_sum = logsumexp(logits)
    return scale * log_sum * log_sum


def poly1_cross_entropy(logits: Vector, labels: Vector, epsilon: Scalar = 1) -> Vector:
    # 1 - sum y s, in which no precision resolves 1 - s where s is 1 - e^-1e30.
    first_order = 1 - total(labels) + total(labels * misses(logits))
    return softmax_cross_entropy(logits, labels) + epsilon * first_order


# Model algorithms (see reference/running.py).


def log_sum_squared(log_sum: Model, softmax: Model) -> dict[str, Model]:
    """The product scale z^2 and its derivative 2 scale z softmax, z the log-sum-exp."""

    def value(a: Arithmetic, x: Any, scale: Any = 1) -> Any:
        z = log_sum(a, x)
        return scale * (z * z)

    def by_logits(a: Arithmetic, x: Any, scale: Any = 1) -> Any:
        return 2 * (scale * log_sum(a, x)) * softmax(a, x)

    return {"value": value, "gradient.logits": by_logits}


def strict_misses(a: Arithmetic, x: Any) -> Any:
    """1 - softmax; that of the largest logit is the sum of the others."""
    powers = shifted_powers(a, x)
    first, whole = a.largest(x), a.total(powers)
    rest = a.total(a.where(first, 0.0, powers))
    return a.where(first, rest / whole, 1 - powers / whole)


def strict_first_order(a: Arithmetic, x: Any, y: Any) -> Any:
    """1 - sum y s."""
    return (1 - a.total(y)) + a.total(weighted(a, y, strict_misses(a, x)))


def baseline_first_order(a: Arithmetic, x: Any, y: Any) -> Any:
    return 1 - a.total(weighted(a, y, baseline_softmax(a, x)))


def poly(
    log_softmax: Model, first_order: Model, residual: Model, vjp: Model, softmax: Model
) -> dict[str, Model]:
    """CE + e (1 - sum y s) and its derivatives s Y - y - e s (y - sum y s), -ln s - e s."""

    def value(a: Arithmetic, x: Any, y: Any, epsilon: Any = 1) -> Any:
        entropy = -a.total(weighted(a, y, log_softmax(a, x)))
        return entropy + epsilon * first_order(a, x, y)

    def by_logits(a: Arithmetic, x: Any, y: Any, epsilon: Any = 1) -> Any:
        return residual(a, x, y) - epsilon * vjp(a, x, y)

    def by_labels(a: Arithmetic, x: Any, _y: Any, epsilon: Any = 1) -> Any:
        return -log_softmax(a, x) - epsilon * softmax(a, x)

    return {"value": value, "gradient.logits": by_logits, "gradient.labels": by_labels}


LOGITS = Input("logits", "vector")

OPERATORS = (
    Operator(
        "z_loss",
        (LOGITS,),
        "scalar",
        z_loss,
        "c l^2, l = ln sum_i e^x_i",
        parameters={"scale": 1.0},
        strict=log_sum_squared(strict_logsumexp, shifted_softmax),
        baseline=log_sum_squared(baseline_logsumexp, baseline_softmax),
        empty=float("inf"),
        derivatives={
            "logits": "2 c l s_j, s = softmax(x)",
            "logits logits": "2 c (s_i s_j + l s_i (delta_{i j} - s_j)), s = softmax(x)",
        },
    ),
    Operator(
        "poly1_cross_entropy",
        (LOGITS, Input("labels", "vector")),
        "scalar",
        poly1_cross_entropy,
        "-sum_c y_c ln s_c + epsilon (1 - sum_c y_c s_c), s = softmax(x)",
        parameters={"epsilon": 1.0},
        strict=poly(
            strict_log_softmax,
            strict_first_order,
            strict_residual,
            strict_softmax_vjp,
            shifted_softmax,
        ),
        baseline=poly(
            baseline_log_softmax,
            baseline_first_order,
            baseline_residual,
            baseline_softmax_vjp,
            baseline_softmax,
        ),
        derivatives={
            "logits": "s_j sum_c y_c - y_j + epsilon s_j (sum_c y_c s_c - y_j)",
            "labels": "-ln s_j - epsilon s_j",
            "labels labels": "0",
            "logits labels": "(s_i - delta_{i j}) + epsilon s_i (s_j - delta_{i j})",
        },
    ),
)
