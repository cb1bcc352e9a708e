"""Generalised cross entropy, between cross entropy (q to 0) and the mean absolute error (q = 1).

Z. Zhang and M. Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
Noisy Labels", NeurIPS 2018.
"""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_residual,
    shifted_softmax,
    softmax,
    strict_log_softmax,
    strict_residual,
)
from reference.running import Arithmetic, weighted
from reference.tape import Labels, Scalar, Vector, power


def generalised_cross_entropy(logits: Vector, labels: Labels, q: Scalar = 0.7) -> Vector:
    return (1 - power(softmax(logits)[labels], q)) / q


# Model algorithms (see reference/running.py).


FAR = -1000.0
"""Below, e^x is far below the smallest number."""


TINY = 2.0**-100
"""Below, a probability soon underflows in float32, and the derivative of its power is infinite."""


def exponent(a: Arithmetic, q: Any) -> Any:
    return a.exact(0.7) if q is None else q


def log_at_label(log_softmax: Model) -> Model:
    return lambda a, x, labels: a.total(weighted(a, labels, log_softmax(a, x)))


def at_label(a: Arithmetic, x: Any, labels: Any) -> Any:
    return a.total(weighted(a, labels, shifted_softmax(a, x)))


def strict_value(a: Arithmetic, x: Any, labels: Any, q: Any = None) -> Any:
    """1 - e^(q ln s), in which nothing cancels."""
    q = exponent(a, q)
    logs = q * log_at_label(strict_log_softmax)(a, x, labels)
    far = logs < FAR
    return -a.where(far, -1.0, a.expm1(a.where(far, 0.0, logs))) / q


def baseline_power(a: Arithmetic, x: Any, labels: Any, q: Any) -> Any:
    """e^(q ln s), or s^q where s is a number, and its derivative by s one too."""
    by_logs = a.exp(q * log_at_label(baseline_log_softmax)(a, x, labels), 0.0)
    s = at_label(a, x, labels)
    tiny = s < TINY
    return a.any_of(by_logs, a.where(tiny, by_logs, a.power(a.where(tiny, 1.0, s), q)))


def baseline_value(a: Arithmetic, x: Any, labels: Any, q: Any = None) -> Any:
    q = exponent(a, q)
    return (1 - baseline_power(a, x, labels, q)) / q


def strict_by_logits(a: Arithmetic, x: Any, labels: Any, q: Any = None) -> Any:
    """s_k^q (s_j - y_j)."""
    logs = log_at_label(strict_log_softmax)(a, x, labels)
    return a.exp(exponent(a, q) * logs) * strict_residual(a, x, labels)


def baseline_by_logits(a: Arithmetic, x: Any, labels: Any, q: Any = None) -> Any:
    return baseline_power(a, x, labels, exponent(a, q)) * baseline_residual(a, x, labels)


OPERATORS = (
    Operator(
        "generalised_cross_entropy",
        (Input("logits", "vector"), Input("labels", "index")),
        "scalar",
        generalised_cross_entropy,
        "(1 - s_k^q) / q, s = softmax(x)",
        parameters={"q": 0.7},
        strict={"value": strict_value, "gradient.logits": strict_by_logits},
        baseline={"value": baseline_value, "gradient.logits": baseline_by_logits},
        derivatives={
            "logits": "s_k^q (s_j - delta_{j k})",
            "logits logits": (
                "q s_k^q (delta_{i k} - s_i) (s_j - delta_{j k}) + s_k^q s_j (delta_{i j} - s_i)"
            ),
        },
    ),
)
