"""Softmax, its logarithm, and the log of the sum of exponentials, one row of classes at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference.balls import Vector, exp, log, total
from reference.operator import Input, Operator, Rows


def softmax(logits: Vector) -> Vector:
    powers = exp(logits)
    return powers / total(powers)


def logsumexp(logits: Vector) -> Vector:
    return log(total(exp(logits)))


def log_softmax(logits: Vector) -> Vector:
    return logits - logsumexp(logits)


def infinite_logit(rows: Rows) -> NDArray[np.bool_]:
    """Rows with a logit of +inf: the limit or NaN may be answered."""
    return np.isposinf(rows["logits"]).any(axis=-1)


LOGITS = (Input("logits", "vector"),)

OPERATORS = (
    Operator("softmax", LOGITS, "vector", softmax, "e^x_j / sum_i e^x_i", may=infinite_logit),
    Operator(
        "log_softmax",
        LOGITS,
        "vector",
        log_softmax,
        "x_j - ln sum_i e^x_i",
        may=infinite_logit,
    ),
    Operator("logsumexp", LOGITS, "scalar", logsumexp, "ln sum_i e^x_i"),
)
