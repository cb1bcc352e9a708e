"""Cross entropies over classes and the divergences beside them, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference.formats import Floats
from reference.operator import Input, Model, Operator, Rows
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_residual,
    infinite_logit,
    log_softmax,
    logsumexp,
    strict_log_softmax,
    strict_residual,
)
from reference.running import Arithmetic, weighted
from reference.tape import Labels, Scalar, Vector, total, where, xlogy


def cross_entropy(labels: Vector, probabilities: Vector) -> Vector:
    return -total(xlogy(labels, probabilities))


def kl_divergence(labels: Vector, log_probabilities: Vector) -> Vector:
    return total(xlogy(labels, labels) - labels * log_probabilities)


def softmax_cross_entropy(
    logits: Vector,
    labels: Vector,
    class_weights: Vector | None = None,
    label_smoothing: Scalar = 0,
) -> Vector:
    # A hard zero label times a weight stays an exact zero, so that 0 * inf = 0 needs no care.
    targets = labels if label_smoothing == 0 else smooth(labels, label_smoothing)
    terms = targets * log_softmax(logits)
    return -total(terms if class_weights is None else terms * class_weights)


def softmax_cross_entropy_index(
    logits: Vector,
    labels: Labels,
    class_weights: Vector | None = None,
    label_smoothing: Scalar = 0,
) -> Vector:
    if label_smoothing == 0:
        loss = logsumexp(logits) - logits[labels]
        loss = loss if class_weights is None else loss * class_weights[labels]
    else:
        one_hot = labels.one_hot(logits)
        loss = softmax_cross_entropy(logits, one_hot, class_weights, label_smoothing)
    return where(labels.kept, loss, 0)


def nll(log_probabilities: Vector, labels: Labels, class_weights: Vector | None = None) -> Vector:
    loss = -log_probabilities[labels]
    loss = loss if class_weights is None else loss * class_weights[labels]
    return where(labels.kept, loss, 0)


def kept_weight(rows: Rows, parameters: Mapping[str, Any]) -> Floats:
    """The class weight of each row's label (1 without weights), 0 for an ignored row."""
    labels = np.asarray(rows["labels"], dtype=np.int64)
    kept = labels != parameters.get("ignore_index")
    weights = parameters.get("class_weights")
    of_label = 1.0 if weights is None else np.asarray(weights)[np.where(kept, labels, 0)]
    return np.where(kept, of_label, 0.0)


def smooth(labels: Vector, label_smoothing: Scalar) -> Vector:
    """The labels, less a part of each that all classes share."""
    return labels * (1 - label_smoothing) + label_smoothing / len(labels)


# Model algorithms (see reference/running.py). Index labels arrive as rows with a one at the label.


def loss(log_softmax: Model, targets: Model) -> Model:
    """-sum_c t_c ln softmax(x)_c."""

    def model(a: Arithmetic, logits: Any, labels: Any, **options: Any) -> Any:
        return -a.total(weighted(a, targets(a, labels, **options), log_softmax(a, logits)))

    return model


def loss_by_logits(residual: Model, targets: Model) -> Model:
    """softmax(x)_c sum t - t_c."""

    def model(a: Arithmetic, logits: Any, labels: Any, **options: Any) -> Any:
        return residual(a, logits, targets(a, labels, **options))

    return model


def loss_by_labels(log_softmax: Model) -> Model:
    """-w_c (1 - a) ln softmax(x)_c."""

    def model(
        a: Arithmetic,
        logits: Any,
        _labels: Any,
        class_weights: Any = None,
        label_smoothing: Any = 0,
    ) -> Any:
        losses = -log_softmax(a, logits)
        if class_weights is not None:
            losses = weighted(a, class_weights, losses)
        return (1 - label_smoothing) * losses

    return model


def soft_targets(
    a: Arithmetic, labels: Any, class_weights: Any = None, label_smoothing: Any = None
) -> Any:
    """w_c ((1 - a) y_c + a / C): the factor of each -ln softmax(x)_c."""
    targets = labels
    if label_smoothing is not None:
        targets = (1 - label_smoothing) * labels + label_smoothing / labels.shape[-1]
    return targets if class_weights is None else weighted(a, targets, class_weights)


def index_targets(a: Arithmetic, labels: Any, **options: Any) -> Any:
    """The same; 0 in a row that is ignored."""
    ignored = np.logical_and.reduce(a.zero(labels), axis=-1, keepdims=True)
    return a.where(ignored, 0, soft_targets(a, labels, **options))


def likelihood(a: Arithmetic, log_probabilities: Any, labels: Any, **options: Any) -> Any:
    return -a.total(weighted(a, index_targets(a, labels, **options), log_probabilities))


