"""Cross entropies over classes, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference.formats import Floats
from reference.operator import Input, Model, Operator, Rows
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_residual,
    log_softmax,
    logsumexp,
    shifted,
    strict_log_softmax,
    strict_residual,
)
from reference.running import Arithmetic, Mask, weighted
from reference.tape import Labels, Scalar, Vector, total, where, xlogy


def cross_entropy(labels: Vector, probabilities: Vector) -> Vector:
    return -total(xlogy(labels, probabilities))


def softmax_cross_entropy(
    logits: Vector,
    labels: Vector,
    class_weights: Vector | None = None,
    label_smoothing: Scalar = 0,
    temperature: Scalar = 1,
    mask: Mask | None = None,
) -> Vector:
    # A hard zero label times a weight stays an exact zero, so that 0 * inf = 0 needs no care.
    targets = labels if label_smoothing == 0 else smooth(labels, label_smoothing, mask)
    logs = log_softmax(tempered(logits, temperature), mask)
    terms = targets * (logs if mask is None else where(mask, logs, 0))
    terms = terms if class_weights is None else terms * class_weights
    return -total(terms if mask is None else where(mask, terms, 0))


def softmax_cross_entropy_index(
    logits: Vector,
    labels: Labels,
    class_weights: Vector | None = None,
    label_smoothing: Scalar = 0,
    temperature: Scalar = 1,
    mask: Mask | None = None,
) -> Vector:
    if label_smoothing == 0:
        x = tempered(logits, temperature)
        loss = where(present(labels, mask), logsumexp(x, mask) - x[labels], 0)
        loss = loss if class_weights is None else loss * class_weights[labels]
    else:
        one_hot = labels.one_hot(logits)
        options = (class_weights, label_smoothing, temperature, mask)
        loss = softmax_cross_entropy(logits, one_hot, *options)
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


def smooth(labels: Vector, label_smoothing: Scalar, mask: Mask | None = None) -> Vector:
    """The labels, less a part of each that all classes share, or those inside the mask."""
    kept = labels * (1 - label_smoothing)
    if mask is None:
        return kept + label_smoothing / len(labels)
    ones = where(mask, 1, labels * 0)
    return kept + ones * label_smoothing / total(ones)


def tempered(logits: Vector, temperature: Scalar) -> Vector:
    return logits if temperature == 1 else logits / temperature


def present(labels: Labels, mask: Mask | None) -> Any:
    """Whether the class of each row is inside the mask, as rows of length 1."""
    if mask is None:
        return labels.kept | True
    return np.take_along_axis(mask, np.array(labels.classes, dtype=int)[:, None], axis=-1)


# Model algorithms (see reference/running.py). Index labels arrive as rows with a one at the label.


def with_logits(divided: Model) -> Callable[[Model], Model]:
    """For a model of logits and labels: logits by the temperature, and -inf outside the mask."""

    def decorated(model: Model) -> Model:
        def whole(
            a: Arithmetic,
            logits: Any,
            labels: Any,
            temperature: Any = None,
            mask: Mask | None = None,
            **options: Any,
        ) -> Any:
            x = logits if mask is None else a.where(mask, logits, -math.inf)
            x = x if temperature is None else divided(a, x, temperature)
            options |= {} if mask is None else {"mask": mask}
            return model(a, x, labels, **options)

        return whole

    return decorated


def strictly_divided(a: Arithmetic, x: Any, temperature: Any) -> Any:
    """Shifted first: the rounded quotients of large logits have large errors."""
    return shifted(a, x) / temperature


def plainly_divided(_a: Arithmetic, x: Any, temperature: Any) -> Any:
    return x / temperature


def within(a: Arithmetic, x: Any, mask: Mask | None) -> Any:
    return x if mask is None else a.where(mask, x, 0.0)


def loss(log_softmax: Model, targets: Model) -> Model:
    """-sum_c t_c ln softmax(x)_c."""

    def model(a: Arithmetic, logits: Any, labels: Any, **options: Any) -> Any:
        return -a.total(weighted(a, targets(a, labels, **options), log_softmax(a, logits)))

    return model


def loss_by_logits(residual: Model, targets: Model) -> Model:
    """softmax(x)_c sum t - t_c."""

    def model(a: Arithmetic, logits: Any, labels: Any, **options: Any) -> Any:
        slope = residual(a, logits, targets(a, labels, **options))
        return within(a, slope, options.get("mask"))

    return model


def per_temperature(model: Model) -> Model:
    """The derivative by the logits from that by the logits divided by the temperature."""

    def divided(a: Arithmetic, *inputs: Any, temperature: Any = None, **options: Any) -> Any:
        if temperature is None:
            return model(a, *inputs, **options)
        return model(a, *inputs, temperature=temperature, **options) / temperature

    return divided


def loss_by_labels(log_softmax: Model) -> Model:
    """-w_c (1 - a) ln softmax(x)_c."""

    def model(
        a: Arithmetic,
        logits: Any,
        _labels: Any,
        class_weights: Any = None,
        label_smoothing: Any = 0,
        mask: Mask | None = None,
    ) -> Any:
        losses = -log_softmax(a, logits)
        if class_weights is not None:
            losses = weighted(a, class_weights, losses)
        return within(a, (1 - label_smoothing) * losses, mask)

    return model


def soft_targets(
    a: Arithmetic,
    labels: Any,
    class_weights: Any = None,
    label_smoothing: Any = None,
    mask: Mask | None = None,
) -> Any:
    """w_c ((1 - a) y_c + a / C): the factor of each -ln softmax(x)_c."""
    targets = labels
    if label_smoothing is not None:
        targets = (1 - label_smoothing) * labels + label_smoothing / classes(a, labels, mask)
    targets = targets if class_weights is None else weighted(a, targets, class_weights)
    return within(a, targets, mask)


def classes(a: Arithmetic, labels: Any, mask: Mask | None) -> Any:
    """How many classes a row has inside the mask."""
    if mask is None:
        return labels.shape[-1]
    return a.exact(np.count_nonzero(mask, axis=-1, keepdims=True))


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


def index_models(divided: Model, log_softmax: Model, residual: Model) -> dict[str, Model]:
    tempered = with_logits(divided)
    return {
        "value": tempered(loss(log_softmax, index_targets)),
        "gradient.logits": per_temperature(tempered(loss_by_logits(residual, index_targets))),
    }


def soft_models(divided: Model, log_softmax: Model, residual: Model) -> dict[str, Model]:
    tempered = with_logits(divided)
    return {
        "value": tempered(loss(log_softmax, soft_targets)),
        "gradient.logits": per_temperature(tempered(loss_by_logits(residual, soft_targets))),
        "gradient.labels": tempered(loss_by_labels(log_softmax)),
    }


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
        derivatives={
            "labels": "-ln q_j",
            "probabilities": "-p_j / q_j",
            "probabilities probabilities": "delta_{i j} p_j / q_j^2",
            "labels probabilities": "-delta_{i j} / q_j",
            "labels labels": "0",
        },
        symbols={"labels": "p", "probabilities": "q"},
    ),
    Operator(
        "softmax_cross_entropy",
        (LOGITS, LABELS),
        "scalar",
        softmax_cross_entropy,
        "-sum_c w_c t_c ln s_c, s = softmax(x / T), t = (1 - a) y + a / C",
        parameters={
            "class_weights": None,
            "label_smoothing": 0.0,
            "temperature": 1.0,
            "mask": None,
        },
        arrays=("class_weights",),
        strict=soft_models(strictly_divided, strict_log_softmax, strict_residual),
        baseline=soft_models(plainly_divided, baseline_log_softmax, baseline_residual),
        derivatives={
            "logits": "(s_j sum_c w_c t_c - w_j t_j) / T",
            "class_weights": "-t_j ln s_j",
            "logits logits": "sum_c w_c t_c s_i (delta_{i j} - s_j) / T^2",
            "labels": "-(1 - a) w_j ln s_j",
            "logits labels": "(1 - a) w_j (s_i - delta_{i j}) / T",
            "labels labels": "0",
        },
    ),
    Operator(
        "softmax_cross_entropy_index",
        (LOGITS, INDEX),
        "scalar",
        softmax_cross_entropy_index,
        "-sum_c w_c t_c ln s_c, s = softmax(x / T), t_c = (1 - a) delta_{c k} + a / C",
        parameters={
            "class_weights": None,
            "ignore_index": None,
            "label_smoothing": 0.0,
            "temperature": 1.0,
            "mask": None,
        },
        arrays=("class_weights",),
        weight=kept_weight,
        strict=index_models(strictly_divided, strict_log_softmax, strict_residual),
        baseline=index_models(plainly_divided, baseline_log_softmax, baseline_residual),
        derivatives={
            "logits": "(s_j sum_c w_c t_c - w_j t_j) / T",
            "class_weights": "-t_j ln s_j",
            "logits logits": "sum_c w_c t_c s_i (delta_{i j} - s_j) / T^2",
        },
    ),
    Operator(
        "nll",
        (LOG_PROBABILITIES, INDEX),
        "scalar",
        nll,
        "-w_k l_k, l = ln p",
        parameters={"class_weights": None, "ignore_index": None},
        arrays=("class_weights",),
        weight=kept_weight,
        strict=LIKELIHOOD,
        baseline=LIKELIHOOD,
        derivatives={
            "log_probabilities": "-delta_{j k} w_k",
            "class_weights": "-delta_{j k} l_k",
            "log_probabilities log_probabilities": "0",
        },
    ),
)
