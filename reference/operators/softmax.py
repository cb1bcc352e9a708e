"""Softmax, its logarithm, and the log of the sum of exponentials, one row of classes at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reference.operator import Input, Model, Operator
from reference.running import Arithmetic, Mask
from reference.tape import Vector, exp, log, total, where

# Classes outside a mask do not take part: they have probability 0 and no gradient, whatever their
# logits. A row without a class inside is the empty sum.


def softmax(logits: Vector, mask: Mask | None = None) -> Vector:
    powers = exp(logits)
    if mask is None:
        return powers / total(powers)
    inside = where(mask, powers, 0)
    return where(mask, inside / total(inside), 0)


def logsumexp(logits: Vector, mask: Mask | None = None) -> Vector:
    if mask is None:
        return log(total(exp(logits)))
    return where(any_of(mask), log(total(where(mask, exp(logits), 0))), -math.inf)


def log_softmax(logits: Vector, mask: Mask | None = None) -> Vector:
    logs = logits - logsumexp(logits, mask)
    return logs if mask is None else where(mask, logs, -math.inf)


def any_of(mask: Mask) -> Mask:
    """Whether a row has a class inside the mask, as rows of length 1."""
    inside: Mask = np.any(mask, axis=-1, keepdims=True)
    return inside


# Model algorithms (see reference/running.py).


def shifted(a: Arithmetic, x: Any) -> Any:
    """The differences x - max x, at most 0."""
    return x - a.max(x)


def shifted_powers(a: Arithmetic, x: Any) -> Any:
    return a.exp(shifted(a, x), 0.0)


def log_rest(a: Arithmetic, x: Any) -> Any:
    """The log of sum_i e^(x_i - max x), by log1p of the sum over all but the largest."""
    powers = shifted_powers(a, x)
    return a.log1p(a.total(a.where(a.largest(x), 0.0, powers)))


def shifted_softmax(a: Arithmetic, x: Any) -> Any:
    powers = shifted_powers(a, x)
    return powers / a.total(powers)


def strict_logsumexp(a: Arithmetic, x: Any) -> Any:
    return a.max(x) + log_rest(a, x)


def strict_log_softmax(a: Arithmetic, x: Any) -> Any:
    return shifted(a, x) - log_rest(a, x)


def quotient(a: Arithmetic, x: Any) -> Any:
    """The same, with the derivative s_j (v_j - sum_i s_i v_i) of the rounded s.

    So in PyTorch (`_softmax_backward_data`), TensorFlow (`_SoftmaxGrad`) and JAX (`_softmax_jvp`).
    """
    return a.primitive(x, shifted_softmax(a, x), lambda up, s: s * (up - a.total(s * up)))


def baseline_logsumexp(a: Arithmetic, x: Any) -> Any:
    """With softmax as its derivative.

    So in the forward mode of PyTorch (`logsumexp_jvp`); in JAX and TensorFlow it is that of the
    steps, as the maximum is a constant there (`stop_gradient`).
    """
    steps = a.max(x) + a.log(a.total(shifted_powers(a, x)))
    return a.primitive(x, steps, lambda up, _: up * baseline_softmax(a, x))


def baseline_log_softmax(a: Arithmetic, x: Any) -> Any:
    """With the derivative v - s sum v, and t - sum s t along t; s is the quotient, or e^result.

    The former in JAX, whose maximum is a constant, and the forward mode of PyTorch, the latter in
    PyTorch (`_log_softmax_backward_data`) and TensorFlow (`_LogSoftmaxGrad`).
    """

    def pull(up: Any, logs: Any) -> Any:
        return up - a.any_of(quotient(a, x), a.exp(logs, 0.0)) * a.total(up)

    return a.primitive(x, shifted(a, x) - a.log(a.total(shifted_powers(a, x))), pull)


def baseline_softmax(a: Arithmetic, x: Any) -> Any:
    """The quotient, or e^log_softmax, as the gradients of log_softmax use it."""
    return a.any_of(quotient(a, x), a.exp(baseline_log_softmax(a, x), 0.0))


def strict_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    """s_j (v_j - sum_i s_i v_i), with v measured from its value at the largest logit.

    As softmax tends to one-hot, the sum then tends to 0 and nothing cancels.
    """
    s = shifted_softmax(a, x)
    difference = v - a.total(a.where(a.largest(x), v, 0.0))
    return s * (difference - a.total(s * difference))


def baseline_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    """s_j (v_j - sum_i s_i v_i), or the difference of its two products."""
    s = quotient(a, x)
    inner = a.total(s * v)
    return a.any_of(s * (v - inner), s * v - s * inner)


def strict_residual(a: Arithmetic, x: Any, t: Any) -> Any:
    """s_j sum_i t_i - t_j; where t_j is the only target of its row, -t_j sum_(i != j) s_i."""
    powers = shifted_powers(a, x)
    total = a.total(powers)
    others = a.total(a.where(a.zero(t), powers, 0.0))
    return a.where(alone(a, t), -t * (others / total), (powers / total) * a.total(t) - t)


def alone(a: Arithmetic, t: Any) -> Mask:
    """Where a target is the only one of its row that is not 0."""
    there = ~a.zero(t)
    only: Mask = there & (np.count_nonzero(there, axis=-1, keepdims=True) == 1)
    return only


def baseline_residual(a: Arithmetic, x: Any, t: Any) -> Any:
    return baseline_softmax(a, x) * a.total(t) - t


def strict_log_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    return -strict_residual(a, x, v)


def baseline_log_softmax_vjp(a: Arithmetic, x: Any, v: Any) -> Any:
    return -baseline_residual(a, x, v)


def inside(model: Model, outside: float) -> Model:
    """The model on the classes inside a mask; the others get `outside`, as does an empty sum."""

    def masked(a: Arithmetic, x: Any, *rest: Any, mask: Mask | None = None, **options: Any) -> Any:
        if mask is None:
            return model(a, x, *rest, **options)
        rest = tuple(a.where(mask, v, 0.0) for v in rest)
        found = model(a, a.where(mask, x, -math.inf), *rest, **options)
        return a.where(mask if found.shape[-1] == mask.shape[-1] else any_of(mask), found, outside)

    return masked


LOGITS = (Input("logits", "vector"),)
MASK = {"mask": None}

OPERATORS = (
    Operator(
        "softmax",
        LOGITS,
        "vector",
        softmax,
        "e^x_j / sum_i e^x_i",
        parameters=MASK,
        strict={
            "value": inside(shifted_softmax, 0),
            "gradient.logits": inside(strict_softmax_vjp, 0),
        },
        baseline={
            "value": inside(quotient, 0),
            "gradient.logits": inside(baseline_softmax_vjp, 0),
        },
        derivatives={
            "logits": "f_k (delta_{j k} - f_j)",
            "logits logits": (
                "f_k ((delta_{i k} - f_i) (delta_{j k} - f_j) - f_i (delta_{i j} - f_j))"
            ),
        },
    ),
    Operator(
        "log_softmax",
        LOGITS,
        "vector",
        log_softmax,
        "x_j - ln sum_i e^x_i",
        parameters=MASK,
        strict={
            "value": inside(strict_log_softmax, -math.inf),
            "gradient.logits": inside(strict_log_softmax_vjp, 0),
        },
        baseline={
            "value": inside(baseline_log_softmax, -math.inf),
            "gradient.logits": inside(baseline_log_softmax_vjp, 0),
        },
        derivatives={
            "logits": "delta_{j k} - s_j, s = softmax(x)",
            "logits logits": "-s_i (delta_{i j} - s_j), s = softmax(x)",
        },
    ),
    Operator(
        "logsumexp",
        LOGITS,
        "scalar",
        logsumexp,
        "ln sum_i e^x_i",
        parameters=MASK,
        strict={
            "value": inside(strict_logsumexp, -math.inf),
            "gradient.logits": inside(shifted_softmax, 0),
        },
        baseline={
            "value": inside(baseline_logsumexp, -math.inf),
            "gradient.logits": inside(baseline_softmax, 0),
        },
        empty=-math.inf,
        derivatives={
            "logits": "s_j, s = softmax(x)",
            "logits logits": "s_i (delta_{i j} - s_j), s = softmax(x)",
        },
    ),
)