def likelihood_by_log_probabilities(
    a: Arithmetic, _log_probabilities: Any, labels: Any, **options: Any
) -> Any:
    return -index_targets(a, labels, **options)


def entropy_between(a: Arithmetic, labels: Any, probabilities: Any) -> Any:
    return -a.total(weighted(a, labels, a.log(probabilities)))


def entropy_between_by_labels(a: Arithmetic, _labels: Any, probabilities: Any) -> Any:
    return -a.log(probabilities)


def entropy_between_by_probabilities(a: Arithmetic, labels: Any, probabilities: Any) -> Any:
    return -a.where(a.zero(labels), 0.0, labels / probabilities)


def strict_divergence(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.total(weighted(a, p, a.log(p)) - weighted(a, p, log_q))


def baseline_divergence(a: Arithmetic, p: Any, log_q: Any) -> Any:
    """Term by term, or the negative entropy plus the cross entropy."""
    apart = a.total(weighted(a, p, a.log(p))) - a.total(weighted(a, p, log_q))
    return a.any_of(strict_divergence(a, p, log_q), apart)


def divergence_by_labels(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.any_of(a.log(p) - log_q + 1, a.log(p) + 1 - log_q)


def divergence_by_log_probabilities(_a: Arithmetic, p: Any, _log_q: Any) -> Any:
    return -p


def baseline_divergence_by_log_probabilities(a: Arithmetic, p: Any, _log_q: Any) -> Any:
    """-p, or -e^(ln p) where the targets are handed over as logarithms."""
    return a.any_of(-p, -a.where(a.zero(p), 0.0, a.exp(a.log(p))))


ENTROPY_BETWEEN: dict[str, Model] = {
    "value": entropy_between,
    "gradient.labels": entropy_between_by_labels,
    "gradient.probabilities": entropy_between_by_probabilities,
}
LIKELIHOOD: dict[str, Model] = {
    "value": likelihood,
    "gradient.log_probabilities": likelihood_by_log_probabilities,
}

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
        strict=ENTROPY_BETWEEN,
        baseline=ENTROPY_BETWEEN,
    ),
    Operator(
        "kl_divergence",
        (Input("labels", "vector", (0.0, math.inf)), LOG_PROBABILITIES),
        "scalar",
        kl_divergence,
        "sum_c p_c (ln p_c - ln q_c), 0 ln 0 = 0",
        strict={
            "value": strict_divergence,
            "gradient.labels": divergence_by_labels,
            "gradient.log_probabilities": divergence_by_log_probabilities,
        },
        baseline={
            "value": baseline_divergence,
            "gradient.labels": divergence_by_labels,
            "gradient.log_probabilities": baseline_divergence_by_log_probabilities,
        },
    ),
    Operator(
        "softmax_cross_entropy",
        (LOGITS, LABELS),
        "scalar",
        softmax_cross_entropy,
        "-sum_c w_c t_c ln softmax(x)_c, t = (1 - a) y + a / C",
        parameters={"class_weights": None, "label_smoothing": 0.0},
        arrays=("class_weights",),
        may=infinite_logit,
        strict={
            "value": loss(strict_log_softmax, soft_targets),
            "gradient.logits": loss_by_logits(strict_residual, soft_targets),
            "gradient.labels": loss_by_labels(strict_log_softmax),
        },
        baseline={
            "value": loss(baseline_log_softmax, soft_targets),
            "gradient.logits": loss_by_logits(baseline_residual, soft_targets),
            "gradient.labels": loss_by_labels(baseline_log_softmax),
        },
    ),
    Operator(
        "softmax_cross_entropy_index",
        (LOGITS, INDEX),
        "scalar",
        softmax_cross_entropy_index,
        "-(1 - a) w_k ln softmax(x)_k - (a / C) sum_c w_c ln softmax(x)_c; 0 where k is ignored",
        parameters={"class_weights": None, "ignore_index": None, "label_smoothing": 0.0},
        arrays=("class_weights",),
        may=infinite_logit,
        weight=kept_weight,
        strict={
            "value": loss(strict_log_softmax, index_targets),
            "gradient.logits": loss_by_logits(strict_residual, index_targets),
        },
        baseline={
            "value": loss(baseline_log_softmax, index_targets),
            "gradient.logits": loss_by_logits(baseline_residual, index_targets),
        },
    ),
    Operator(
        "nll",
        (LOG_PROBABILITIES, INDEX),
        "scalar",
        nll,
        "-w_k lp_k; 0 where k is ignored",
        parameters={"class_weights": None, "ignore_index": None},
        arrays=("class_weights",),
        weight=kept_weight,
        strict=LIKELIHOOD,
        baseline=LIKELIHOOD,
    ),
)
