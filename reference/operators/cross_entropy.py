"""Cross entropies over classes and the divergences beside them, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference.balls import Number, Vector, total, xlogy
from reference.formats import Floats
from reference.operator import Input, Operator, Rows
from reference.operators.softmax import infinite_logit, log_softmax, logsumexp

Weights = Sequence[Number] | None


def cross_entropy(labels: Vector, probabilities: Vector) -> Vector:
    return -total(xlogy(labels, probabilities))


def kl_divergence(labels: Vector, log_probabilities: Vector) -> Vector:
    return total(xlogy(labels, labels) - labels * log_probabilities)


def softmax_cross_entropy(
    logits: Vector, labels: Vector, class_weights: Weights = None, label_smoothing: Number = 0
) -> Vector:
    # A hard zero label times a weight stays an exact zero, so that 0 * inf = 0 needs no care.
    targets = labels if label_smoothing == 0 else _smooth(labels, label_smoothing)
    terms = targets * log_softmax(logits)
    return -total(terms if class_weights is None else terms * Vector.constant(class_weights))


def softmax_cross_entropy_index(
    logits: Vector,
    labels: int,
    class_weights: Weights = None,
    ignore_index: int | None = None,
    label_smoothing: Number = 0,
) -> Vector:
    if labels == ignore_index:
        return total(logits * 0)
    one_hot = Vector.constant([int(c == labels) for c in range(len(logits))])
    if label_smoothing == 0:
        loss = logsumexp(logits) - logits[labels]
        return loss if class_weights is None else loss * class_weights[labels]
    return softmax_cross_entropy(logits, one_hot, class_weights, label_smoothing)


def nll(
    log_probabilities: Vector,
    labels: int,
    class_weights: Weights = None,
    ignore_index: int | None = None,
) -> Vector:
    if labels == ignore_index:
        return total(log_probabilities * 0)
    loss = -log_probabilities[labels]
    return loss if class_weights is None else loss * class_weights[labels]


def kept_weight(rows: Rows, parameters: Mapping[str, Any]) -> Floats:
    """The class weight of each row's label (1 without weights), 0 for an ignored row."""
    labels = np.asarray(rows["labels"], dtype=np.int64)
    kept = labels != parameters.get("ignore_index")
    weights = parameters.get("class_weights")
    if weights is None:
        return kept.astype(np.float64)
    return np.where(kept, np.asarray(weights)[np.where(kept, labels, 0)], 0.0)


def _smooth(labels: Vector, label_smoothing: Number) -> Vector:
    amount = Vector.constant([label_smoothing])
    return labels * (1 - amount) + amount / len(labels)


LOGITS, LABELS = Input("logits", "vector"), Input("labels", "vector")
INDEX = Input("labels", "index")
LOG_PROBABILITIES = Input("log_probabilities", "vector")

OPERATORS = (
    Operator(
        "cross_entropy",
        (LABELS, Input("probabilities", "vector", (0.0, 1.0))),
        "scalar",
        cross_entropy,
        "-sum_c p_c ln q_c, 0 ln 0 = 0",
    ),
    Operator(
        "kl_divergence",
        (Input("labels", "vector", (0.0, math.inf)), LOG_PROBABILITIES),
        "scalar",
        kl_divergence,
        "sum_c p_c (ln p_c - ln q_c), 0 ln 0 = 0",
    ),
    Operator(
        "softmax_cross_entropy",
        (LOGITS, LABELS),
        "scalar",
        softmax_cross_entropy,
        "-sum_c w_c t_c ln softmax(x)_c, t = (1 - a) y + a / C",
        parameters={"class_weights": None, "label_smoothing": 0.0},
        may=infinite_logit,
    ),
    Operator(
        "softmax_cross_entropy_index",
        (LOGITS, INDEX),
        "scalar",
        softmax_cross_entropy_index,
        "-(1 - a) w_k ln softmax(x)_k - (a / C) sum_c w_c ln softmax(x)_c; 0 where k is ignored",
        parameters={"class_weights": None, "ignore_index": None, "label_smoothing": 0.0},
        may=infinite_logit,
        weight=kept_weight,
    ),
    Operator(
        "nll",
        (LOG_PROBABILITIES, INDEX),
        "scalar",
        nll,
        "-w_k lp_k; 0 where k is ignored",
        parameters={"class_weights": None, "ignore_index": None},
        weight=kept_weight,
    ),
)
