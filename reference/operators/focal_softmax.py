"""The focal loss of softmax, which gives less weight to rows that are classified well.

T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, for classes instead of two.
"""

from __future__ import annotations

import math
from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_residual,
    baseline_softmax,
    log_softmax,
    shifted,
    shifted_powers,
    shifted_softmax,
    strict_log_softmax,
    strict_logsumexp,
    strict_residual,
)
from reference.running import Arithmetic, weighted
from reference.tape import Scalar, Vector, exp, others, power, total


def softmax_focal_loss(
    logits: Vector,
    labels: Vector,
    class_weights: Vector | None = None,
    gamma: Scalar = 2,
    alpha: Scalar = 1,
) -> Vector:
    if len(logits) == 1:
        return total(logits * 0)  # A single class is certain, whatever its logit.
    terms = labels * log_softmax(logits)
    terms = terms if gamma == 0 else terms * power(misses(logits), gamma)
    return -alpha * total(terms if class_weights is None else terms * class_weights)


def misses(logits: Vector) -> Vector:
    """1 - softmax, as the sum of the others: no precision resolves 1 - e^-1e30."""
    powers = exp(logits)
    return others(powers) / total(powers)


# Model algorithms (see reference/running.py).

NEGLIGIBLE = 2.0**-30
"""Below, ln(1 + x) / x is 1 - x / 2 in every format."""


def strict_log_misses(a: Arithmetic, x: Any) -> Any:
    """ln(1 - s_j): for the largest logit, the log of the sum over the others less that of all."""
    first = a.largest(x)
    away = shifted(a, x)
    rest = strict_logsumexp(a, a.where(first, -math.inf, away))
    s = a.where(first, 0.0, shifted_softmax(a, x))
    return a.where(first, rest - strict_logsumexp(a, away), -a.log1p(s / (1 - s)))


def strict_focus(a: Arithmetic, x: Any, gamma: Any) -> Any:
    """(1 - s_j)^gamma, by logarithms: 1 - s may be below the smallest number, and its power not."""
    plain = a.zero(gamma)
    logs = a.where(plain, 0.0, gamma * strict_log_misses(a, x))
    return a.where(plain, 1.0, a.exp(logs))


def baseline_focus(a: Arithmetic, x: Any, gamma: Any) -> Any:
    """The same, or of 1 - s, not below 0; not for gamma < 1, where its derivative is infinite."""
    strict, steep = strict_focus(a, x, gamma), gamma - 1 < 0
    misses = a.where(steep, 1.0, a.relu(1 - baseline_softmax(a, x)))
    return a.any_of(strict, a.where(steep, strict, a.power(misses, gamma)))


def loss_per_miss(a: Arithmetic, x: Any) -> Any:
    """-s ln s / (1 - s), which tends to 1 with s."""
    first = a.largest(x)
    powers = shifted_powers(a, x)
    rest = a.total(a.where(first, 0.0, powers))
    tiny = rest < NEGLIGIBLE
    of_first = a.where(tiny, 1 - rest / 2, a.log1p(rest) / a.where(tiny, 1.0, rest))
    s = a.where(first, 0.0, powers / a.total(powers))
    of_other = -weighted(a, s, strict_log_softmax(a, x)) / (1 - s)
    return a.where(first, of_first, of_other)


def factors(a: Arithmetic, labels: Any, class_weights: Any, alpha: Any) -> Any:
    found = labels if class_weights is None else weighted(a, labels, class_weights)
    return found if alpha is None else alpha * found


def focal(model: Model) -> Model:
    """A model of logits, factors of the losses and gamma; 0 where there is a single class."""

    def whole(
        a: Arithmetic,
        logits: Any,
        labels: Any,
        class_weights: Any = None,
        gamma: Any = None,
        alpha: Any = None,
    ) -> Any:
        if logits.shape[-1] == 1:
            return logits * 0
        gamma = a.exact(2.0) if gamma is None else gamma
        return model(a, logits, labels, gamma, class_weights, alpha)

    return whole


def value(focus: Model, log_softmax: Model) -> Model:
    """-alpha sum_c w_c y_c (1 - s_c)^gamma ln s_c."""

    def model(a: Arithmetic, x: Any, labels: Any, gamma: Any, *weights: Any) -> Any:
        terms = focus(a, x, gamma) * log_softmax(a, x)
        return -a.total(weighted(a, factors(a, labels, *weights), terms))

    return focal(model)


def by_logits(focus: Model, residual: Model) -> Model:
    """s_j sum_i g_i - g_j, g = alpha w y ((1 - s)^gamma - gamma (1 - s)^(gamma - 1) s ln s)."""

    def model(a: Arithmetic, x: Any, labels: Any, gamma: Any, *weights: Any) -> Any:
        slope = focus(a, x, gamma) * (1 + gamma * loss_per_miss(a, x))
        return residual(a, x, weighted(a, factors(a, labels, *weights), slope))

    return focal(model)


def by_labels(focus: Model, log_softmax: Model) -> Model:
    """-alpha w_c (1 - s_c)^gamma ln s_c."""

    def model(a: Arithmetic, x: Any, _labels: Any, gamma: Any, *weights: Any) -> Any:
        terms = focus(a, x, gamma) * log_softmax(a, x)
        return -factors(a, terms, *weights)

    return focal(model)


def models(focus: Model, log_softmax: Model, residual: Model) -> dict[str, Model]:
    return {
        "value": value(focus, log_softmax),
        "gradient.logits": by_logits(focus, residual),
        "gradient.labels": by_labels(focus, log_softmax),
    }


OPERATORS = (
    Operator(
        "softmax_focal_loss",
        (Input("logits", "vector"), Input("labels", "vector")),
        "scalar",
        softmax_focal_loss,
        "-alpha sum_c w_c y_c (1 - s_c)^gamma ln s_c, s = softmax(x)",
        parameters={"class_weights": None, "gamma": 2.0, "alpha": 1.0},
        arrays=("class_weights",),
        strict=models(strict_focus, strict_log_softmax, strict_residual),
        baseline=models(baseline_focus, baseline_log_softmax, baseline_residual),
        derivatives={
            "logits": (
                "h_j - s_j sum_c h_c, h_c = alpha w_c y_c (gamma s_c (1 - s_c)^(gamma - "
                "1) ln s_c - (1 - s_c)^gamma)"
            ),
            "labels": "-alpha w_j (1 - s_j)^gamma ln s_j",
            "class_weights": "-alpha y_j (1 - s_j)^gamma ln s_j",
            "labels labels": "0",
        },
    ),
)
