"""Softmax, its logarithm, and the log of the sum of exponentials, one row of classes at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.balls import Vector, exp, log, total
from reference.operator import Input, Operator, Rows
from reference.running import Arithmetic


def softmax(logits: Vector) -> Vector:
    powers = exp(logits)
    return powers / total(powers)


def logsumexp(logits: Vector) -> Vector:
    return log(total(exp(logits)))


def log_softmax(logits: Vector) -> Vector:
    return logits - logsumexp(logits)


def infinite_logit(rows: Rows) -> NDArray[np.bool_]:
    """Rows with a logit of +inf: the limit or NaN may be answered."""
    infinite: NDArray[np.bool_] = np.any(np.isposinf(rows["logits"]), axis=-1)
    return infinite


# Model algorithms (see reference/running.py).


def shifted(a: Arithmetic, x: Any) -> Any:
    """The differences x - max x, at most 0."""
    return x - a.max(x)


def log_rest(a: Arithmetic, x: Any) -> Any:
    """The log of sum_i e^(x_i - max x), by log1p of the sum over all but the largest."""
    powers = a.exp(shifted(a, x))
    return a.log1p(a.total(a.where(a.largest(x), 0.0, powers)))


def shifted_softmax(a: Arithmetic, x: Any) -> Any:
    powers = a.exp(shifted(a, x))
    return powers / a.total(powers)


def strict_logsumexp(a: Arithmetic, x: Any) -> Any:
    return a.max(x) + log_rest(a, x)


def strict_log_softmax(a: Arithmetic, x: Any) -> Any:
    return shifted(a, x) - log_rest(a, x)


def baseline_logsumexp(a: Arithmetic, x: Any) -> Any:
    return a.max(x) + a.log(a.total(a.exp(shifted(a, x))))


def baseline_log_softmax(a: Arithmetic, x: Any) -> Any:
    return shifted(a, x) - a.log(a.total(a.exp(shifted(a, x))))


def baseline_softmax(a: Arithmetic, x: Any) -> Any:
    """The quotient, or e^log_softmax, as the gradients of log_softmax use it."""
    return a.any_of(shifted_softmax(a, x), a.exp(baseline_log_softmax(a, x)))


def strict_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    """s_j (v_j - sum_i s_i v_i), with v measured from its value at the largest logit.

    As softmax tends to one-hot, the sum then tends to 0 and nothing cancels.
    """
    s = shifted_softmax(a, x)
    difference = v - a.total(a.where(a.largest(x), v, 0.0))
    return s * (difference - a.total(s * difference))


def baseline_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    """s_j (v_j - sum_i s_i v_i), or the difference of its two products."""
    s = shifted_softmax(a, x)
    inner = a.total(s * v)
    return a.any_of(s * (v - inner), s * v - s * inner)


def strict_residual(a: Arithmetic, x: Any, t: Any) -> Any:
    """s_j sum_i t_i - t_j; where t_j is the only target of its row, -t_j sum_(i != j) s_i."""
    powers = a.exp(shifted(a, x))
    total = a.total(powers)
    others = a.total(a.where(a.zero(t), powers, 0.0))
    only = ~a.zero(t) & (np.count_nonzero(~a.zero(t), axis=-1, keepdims=True) == 1)
    return a.where(only, -t * (others / total), (powers / total) * a.total(t) - t)


def baseline_residual(a: Arithmetic, x: Any, t: Any) -> Any:
    return baseline_softmax(a, x) * a.total(t) - t


def strict_log_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    return -strict_residual(a, x, v)


def baseline_log_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    return -baseline_residual(a, x, v)


def open_row(rows: Rows) -> NDArray[np.bool_]:
    """Rows where NaN may be answered: a +inf, or a masked class (0 in any case) beside a NaN."""
    logits = rows["logits"]
    masked_nan = np.isnan(logits).any(axis=-1) & np.isneginf(logits).any(axis=-1)
    return infinite_logit(rows) | masked_nan


LOGITS = (Input("logits", "vector"),)

OPERATORS = (
    Operator(
        "softmax",
        LOGITS,
        "vector",
        softmax,
        "e^x_j / sum_i e^x_i",
        may=open_row,
        strict={"value": shifted_softmax, "gradient.logits": strict_softmax_vjp},
        baseline={"value": shifted_softmax, "gradient.logits": baseline_softmax_vjp},
    ),
    Operator(
        "log_softmax",
        LOGITS,
        "vector",
        log_softmax,
        "x_j - ln sum_i e^x_i",
        may=open_row,
        strict={"value": strict_log_softmax, "gradient.logits": strict_log_softmax_vjp},
        baseline={"value": baseline_log_softmax, "gradient.logits": baseline_log_softmax_vjp},
    ),
    Operator(
        "logsumexp",
        LOGITS,
        "scalar",
        logsumexp,
        "ln sum_i e^x_i",
        strict={"value": strict_logsumexp, "gradient.logits": shifted_softmax},
        baseline={"value": baseline_logsumexp, "gradient.logits": baseline_softmax},
        may=infinite_logit,
        may_value=False,
    ),
)
